"""The ledger of one command, and the one transaction in which commands end."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from msgspec import Struct
from trackerrms_contracts.entities import Model

from bridge.clock import utc_now
from bridge.errors import LeaseLost
from bridge.store import attempts, commands, leases, lookups, outbox, read_requests
from bridge.store.attempts import Attempt, AttemptProgress
from bridge.store.commands import CommandKey, Ending
from bridge.store.database import Database, Tx
from bridge.store.leases import Lease
from bridge.store.outbox import OutboxRow
from bridge.store.read_requests import ReadRequest
from bridge.tasks import cancel_and_wait


def format_step(step: str, what: str) -> dict[str, str]:
    """Build a line of a command's history: a step, its outcome (ids, paths and statuses), and the time."""
    return {"at": utc_now().isoformat(timespec="milliseconds"), "step": step, "what": what}


class Place(Struct, frozen=True, kw_only=True):
    """The key of an attempt: the keyed hash of the address, and the job."""

    address: bytes
    job_id: int


class CommandLedger:
    """Writes of one command while it is executed, under this process's lease as its holder."""

    def __init__(self, db: Database, lease: Lease, key: CommandKey) -> None:
        self.key = key
        self._db = db
        self._lease = lease
        self._touched: dict[str, str] = {}

    def requests(self) -> tuple[ReadRequest, ...]:
        """Return the records that its attempt has written so far, to be read even if the command failed."""
        return tuple(
            ReadRequest(
                integration_id=self.key.integration_id,
                resource=resource,
                row_id=int(remote_id),
                cause="command",
                command_id=self.key.command_id,
            )
            for resource, remote_id in self._touched.items()
        )

    async def note(self, step: str | None, lines: Sequence[Mapping[str, Any]] = (), tries: int = 0) -> None:
        """Save the command's step. Raises ``LeaseLost`` if another process has the command now."""
        async with self._db.transaction() as tx:
            await self._note(tx, step, lines, tries)

    async def claim(self, subject: str) -> bool:
        """Claim ``subject`` exclusively until the command ends. Return ``False`` if another command has
        it."""
        async with self._db.transaction() as tx:
            await leases.assert_held(tx, self._lease)
            return await commands.claim_subject(tx, self._lease.name, self.key, subject)

    async def attempt(self, place: Place) -> Attempt | None:
        """Return the attempt at that place, whichever command began it."""
        async with self._db.transaction() as tx:
            return await attempts.load_attempt(tx, self.key.integration_id, place.address, place.job_id)

    async def save(
        self,
        place: Place,
        progress: AttemptProgress,
        step: str | None,
        what: str,
        *,
        new_address: bool = False,
    ) -> None:
        """Save the progress of the attempt before the next call is sent (invariant 10).

        ``new_address``: the candidate was found or created under this address, so others can find it there.
        """
        async with self._db.transaction() as tx:
            await self._note(tx, step, [format_step(step or "done", what)], 0)
            await attempts.save_attempt(tx, self.key, place.address, place.job_id, progress)
            if new_address and progress.candidate is not None:
                await lookups.add_address(tx, self.key.integration_id, place.address, int(progress.candidate))
            if progress.application is not None:
                # The result contains its id, and the next command may name it before it is read.
                named = [(Model.APPLICATION, progress.application)]
                await lookups.put_ids(tx, self.key.integration_id, named)
        there = {"candidates": progress.candidate, "applications": progress.application}
        self._touched = {resource: remote_id for resource, remote_id in there.items() if remote_id}

    async def _note(self, tx: Tx, step: str | None, lines: Sequence[Mapping[str, Any]], tries: int) -> None:
        await leases.assert_held(tx, self._lease)
        if not await commands.note_step(tx, self._lease.name, self.key, step, lines, tries):
            raise LeaseLost(f"command {self.key.command_id}: another process executes it now")


class End(Struct, frozen=True, kw_only=True):
    """Everything that is written when a command ends: its row, result, read requests, and attempt if any."""

    ending: Ending
    row: OutboxRow
    requests: tuple[ReadRequest, ...] = ()
    attempt: tuple[Place, AttemptProgress] | None = None


class CompletionWriter:
    """Ends commands, all that are ready in one transaction: a commit costs as much for one as for ten."""

    def __init__(self, db: Database, lease: Lease) -> None:
        self._db = db
        self._lease = lease
        self._waiting: list[tuple[End, asyncio.Future[None]]] = []
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep(), name="commands finisher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task, raise_errors=True)

    async def finish(self, end: End) -> None:
        """Return when the command has ended. Raises ``Transient`` if the store is unreachable, and
        ``LeaseLost`` if another process has the command."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((end, done))
        self._wanted.set()
        await done

    async def _keep(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            batch, self._waiting = self._waiting, []
            try:
                ended = await self._write([end for end, _ in batch])
            except BaseException as error:
                for _, done in batch:
                    if not done.done():
                        # A canceled writer fails its commands instead of leaving them waiting.
                        gone = isinstance(error, asyncio.CancelledError)
                        done.set_exception(LeaseLost("the command stage is stopping") if gone else error)
                if isinstance(error, Exception):
                    continue
                raise
            for end, done in batch:
                if done.done():
                    continue
                if end.ending.key in ended:
                    done.set_result(None)
                else:
                    done.set_exception(
                        LeaseLost(f"command {end.ending.key.command_id}: another process has it")
                    )

    async def _write(self, batch: Sequence[End]) -> set[CommandKey]:
        async with self._db.transaction() as tx:
            await leases.assert_held(tx, self._lease)
            ended = await commands.finish_commands(tx, self._lease.name, [end.ending for end in batch])
            ours = [end for end in batch if end.ending.key in ended]
            for end in ours:
                if end.attempt is not None:
                    place, progress = end.attempt
                    await attempts.save_attempt(
                        tx, end.ending.key, place.address, place.job_id, progress, done=True
                    )
            await read_requests.add_read_requests(tx, [request for end in ours for request in end.requests])
            await outbox.append(tx, [end.row for end in ours])
            return ended
