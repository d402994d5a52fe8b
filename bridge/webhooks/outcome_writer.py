"""Writes the outcomes of deliveries in batches, and reports when they are durable.

A Kafka offset may be committed only after the transaction (invariant 5). ``completed`` is therefore called
then, once for each delivery from Kafka. While the store is unavailable nothing is lost: the write is retried.
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
# For deliveries to endpoints that receive nothing now: many share a transaction, which other deliveries
# rarely have to wait for.
_UNHURRIED_SECONDS = 0.4
_PRESSING_LINGER_SECONDS = 0.01
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 2.0


class OutcomeWriter:
    """Collects the outcomes of all deliveries; the tasks of ``run`` and ``run_unhurried`` write them."""

    def __init__(
        self, db: Database, sealer: Sealer, lease: Lease, completed: Callable[[EventSource], None]
    ) -> None:
        self.holder = lease.name
        """The holder under which this process claims rows."""
        self._db = db
        self._prompt = _BatchWriter(db, sealer, lease, completed, _LINGER_SECONDS)
        self._unhurried = _BatchWriter(db, sealer, lease, completed, _UNHURRIED_SECONDS)

    def record(self, delivery: Delivery, outcome: Outcome) -> None:
        """Add the outcome of a delivery. Returns at once."""
        writer = self._unhurried if waits_for_endpoint(delivery, outcome) else self._prompt
        writer.add(delivery, outcome)

    async def keys_pending(self, keys: Collection[EndpointOrderKey]) -> set[EndpointOrderKey]:
        """Return the keys with pending deliveries, in the store or about to be written."""
        writer = self._prompt
        writer.written_keys.clear()
        found = await pending.keys_pending(self._db, keys)
        # The result may miss rows that were written during the query.
        return found | {key for key in keys if writer.has_new(key)}

    async def run(self) -> None:
        """Write until canceled. Raises ``LeaseLost`` if this process lost its lease."""
        await self._prompt.run()

    async def run_unhurried(self) -> None:
        """Do the same for deliveries to endpoints that receive nothing now."""
        await self._unhurried.run()

    async def drain(self) -> None:
        """Wait until everything is written."""
        await self._prompt.idle.wait()
        await self._unhurried.idle.wait()


class _BatchWriter:
    """Writes a batch at most ``linger_seconds`` after its first outcome."""

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
        """Return true if the key has new rows since ``written_keys`` was cleared, or will get some."""
        return any(key in keys for keys in (self._batch.new_keys, self._writing.new_keys, self.written_keys))

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            # Outcomes of the next moments share the commit; deliveries that may be tried next wait briefly.
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
