"""Execution of one command to its end: tries with pauses until a deadline, then one result."""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import structlog
from msgspec import Struct
from trackerrms_contracts.commands import Failure

from bridge import metrics
from bridge.commands import errors, handlers, results
from bridge.commands.account import Account
from bridge.commands.completion import CommandLedger, CompletionWriter, End, format_step
from bridge.commands.decoding import Input
from bridge.commands.errors import CommandFailed, Undetermined
from bridge.commands.handlers import Handled, NeverKnown
from bridge.commands.results import Done
from bridge.errors import BridgeError, LeaseLost
from bridge.retry import Backoff
from bridge.runtime import supervisor
from bridge.sealing import Sealer
from bridge.store import commands, leases, outbox
from bridge.store.commands import CommandClaim, CommandKey, Ending
from bridge.store.database import Database
from bridge.store.leases import Lease

_log = structlog.get_logger(__name__)
PURPOSE = "command result"
"""Purpose that results are sealed for."""
_BACKOFF = Backoff(1.0, 60.0)
_BUSY_SECONDS = 0.2
# Key, headers and the record's own header.
_AROUND_BYTES = 1024


class TakenCommand(Struct, frozen=True, kw_only=True):
    """A command read from Kafka. ``new``: it was not in the ledger before; ``subject``: what it writes to,
    without an address; ``taken_at``: by a monotonic clock."""

    key: CommandKey
    type: str
    content: bytes
    input: Input
    position: str
    subject: str | None
    new: bool
    taken_at: float


class Stopping(Exception):
    """The stage must stop: the command stays as it is, for the next process."""


