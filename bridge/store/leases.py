"""Leases with fencing tokens: one process at a time does a piece of work, and a late one is refused.

All times are the database's, so a machine whose clock jumps does no harm. A holder may believe that it holds
a lease that another process took over (it was paused, or cut off). So every writer under a lease calls
``assert_held`` inside the writing transaction. The row's share lock makes a new holder wait for that
transaction's end. The token increases at every take-over, so a late writer is refused.
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

from bridge.errors import LeaseLost, Transient
from bridge.runtime import heartbeat, supervisor
from bridge.store.database import Database, Tx
from bridge.tasks import cancel_and_wait

_log = structlog.get_logger()


class Lease(Struct, frozen=True, kw_only=True):
    """A piece of work held by ``holder``. ``token`` is greater than that of any earlier holder."""

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

# An expired lease that no one took is still ours, as the token shows.
_RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $4)
 WHERE name = $1 AND holder = $2 AND token = $3
RETURNING true
"""

# The row stays, to keep the token: it must never decrease.
_RELEASE = """
UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND token = $3
"""

# FOR SHARE: a take-over (an UPDATE of this row) waits until this transaction ends.
_ASSERT_HELD = """
SELECT token = $2 AND expires_at > clock_timestamp() FROM leases WHERE name = $1 FOR SHARE
"""


def holder_name() -> str:
    """Return a unique name for one holder, with its machine and process for people."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def acquire(db: Database, name: str, holder: str, ttl_seconds: float) -> Lease | None:
    """Take the lease if it is free or expired. Return ``None`` while anyone holds it, including
    ``holder``."""
    token = await db.fetchval(_ACQUIRE, name, holder, ttl_seconds)
    return None if token is None else Lease(name=name, holder=holder, token=token)


async def wait_for_lease(
    db: Database, name: str, holder: str, ttl_seconds: float, stop: asyncio.Event, *, look_seconds: float
) -> Lease | None:
    """Wait for the lease and take it, checking every ``look_seconds``. Return ``None`` if ``stop`` came
    first."""
    while not stop.is_set():
        lease = await acquire(db, name, holder, ttl_seconds)
        if lease is not None:
            heartbeat.beat()
            return lease
        heartbeat.note_standby(name)
        await supervisor.pause(stop, look_seconds)
    return None


async def renew(db: Database, lease: Lease, ttl_seconds: float) -> bool:
    """Extend the lease to ``ttl_seconds`` from now. Return ``False`` if another process has taken it."""
    return bool(await db.fetchval(_RENEW, lease.name, lease.holder, lease.token, ttl_seconds))


async def release_lease(db: Database, lease: Lease) -> None:
    """Release the lease, so that the next one can take it at once. Does nothing if another process has it."""
    await db.execute(_RELEASE, lease.name, lease.holder, lease.token)


async def assert_held(tx: Tx, lease: Lease) -> None:
    """Raise ``LeaseLost`` unless the lease is held now. It then remains held until ``tx`` ends.

    This is the fence: call it first in every transaction that writes under a lease (invariant 4).
    """
    if not await tx.fetchval(_ASSERT_HELD, lease.name, lease.token):
        raise LeaseLost(f"lease {lease.name}: it expired, or another process holds it")


@contextlib.asynccontextmanager
async def fenced(db: Database, lease: Lease) -> AsyncIterator[Tx]:
    """Open a transaction of ``lease``'s holder that checks the fence first."""
    async with db.transaction() as tx:
        await assert_held(tx, lease)
        yield tx


class LeaseKeeper:
    """A lease that is kept alive: ``async with LeaseKeeper(db, lease, ttl_seconds) as held``.

    A background task renews it three times per ``ttl_seconds``. ``lost`` is set once the lease is unreliable:
    another process took it, or it could not be renewed in time. Nothing is canceled: the work checks
    ``remaining_seconds`` before each step whose effect the fence can't undo, or waits on ``lost``. Leaving
    the block releases the lease.
    """

    def __init__(self, db: Database, lease: Lease, ttl_seconds: float) -> None:
        self.lease = lease
        self.lost = asyncio.Event()
        self._db = db
        self._ttl_seconds = ttl_seconds
        # The duration of ``acquire`` is unknown: the first renewal sets the correct time.
        self._ends_at = _now()
        self._task: asyncio.Task[None] | None = None

    @property
    def remaining_seconds(self) -> float:
        """Return the seconds for which the lease is certainly ours, by the monotonic clock; 0 once it is
        lost."""
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
            # It expires by itself; the error of the block matters more.
            _log.warning("lease.release_failed", lease=self.lease.name, reason=str(problem))

    async def _keep(self) -> None:
        problem: Transient | None = None
        try:
            while self.remaining_seconds > 0:
                # Retry soon after a failure: there is little time until the lease expires.
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
        # Waiting longer than the lease lives would be useless.
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
    """Return a monotonic time that, if the system has one, also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
