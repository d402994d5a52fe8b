"""What came of deliveries, written in batches: a commit costs as much for one as for a thousand.

One transaction takes everything that is waiting: lines of the log, new pending deliveries, outcomes of
earlier ones, the health of endpoints. Only after it a Kafka offset may be committed (invariant 5), so each
entry names what is to be told then. While the store is away nothing is lost: the batch is written again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from bridge import supervisor
from bridge.errors import Transient
from bridge.retry import Backoff
from bridge.sealing import Sealer
from bridge.store import delivery_log, health, leases, pending, pending_batches
from bridge.store.database import Database, Tx
from bridge.store.delivery_log import Logged
from bridge.store.leases import Lease
from bridge.store.pending import AttemptOutcome, EndpointOrderKey, PendingDelivery
from bridge.store.pending_batches import Untried
from bridge.webhooks import operational

_log = structlog.get_logger(__name__)
_LINGER_SECONDS = 0.05
_PRESSING_LINGER_SECONDS = 0.01
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 2.0
# Untried deliveries that are worth a transaction of their own.
_MANY_UNTRIED = 1_000


class _Batch:
    """What is to be written together."""

    def __init__(self) -> None:
        self.lines: list[Logged] = []
        self.parked: dict[str, PendingDelivery] = {}
        self.untried: list[Untried] = []
        self.settled: list[str] = []
        self.tried: list[AttemptOutcome] = []
        self.pairs: set[EndpointOrderKey] = set()
        self.failures: dict[str, tuple[str, float]] = {}
        self.successes: set[str] = set()
        self.gone: set[str] = set()
        self.after: list[Callable[[], None]] = []


class OutcomeWriter:
    """``run`` writes what the other methods are told, ``linger_seconds`` later at most; they return at
    once."""

    def __init__(
        self, db: Database, sealer: Sealer, lease: Lease, linger_seconds: float = _LINGER_SECONDS
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._lease = lease
        self._linger = linger_seconds
        self._batch = _Batch()
        self._wanted = asyncio.Event()
        self._pressing = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def holder(self) -> str:
        """As whom this process claims pending rows."""
        return self._lease.name

    def line(self, line: Logged) -> None:
        """An attempt was made."""
        self._batch.lines.append(line)
        self._want()

    def park(self, parked: PendingDelivery, after: Callable[[], None] | None = None) -> None:
        """A delivery is pending from now on."""
        self._batch.parked[parked.delivery_id] = parked
        if parked.ordered:
            self._batch.pairs.add((parked.endpoint_id, parked.event.subject))
            # It may be the first of its entity, to be tried as soon as it is written. Others that are due at
            # once found no room in their channel: nobody waits for them.
            if not parked.after_seconds:
                self._pressing.set()
        self.after(after)

    def park_untried(self, untried: Untried, after: Callable[[], None] | None = None) -> None:
        """A delivery that nobody waits for is pending from now on."""
        self._batch.untried.append(untried)
        if len(self._batch.untried) >= _MANY_UNTRIED:
            self._pressing.set()
        self.after(after)

    def settle(self, delivery_id: str, pair: EndpointOrderKey | None) -> None:
        """A claimed delivery was made; ``pair``: of an ordered one, whose next may go now."""
        self._batch.settled.append(delivery_id)
        self._touch(pair)

    def tried(self, outcome: AttemptOutcome, pair: EndpointOrderKey | None) -> None:
        """A claimed delivery was not made."""
        self._batch.tried.append(outcome)
        self._touch(pair)

    def succeeded(self, endpoint_id: str) -> None:
        """An endpoint answered as it should."""
        self._batch.successes.add(endpoint_id)

    def failed(self, endpoint_id: str, error: str, hold_seconds: float) -> None:
        """An endpoint did not; it is left alone for ``hold_seconds`` if it asked for that."""
        before = self._batch.failures.get(endpoint_id, ("", 0.0))[1]
        self._batch.failures[endpoint_id] = (error, max(before, hold_seconds))
        self._want()

    def gone(self, endpoint_id: str) -> None:
        """An endpoint wants no more (410)."""
        self._batch.gone.add(endpoint_id)
        self._want()

    def after(self, told: Callable[[], None] | None) -> None:
        """Tell when all that was said up to here is durable."""
        if told is not None:
            self._batch.after.append(told)
        self._want()

    async def drain(self) -> None:
        """Wait until everything is written."""
        await self._idle.wait()

    def _touch(self, pair: EndpointOrderKey | None) -> None:
        if pair is not None:
            self._batch.pairs.add(pair)
            self._pressing.set()
        self._want()

    def _want(self) -> None:
        self._wanted.set()
        self._idle.clear()

    async def run(self) -> None:
        """Write until cancelled. Raises ``LeaseLost`` where this process was taken for dead."""
        while True:
            await self._wanted.wait()
            # What ends within the next moments shares the commit; what can be tried next does not wait long.
            await asyncio.sleep(_PRESSING_LINGER_SECONDS)
            await supervisor.pause(self._pressing, self._linger - _PRESSING_LINGER_SECONDS)
            self._wanted.clear()
            self._pressing.clear()
            batch, self._batch = self._batch, _Batch()
            await self._write_until_done(batch)
            for told in batch.after:
                told()
            if not self._wanted.is_set():
                self._idle.set()

    async def _write_until_done(self, batch: _Batch) -> None:
        backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        while True:
            try:
                async with self._db.transaction() as tx:
                    await self._write(tx, batch)
            except Transient as problem:
                seconds = backoff.next()
                if backoff.failures == 1:
                    _log.warning("webhooks.recording_stalled", reason=str(problem))
                await asyncio.sleep(seconds)
            else:
                return

    async def _write(self, tx: Tx, batch: _Batch) -> None:
        if batch.settled or batch.tried or batch.parked or batch.untried:
            await leases.assert_held(tx, self._lease)
        if batch.pairs:
            await pending.lock_order(tx, {endpoint for endpoint, _ in batch.pairs})
        if batch.lines:
            await delivery_log.log(tx, batch.lines)
        if batch.parked:
            await pending.add_pending(tx, list(batch.parked.values()))
        if batch.untried:
            await self._write_untried(tx, batch.untried)
        if batch.settled:
            await pending.remove_delivered(tx, self._lease.name, batch.settled)
        if batch.tried:
            await pending.tried(tx, self._lease.name, batch.tried)
        if batch.pairs:
            await pending.make_due(tx, batch.pairs)
        await self._write_health(tx, batch)

    async def _write_untried(self, tx: Tx, untried: Sequence[Untried]) -> None:
        counts = Counter(one.endpoint_id for one in untried)
        few = [
            pending_batches.unpack_pending(self._sealer, one)
            for one in untried
            if counts[one.endpoint_id] < pending_batches.FROM
        ]
        await pending_batches.add_pending_in_batches(tx, few)
        await pending_batches.add_batches(
            tx, self._sealer, [one for one in untried if counts[one.endpoint_id] >= pending_batches.FROM]
        )

    async def _write_health(self, tx: Tx, batch: _Batch) -> None:
        if batch.failures:
            await health.record_failures(tx, batch.failures)
        if batch.successes:
            for endpoint_id in await health.succeeded(tx, batch.successes):
                await operational.recovered(tx, self._sealer, endpoint_id)
        for endpoint_id in sorted(batch.gone):
            await operational.disable_and_notify(tx, self._sealer, endpoint_id, operational.GONE)
