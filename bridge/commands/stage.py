"""The command stage: reads the commands topic in a consumer group and sees each command to its end.

Kafka is the queue: a message's offset is committed once what came of it is durable (invariant 5), so a
command that was not finished is read again by whoever has its partition then. Work that another living
process has taken is left to it: the ledger says whose it is.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import structlog
from msgspec import Struct
from trackerrms_contracts import codec, dead_letters, events, ids, topics

from bridge import heartbeat, kafka
from bridge.commands import decoding, results
from bridge.commands.account import Account, CommandLimits, CommandTerms
from bridge.commands.completion import CompletionWriter
from bridge.commands.decoding import DecodedCommand, InvalidCommand
from bridge.commands.keyed_executor import KeyedExecutor
from bridge.commands.runner import Runner, Stopping, TakenCommand
from bridge.config import CommandsConfig, IntegrationConfig, KafkaConfig
from bridge.errors import LeaseLost
from bridge.hashing import Hasher
from bridge.kafka import ConsumedRecord, Offsets, Where
from bridge.outbound import Outbound
from bridge.sealing import Sealer
from bridge.store import commands, leases, outbox
from bridge.store.commands import CommandKey, NewCommand
from bridge.store.database import Database, Tx
from bridge.store.leases import Lease
from bridge.store.outbox import OutboxRow
from bridge.tracker.client import Client

_log = structlog.get_logger(__name__)
_LEASE_SECONDS = 15.0
_READ_SECONDS = 0.2
_COMMIT_SECONDS = 0.5
_PRUNE_SECONDS = 600.0
_RECORDS_AT_ONCE = 200
# What is read ahead of its turn: enough to keep every integration busy, and bounded.
_MOST_WAITING = 1_000
_MOST_WAITING_BYTES = 128 * 1024 * 1024
_LARGE_BYTES = 256 * 1024

ConnectIntegration = Callable[[IntegrationConfig], AbstractAsyncContextManager[Client]]


class CommandDependencies(Struct, frozen=True, kw_only=True):
    """What the stage is built from."""

    db: Database
    hasher: Hasher
    sealer: Sealer
    kafka: KafkaConfig
    config: CommandsConfig
    integrations: tuple[IntegrationConfig, ...]
    max_message_bytes: int
    retention_days: float
    connect: ConnectIntegration
    outbound: Callable[[], AbstractAsyncContextManager[Outbound]]
    limits: CommandLimits = CommandLimits()


class CommandStage:
    """The stage; ``run`` is what the supervisor calls."""

    def __init__(self, parts: CommandDependencies) -> None:
        self._parts = parts

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out commands until ``stop``; those under way then have until the supervisor's patience ends.

        Raises ``Transient`` when Kafka or the store is away, ``LeaseLost`` when another process took this
        one for dead.
        """
        parts, name = self._parts, commands.new_lease_name()
        lease = await leases.acquire(parts.db, name, leases.holder_name(), _LEASE_SECONDS)
        if lease is None:
            raise AssertionError("a lease of a name nobody has is free")
        async with contextlib.AsyncExitStack() as stack:
            held = await stack.enter_async_context(leases.LeaseKeeper(parts.db, lease, _LEASE_SECONDS))
            finisher = await stack.enter_async_context(CompletionWriter(parts.db, lease))
            outbound = await stack.enter_async_context(parts.outbound())
            runners = {
                integration.id: await self._runner(stack, integration, lease, finisher, outbound, stop)
                for integration in parts.integrations
            }
            watch = _Watch(parts, held, runners, stop)
            async with watch.reading() as consumer:
                await watch.consume(consumer)

    async def _runner(
        self,
        stack: contextlib.AsyncExitStack,
        integration: IntegrationConfig,
        lease: Lease,
        finisher: CompletionWriter,
        outbound: Outbound,
        stop: asyncio.Event,
    ) -> Runner:
        parts = self._parts
        client = await stack.enter_async_context(parts.connect(integration))
        terms = CommandTerms(
            integration=integration,
            config=parts.config,
            limits=parts.limits,
            topic_prefix=parts.kafka.topic_prefix,
            max_message_bytes=parts.max_message_bytes,
        )
        account = Account(terms, parts.db, client, outbound, parts.hasher)
        return Runner(account, parts.db, lease, finisher, parts.sealer, stop)


