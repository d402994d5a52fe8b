"""The command stage: reads the commands topic in a consumer group and carries out each command.

Kafka is the queue: a message's offset is committed when its outcome is durable (invariant 5). A command that
was not finished is read again by the process that has its partition then. Commands that another live process
has taken are left to that process; the ledger names it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import structlog
from msgspec import Struct
from trackerrms_contracts import codec, dead_letters, events, ids, topics

from bridge import kafka
from bridge.commands import decoding, results
from bridge.commands.account import Account, CommandLimits, CommandTerms
from bridge.commands.completion import CompletionWriter
from bridge.commands.decoding import DecodedCommand, InvalidCommand
from bridge.commands.keyed_executor import KeyedExecutor
from bridge.commands.runner import Runner, Stopping, TakenCommand
from bridge.config import CommandsConfig, IntegrationConfig, KafkaConfig
from bridge.errors import LeaseLost
from bridge.hashing import Hasher
from bridge.kafka import ConsumedRecord, ReadLimits, TakenRecord
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
_PRUNE_SECONDS = 600.0
# The read-ahead: enough to keep every integration busy, and bounded.
_LIMITS = ReadLimits(records_at_once=200, waiting_records=1_000, waiting_bytes=128 * 1024 * 1024)
_LARGE_BYTES = 256 * 1024

ConnectIntegration = Callable[[IntegrationConfig], AbstractAsyncContextManager[Client]]


class CommandDependencies(Struct, frozen=True, kw_only=True):
    """The dependencies of the stage."""

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
    """The stage. The supervisor calls ``run``."""

    def __init__(self, parts: CommandDependencies) -> None:
        self._parts = parts

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out commands until ``stop``. Those in progress may then continue until the supervisor's
        deadline.

        Raises ``Transient`` if Kafka or the store is unavailable, ``LeaseLost`` if this process lost its
        lease.
        """
        parts, name = self._parts, commands.new_lease_name()
        lease = await leases.acquire(parts.db, name, leases.holder_name(), _LEASE_SECONDS)
        if lease is None:
            raise AssertionError("a lease with a new name must be free")
        async with contextlib.AsyncExitStack() as stack:
            held = await stack.enter_async_context(leases.LeaseKeeper(parts.db, lease, _LEASE_SECONDS))
            finisher = await stack.enter_async_context(CompletionWriter(parts.db, lease))
            outbound = await stack.enter_async_context(parts.outbound())
            runners = {
                integration.id: await self._runner(stack, integration, lease, finisher, outbound, stop)
                for integration in parts.integrations
            }
            await _Watch(parts, held, runners, stop).consume()

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
    """A run of the stage, with the commands that it has read and not finished yet."""

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
        self._lanes: KeyedExecutor[tuple[TakenRecord, TakenCommand]] = KeyedExecutor(self._carry_out)
        prefix = parts.kafka.topic_prefix
        self._reader = kafka.GroupReader(
            parts.kafka, [topics.commands(prefix)], group_id=f"{prefix}.bridge-commands", limits=_LIMITS
        )
        self._pruned_at = 0.0

    async def consume(self) -> None:
        """Admit commands until the stage stops; then wait for those in progress."""
        async with self._reader as reader:
            try:
                await reader.run(self._stop, admit=self._do_round, check=self._check, drain=self._lanes.drain)
            finally:
                await self._lanes.cancel()
                if self._lanes.failed.done():
                    self._lanes.failed.exception()

    async def _do_round(self, records: Sequence[TakenRecord]) -> None:
        if records:
            await self._admit(records)
        await self._prune()

    def _check(self) -> None:
        if self._held.lost.is_set():
            raise LeaseLost("commands: the lease expired")
        if self._lanes.failed.done():
            self._lanes.failed.result()

    async def _prune(self) -> None:
        if time.monotonic() - self._pruned_at < _PRUNE_SECONDS:
            return
        self._pruned_at = time.monotonic()
        await commands.prune_commands(self._parts.db, self._parts.retention_days)
        await commands.forget_dead_leases(self._parts.db)

    # --- admitting messages ---

    async def _admit(self, records: Sequence[TakenRecord]) -> None:
        """Enter the valid commands into the ledger, report the invalid ones, and start the valid ones."""
        read = [(taken, await self._read(taken.record)) for taken in records]
        accepted = [
            (taken, found, self._entry(taken.record, found))
            for taken, found in read
            if isinstance(found, DecodedCommand)
        ]
        denied = [(taken, found) for taken, found in read if isinstance(found, InvalidCommand)]
        entries = {entry.key: entry for _, _, entry in reversed(accepted)}
        async with self._parts.db.transaction() as tx:
            await leases.assert_held(tx, self._held.lease)
            new = await commands.enter(tx, self._held.lease.name, list(entries.values()))
            await self._report(tx, [(taken.record, found) for taken, found in denied])
        for taken, _ in denied:
            self._reader.finish(taken)
        for taken, found, entry in accepted:
            self._start(taken, found, entry, new=entry.key in new)
            # Of two messages with the same id, the first is the command and the other repeats it.
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

    def _start(self, taken: TakenRecord, found: DecodedCommand, entry: NewCommand, *, new: bool) -> None:
        work = TakenCommand(
            key=entry.key,
            type=entry.type,
            content=entry.content,
            input=found.input,
            position=entry.position,
            subject=entry.subject,
            new=new,
            taken_at=time.monotonic(),
        )
        lane = entry.subject or f"command:{entry.key.command_id}"
        self._lanes.add((entry.key.integration_id, lane), (taken, work))

    async def _carry_out(self, item: tuple[TakenRecord, TakenCommand]) -> None:
        taken, work = item
        try:
            await self._runners[work.key.integration_id].carry_out(work)
        except Stopping:
            return
        self._reader.finish(taken)

    # --- invalid messages ---

    async def _report(self, tx: Tx, denied: Sequence[tuple[ConsumedRecord, InvalidCommand]]) -> None:
        """Write a dead letter for each invalid message, and a result if its id can be read."""
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
            time=record.at,
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
    """Return the position of a message on Kafka: ``topic/partition/offset``."""
    return f"{record.topic}/{record.partition}/{record.offset}"