class Runner:
    """Executes the commands of one integration, at most ``in_flight`` at a time."""

    def __init__(
        self,
        account: Account,
        db: Database,
        lease: Lease,
        finisher: CompletionWriter,
        sealer: Sealer,
        stop: asyncio.Event,
    ) -> None:
        self._account = account
        self._db = db
        self._lease = lease
        self._finisher = finisher
        self._sealer = sealer
        self._stop = stop
        self._slots = asyncio.Semaphore(account.terms.limits.in_flight)

    async def carry_out(self, work: TakenCommand) -> None:
        """Return when the command has its one result. Raises ``Stopping``; ``LeaseLost`` and ``Transient`` if
        the ledger can't be written."""
        began_at, tries, sent = work.taken_at, 0, False
        if not work.new:
            claim = await self._take(work)
            if not claim.ours:
                await self._answer_again(work, claim)
                return
            began_at = min(began_at, time.monotonic() - claim.age_seconds)
            tries, sent = claim.tries, claim.step == handlers.SENDING
        await self._claim(work)
        await self._try_until(work, began_at + self._account.terms.config.deadline_seconds, tries, sent)

    async def _try_until(self, work: TakenCommand, deadline: float, tries: int, sent: bool) -> None:
        ledger = CommandLedger(self._db, self._lease, work.key)
        while True:
            tries += 1
            try:
                handled = await self._attempt(work, ledger, sent=sent)
            except errors.TROUBLE as error:
                failed = errors.failure_of(error)
                pause = self._pause_after(failed, tries, deadline)
                if pause is None:
                    left = Handled(done=Done(result=None), requests=ledger.requests())
                    await self._end(work, _ending_of(failed), tries, left, failed.failure)
                    return
                await self._wait(work, failed.failure, tries, pause)
                # A command that may be retried was not sent, or checks for its own effect.
                sent = False
            else:
                await self._end(work, "succeeded", tries, handled)
                return

    async def _attempt(self, work: TakenCommand, ledger: CommandLedger, *, sent: bool) -> Handled:
        if self._stop.is_set():
            raise Stopping
        async with self._slots:
            if self._stop.is_set():
                raise Stopping
            try:
                return await handlers.handle_command(self._account, ledger, work.input, sent=sent)
            except BridgeError:
                raise
            except Exception as error:
                # A bug must not block the partition: the same message would hit it after every restart.
                _log.exception("command.crashed", integration=self._account.id, type=work.type)
                raise CommandFailed(
                    "PLATFORM.UNKNOWN_ERROR",
                    f"{type(error).__name__}; see the bridge's log, and please report it",
                ) from error

    # --- whose it is ---

    async def _take(self, work: TakenCommand) -> CommandClaim:
        """Take over a command that was in the ledger already, once no other process executes it."""
        while True:
            async with self._db.transaction() as tx:
                await leases.assert_held(tx, self._lease)
                claim = await commands.take_command(tx, self._lease.name, work.key, work.content)
            if claim is None:
                raise LeaseLost(f"command {work.key.command_id} was pruned while it was read")
            if claim.content != work.content or claim.ours or claim.result is not None:
                return claim
            if await supervisor.pause(self._stop, _BUSY_SECONDS):
                raise Stopping

    async def _claim(self, work: TakenCommand) -> None:
        """Claim the person, so that only one process at a time executes its commands."""
        if work.subject is None or not work.subject.startswith("address:"):
            return
        ledger = CommandLedger(self._db, self._lease, work.key)
        while not await ledger.claim(work.subject):
            if await supervisor.pause(self._stop, _BUSY_SECONDS):
                raise Stopping

    # --- between tries ---

    def _pause_after(self, failed: CommandFailed, tries: int, deadline: float) -> float | None:
        """Return the seconds until the next try, ``None`` if there is none."""
        if not failed.failure.retryable:
            return None
        # The count is the ledger's: another process may have made the first tries.
        asked = failed.retry_after_seconds
        pause = _BACKOFF.pause_after(tries) if asked is None else asked
        return pause if time.monotonic() + pause < deadline else None

    async def _wait(self, work: TakenCommand, failure: Failure, tries: int, seconds: float) -> None:
        ledger = CommandLedger(self._db, self._lease, work.key)
        await ledger.note("waiting", [format_step("failed", f"{failure.code}: {failure.message}")], tries)
        _log.info(
            "command.delayed",
            integration=self._account.id,
            type=work.type,
            command=work.key.command_id,
            code=failure.code,
            tries=tries,
            again_in_seconds=round(seconds, 1),
        )
        if await supervisor.pause(self._stop, seconds):
            raise Stopping

    # --- the end ---

    async def _end(
        self,
        work: TakenCommand,
        ending: commands.Final,
        tries: int,
        handled: Handled,
        failure: Failure | None = None,
    ) -> None:
        row = self._row(work, ending, handled.done, failure)
        size = len(row.value or b"")
        if size + _AROUND_BYTES > self._account.terms.max_message_bytes:
            said = f"the result was left out: its {size} bytes exceed kafka.max_message_bytes; raise it"
            row = self._row(work, ending, Done(result=None, warnings=(said,)), failure)
        what = f"{failure.code}: {failure.message}" if failure else "done"
        await self._finisher.finish(
            End(
                ending=Ending(
                    key=work.key,
                    state=ending,
                    error_code=failure.code if failure else None,
                    result=self._sealer.seal(PURPOSE, row.value or b""),
                    history=[format_step(ending, what)],
                    tries=tries,
                ),
                row=row,
                requests=handled.requests,
                attempt=handled.attempt,
            )
        )
        metrics.COMMANDS.labels(work.type, ending).inc()
        metrics.COMMAND_SECONDS.labels(work.type).observe(time.monotonic() - work.taken_at)
        _log.info(
            "command.finished",
            integration=self._account.id,
            type=work.type,
            command=work.key.command_id,
            state=ending,
            code=failure.code if failure else None,
            tries=tries,
            seconds=round(time.monotonic() - work.taken_at, 3),
        )

    def _row(
        self, work: TakenCommand, ending: commands.Final, done: Done, failure: Failure | None
    ) -> outbox.OutboxRow:
        key = work.key
        result = results.build_envelope(
            key.integration_id, key.command_id, work.type, ending, done=done, failure=failure
        )
        return results.row(self._account.terms.topic_prefix, result)

    async def _answer_again(self, work: TakenCommand, claim: CommandClaim) -> None:
        """Answer a command that has ended before: a repetition, a reused id, or a Kafka duplicate."""
        if claim.content != work.content:
            await self._refuse_reuse(work)
        elif claim.position != work.position and claim.result is not None:
            value = self._sealer.open(PURPOSE, claim.result)
            result = msgspec.json.decode(value, type=_Head)
            row = results.stored_row(
                self._account.terms.topic_prefix,
                result.id,
                result.type,
                work.key.integration_id,
                work.key.command_id,
                value,
            )
            await self._publish([row])

    async def _refuse_reuse(self, work: TakenCommand) -> None:
        failure = errors.failure_of_code(
            "PLATFORM.INPUT_INVALID",
            "id: an earlier command with this id has other content; give each command its own id",
        )
        result = results.build_envelope(
            work.key.integration_id,
            work.key.command_id,
            work.type,
            "failed",
            failure=failure,
            variant=work.content.hex(),
        )
        await self._publish([results.row(self._account.terms.topic_prefix, result)])

    async def _publish(self, rows: Sequence[outbox.OutboxRow]) -> None:
        async with self._db.transaction() as tx:
            await leases.assert_held(tx, self._lease)
            await outbox.append(tx, rows)


class _Head(Struct, frozen=True, kw_only=True):
    id: str
    type: str


def _ending_of(failed: CommandFailed) -> commands.Final:
    return "unknown" if isinstance(failed, Undetermined | NeverKnown) else "failed"
