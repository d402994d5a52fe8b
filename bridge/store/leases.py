"""Leases with fencing tokens: one process at a time does a piece of work, and a late one is refused.

All times are the database's, so a machine whose clock jumps harms nobody. A holder may believe that it
holds a lease which another took over (it was paused, or cut off); so whoever writes under a lease calls
``assert_held`` inside the writing transaction. The row's share lock makes a taker wait for that
transaction's end, and the token, which grows at every take-over, refuses the writer that came too late.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import structlog
from msgspec import Struct

from bridge import heartbeat, supervisor
from bridge.errors import LeaseLost, Transient
from bridge.store.database import Database, Tx
from bridge.tasks import cancel_and_wait

_log = structlog.get_logger()


class Lease(Struct, frozen=True, kw_only=True):
    """A piece of work taken by ``holder``; ``token`` is greater than that of any earlier holder."""

    name: str
    holder: str
    token: int


_ACQUIRE = """
INSERT INTO leases AS held (name, holder, token, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE
   SET holder = excluded.holder, token = held.token + 1, expires_at = excluded.expires_at
 WHERE held.expires_at <= clock_timestamp()
RETURNING token
"""

# A lease that ran out and that nobody took is still ours: the token says so.
_RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $4)
 WHERE name = $1 AND holder = $2 AND token = $3
RETURNING true
"""

# The row stays, and with it the token: it must never go back.
_RELEASE = """
UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND token = $3
"""

# FOR SHARE: a take-over (an UPDATE of this row) waits until our transaction ends.
_ASSERT_HELD = """
SELECT token = $2 AND expires_at > clock_timestamp() FROM leases WHERE name = $1 FOR SHARE
"""


def holder_name() -> str:
    """A name for one holder: its machine and process, for people, and what no other holder has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def acquire(db: Database, name: str, holder: str, ttl_seconds: float) -> Lease | None:
    """Take the lease if it is free or has run out; ``None`` while anybody holds it, ``holder`` included."""
    token = await db.fetchval(_ACQUIRE, name, holder, ttl_seconds)
    return None if token is None else Lease(name=name, holder=holder, token=token)


async def wait_for_lease(
    db: Database, name: str, holder: str, ttl_seconds: float, stop: asyncio.Event, *, look_seconds: float
) -> Lease | None:
    """Wait for the lease and take it, looking every ``look_seconds``; ``None`` when ``stop`` came first."""
    while not stop.is_set():
        lease = await acquire(db, name, holder, ttl_seconds)
        if lease is not None:
            heartbeat.beat()
            return lease
        heartbeat.note_standby(name)
        await supervisor.pause(stop, look_seconds)
    return None


async def renew(db: Database, lease: Lease, ttl_seconds: float) -> bool:
    """Prolong the lease to ``ttl_seconds`` from now; ``False`` when another process has taken it."""
    return bool(await db.fetchval(_RENEW, lease.name, lease.holder, lease.token, ttl_seconds))


async def release_lease(db: Database, lease: Lease) -> None:
    """Let the next one in at once. Nothing happens when another process has taken the lease."""
    await db.execute(_RELEASE, lease.name, lease.holder, lease.token)


async def assert_held(tx: Tx, lease: Lease) -> None:
    """The fence: raise ``LeaseLost`` unless the lease is held now; it then stays so until ``tx`` ends.

    Call it first in every transaction that writes under a lease (invariant 4).
    """
    if not await tx.fetchval(_ASSERT_HELD, lease.name, lease.token):
        raise LeaseLost(f"lease {lease.name}: it ran out, or another process holds it")


@contextlib.asynccontextmanager
async def fenced(db: Database, lease: Lease) -> AsyncIterator[Tx]:
    """A transaction of ``lease``'s holder: ``db.transaction()``, and the fence before anything else."""
    async with db.transaction() as tx:
        await assert_held(tx, lease)
        yield tx


class LeaseKeeper:
    """A lease kept alive: ``async with Held(db, lease, ttl_seconds) as held``.

    A background task renews it every third of its life. ``lost`` is set once the lease can't be relied on
    any more: another process took it, or it could not be renewed in time. Nothing is cancelled: the work
    looks at ``remaining_seconds`` before each step whose effect the fence can't undo, or waits on ``lost``.
    Leaving the block releases the lease.
    """

    def __init__(self, db: Database, lease: Lease, ttl_seconds: float) -> None:
        self.lease = lease
        self.lost = asyncio.Event()
        self._db = db
        self._ttl_seconds = ttl_seconds
        # We can't know how long the answer to ``acquire`` took: the first renewal sets the time right.
        self._ends_at = _now()
        self._task: asyncio.Task[None] | None = None

    @property
    def remaining_seconds(self) -> float:
        """For how long the lease is surely ours, by this machine's steady clock; 0 once it is lost."""
        return 0.0 if self.lost.is_set() else max(0.0, self._ends_at - _now())

    async def __aenter__(self) -> Self:
        await self._renew()
        heartbeat.note_lease_held(self.lease.name)
        self._task = asyncio.create_task(self._keep(), name=f"lease {self.lease.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task, raise_errors=True)
        heartbeat.note_lease_released(self.lease.name)
        try:
            await release_lease(self._db, self.lease)
        except Transient as problem:
            # It runs out by itself; what the block raised matters more than this.
            _log.warning("lease.release_failed", lease=self.lease.name, reason=str(problem))

    async def _keep(self) -> None:
        problem: Transient | None = None
        try:
            while self.remaining_seconds > 0:
                # After a failure again soon: the time until the lease ends is short.
                pause = self._ttl_seconds / (3 if problem is None else 20)
                await asyncio.sleep(min(pause, self.remaining_seconds))
                try:
                    await self._renew()
                    problem = None
                except Transient as error:
                    problem = error
            reason = "another process took it" if problem is None else str(problem)
            _log.warning("lease.lost", lease=self.lease.name, holder=self.lease.holder, reason=reason)
        finally:
            self.lost.set()

    async def _renew(self) -> None:
        asked_at = _now()
        # Waiting longer than the lease lives would be of no use.
        try:
            async with asyncio.timeout(self.remaining_seconds or self._ttl_seconds):
                renewed = await renew(self._db, self.lease, self._ttl_seconds)
        except TimeoutError as error:
            raise Transient(f"lease {self.lease.name}: no answer to the renewal") from error
        if renewed:
            self._ends_at = asked_at + self._ttl_seconds
        else:
            self._ends_at = asked_at


def _now() -> float:
    """A clock that never jumps and, where the system has one, goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