class _Watch:
    """One run of the stage: what it has read and not finished yet."""

    def __init__(
        self,
        parts: CommandDependencies,
        held: leases.LeaseKeeper,
        runners: Mapping[str, Runner],
        stop: asyncio.Event,
    ) -> None:
        self._parts = parts
        self._held = held
        self._runners = runners
        self._stop = stop
        self._offsets = Offsets()
        self._lanes: KeyedExecutor[tuple[ConsumedRecord, TakenCommand]] = KeyedExecutor(self._carry_out)
        self._waiting = 0
        self._waiting_bytes = 0
        self._committed_at = time.monotonic()
        self._pruned_at = 0.0

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[kafka.Consumer]:
        """The consumer in the bridge's group; what it loses to another process is not committed any more."""
        prefix = self._parts.kafka.topic_prefix

        async def lost(partitions: Collection[Where]) -> None:
            self._offsets.lose(partitions)

        async with kafka.Consumer(
            self._parts.kafka,
            [topics.commands(prefix)],
            group_id=f"{prefix}.bridge-commands",
            on_lost=lost,
        ) as consumer:
            yield consumer

    async def consume(self, consumer: kafka.Consumer) -> None:
        """Read, admit, commit, until told to stop; then let what is under way end."""
        try:
            while not self._stop.is_set():
                heartbeat.beat()
                self._check()
                consumer.hold(self._waiting >= _MOST_WAITING or self._waiting_bytes >= _MOST_WAITING_BYTES)
                await self._admit(await consumer.getmany(_READ_SECONDS, _RECORDS_AT_ONCE))
                if time.monotonic() - self._committed_at >= _COMMIT_SECONDS:
                    await self._commit(consumer)
                await self._prune()
            await self._lanes.drain()
            self._check()
            await self._commit(consumer)
        finally:
            await self._lanes.cancel()
            if self._lanes.failed.done():
                self._lanes.failed.exception()

    def _check(self) -> None:
        if self._held.lost.is_set():
            raise LeaseLost("commands: the lease ran out")
        if self._lanes.failed.done():
            self._lanes.failed.result()

    async def _commit(self, consumer: kafka.Consumer) -> None:
        self._committed_at = time.monotonic()
        due = self._offsets.due()
        if due:
            await consumer.commit(due)

    async def _prune(self) -> None:
        if time.monotonic() - self._pruned_at < _PRUNE_SECONDS:
            return
        self._pruned_at = time.monotonic()
        await commands.prune_commands(self._parts.db, self._parts.retention_days)
        await commands.forget_dead_leases(self._parts.db)

    # --- admitting messages ---

    async def _admit(self, records: Sequence[ConsumedRecord]) -> None:
        """Enter the commands among ``records`` into the ledger, report the rest, and set all on their way."""
        if not records:
            return
        for record in records:
            self._offsets.take((record.topic, record.partition), record.offset)
        read = [(record, await self._read(record)) for record in records]
        accepted = [
            (record, found, self._entry(record, found))
            for record, found in read
            if isinstance(found, DecodedCommand)
        ]
        denied = [(record, found) for record, found in read if isinstance(found, InvalidCommand)]
        entries = {entry.key: entry for _, _, entry in reversed(accepted)}
        async with self._parts.db.transaction() as tx:
            await leases.assert_held(tx, self._held.lease)
            new = await commands.enter(tx, self._held.lease.name, list(entries.values()))
            await self._report(tx, denied)
        for record, _ in denied:
            self._offsets.finish((record.topic, record.partition), record.offset)
        for record, found, entry in accepted:
            self._start(record, found, entry, new=entry.key in new)
            # Of two messages with one id the first is the command, the other asks again.
            new.discard(entry.key)

    async def _read(self, record: ConsumedRecord) -> DecodedCommand | InvalidCommand:
        if record.value is not None and len(record.value) > _LARGE_BYTES:
            return await asyncio.to_thread(decoding.decode_command, record.value, self._runners)
        return decoding.decode_command(record.value, self._runners)

    def _entry(self, record: ConsumedRecord, found: DecodedCommand) -> NewCommand:
        key = CommandKey(integration_id=found.command.integrationid, command_id=found.command.id)
        return NewCommand(
            key=key,
            type=found.command.type,
            content=self._parts.hasher.content(found.command.type, found.canonical),
            position=_position(record),
            subject=self._subject(key.integration_id, found.input),
            target=decoding.target(key.integration_id, found.input),
        )

    def _subject(self, integration_id: str, data: decoding.Input) -> str | None:
        subject = decoding.subject(integration_id, data)
        if subject is not None and subject.startswith("address:"):
            return f"address:{self._parts.hasher.address(subject.removeprefix('address:')).hex()}"
        return subject

    def _start(self, record: ConsumedRecord, found: DecodedCommand, entry: NewCommand, *, new: bool) -> None:
        work = TakenCommand(
            key=entry.key,
            type=entry.type,
            content=entry.content,
            input=found.input,
            position=entry.position,
            subject=entry.subject,
            new=new,
            taken_at=time.monotonic(),
            size=len(record.value or b""),
        )
        self._waiting += 1
        self._waiting_bytes += work.size
        lane = entry.subject or f"command:{entry.key.command_id}"
        self._lanes.add((entry.key.integration_id, lane), (record, work))

    async def _carry_out(self, item: tuple[ConsumedRecord, TakenCommand]) -> None:
        record, work = item
        try:
            await self._runners[work.key.integration_id].carry_out(work)
        except Stopping:
            return
        self._offsets.finish((record.topic, record.partition), record.offset)
        self._waiting -= 1
        self._waiting_bytes -= work.size

    # --- what is no command ---

    async def _report(self, tx: Tx, denied: Sequence[tuple[ConsumedRecord, InvalidCommand]]) -> None:
        """A dead letter for each message that is no command, and a result where its id can be read."""
        rows: list[OutboxRow] = []
        for record, found in denied:
            rows.append(self._dead_letter(record, found))
            if found.command_id is not None:
                result = results.build_envelope(
                    found.integration_id,
                    found.command_id,
                    found.type,
                    "failed",
                    failure=found.failure,
                    variant=_position(record),
                )
                rows.append(results.row(self._parts.kafka.topic_prefix, result))
            _log.warning(
                "command.refused",
                code=found.failure.code,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
        await outbox.append(tx, rows)

    def _dead_letter(self, record: ConsumedRecord, found: InvalidCommand) -> OutboxRow:
        position = _position(record)
        letter = dead_letters.DeadLetter(
            id=ids.dead_letter_id(found.integration_id, position, "command.refused", ""),
            source=f"trackerrms/{found.integration_id}",
            type="command.refused",
            subject=position,
            time=datetime.fromtimestamp(max(0, record.timestamp_ms) / 1000, UTC),
            integrationid=found.integration_id,
            data=dead_letters.RefusedMessage(
                reason=f"{found.failure.code}: {found.failure.message}",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            ),
        )
        return OutboxRow(
            topic=topics.dead_letter(self._parts.kafka.topic_prefix),
            key=position.encode(),
            value=codec.encode(letter),
            headers=events.headers(letter.id, letter.type, found.integration_id),
        )


def _position(record: ConsumedRecord) -> str:
    """Where a message stands on Kafka: ``topic/partition/offset``."""
    return f"{record.topic}/{record.partition}/{record.offset}"
