"""Writes what came of deliveries, in batches, and says when it is durable.

Only after the transaction a Kafka offset may be committed (invariant 5), so ``completed`` is called then,
once for each delivery from Kafka. While the store is away nothing is lost: the batch is written again.
"""

import asyncio
from collections.abc import Callable, Collection

import structlog

from bridge.errors import Transient
from bridge.retry import Backoff
from bridge.runtime import supervisor
from bridge.sealing import Sealer
from bridge.store import pending
from bridge.store.database import Database
from bridge.store.delivery import Delivery, EndpointOrderKey, EventSource, Outcome
from bridge.store.leases import Lease
from bridge.webhooks.outcome_batch import OutcomeBatch, waits_for_endpoint

_log = structlog.get_logger(__name__)
_LINGER_SECONDS = 0.05
# Deliveries to endpoints that get nothing now: many share a transaction, seldom beside another delivery.
_UNHURRIED_SECONDS = 0.4
_PRESSING_LINGER_SECONDS = 0.01
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 2.0


class OutcomeWriter:
    """Takes the outcome of every delivery; the tasks of ``run`` and ``run_unhurried`` write them."""

    def __init__(
        self, db: Database, sealer: Sealer, lease: Lease, completed: Callable[[EventSource], None]
    ) -> None:
        self.holder = lease.name
        """As whom this process claims rows."""
        self._db = db
        self._prompt = _BatchWriter(db, sealer, lease, completed, _LINGER_SECONDS)
        self._unhurried = _BatchWriter(db, sealer, lease, completed, _UNHURRIED_SECONDS)

    def record(self, delivery: Delivery, outcome: Outcome) -> None:
        """Take what came of a delivery; return at once."""
        writer = self._unhurried if waits_for_endpoint(delivery, outcome) else self._prompt
        writer.add(delivery, outcome)

    async def keys_pending(self, keys: Collection[EndpointOrderKey]) -> set[EndpointOrderKey]:
        """Return those of ``keys`` for which something is pending, in the store or on its way there."""
        writer = self._prompt
        writer.written_keys.clear()
        found = await pending.keys_pending(self._db, keys)
        # The answer may be older than what was written while it was on its way.
        return found | {key for key in keys if writer.has_new(key)}

    async def run(self) -> None:
        """Write until cancelled. Raise ``LeaseLost`` where this process was taken for dead."""
        await self._prompt.run()

    async def run_unhurried(self) -> None:
        """Do the same for deliveries to endpoints that get nothing now."""
        await self._unhurried.run()

    async def drain(self) -> None:
        """Wait until everything is written."""
        await self._prompt.idle.wait()
        await self._unhurried.idle.wait()


class _BatchWriter:
    """Writes a batch ``linger_seconds`` after its first outcome at most."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        lease: Lease,
        completed: Callable[[EventSource], None],
        linger_seconds: float,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._lease = lease
        self._completed = completed
        self._linger = linger_seconds
        self._batch = OutcomeBatch()
        self._writing = OutcomeBatch()
        self._wanted = asyncio.Event()
        self._pressing = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.written_keys: set[EndpointOrderKey] = set()

    def add(self, delivery: Delivery, outcome: Outcome) -> None:
        self._batch.add(delivery, outcome)
        if self._batch.pressing:
            self._pressing.set()
        self._wanted.set()
        self.idle.clear()

    def has_new(self, key: EndpointOrderKey) -> bool:
        """Return whether the key got new rows since ``written_keys`` was cleared, or is about to."""
        return any(key in keys for keys in (self._batch.new_keys, self._writing.new_keys, self.written_keys))

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            # What ends within the next moments shares the commit; what can be tried next does not wait long.
            await asyncio.sleep(_PRESSING_LINGER_SECONDS)
            await supervisor.pause(self._pressing, self._linger - _PRESSING_LINGER_SECONDS)
            self._wanted.clear()
            self._pressing.clear()
            self._writing, self._batch = self._batch, OutcomeBatch()
            await self._write_until_done()
            written, self._writing = self._writing, OutcomeBatch()
            self.written_keys |= written.new_keys
            for source in written.sources:
                self._completed(source)
            if not self._wanted.is_set():
                self.idle.set()

    async def _write_until_done(self) -> None:
        backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        while True:
            try:
                async with self._db.transaction() as tx:
                    await self._writing.write(tx, self._sealer, self._lease)
            except Transient as problem:
                seconds = backoff.next()
                if backoff.failures == 1:
                    _log.warning("webhooks.recording_stalled", reason=str(problem))
                await asyncio.sleep(seconds)
            else:
                return
