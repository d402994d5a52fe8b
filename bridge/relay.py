"""The relay: moves the outbox to Kafka, in order. The only publisher of the bridge (invariant 3).

One relay at a time holds the lease on all shards; others stand by and take over when it expires
(invariant 4). The relay takes the first rows, publishes them, and removes them under the lease's fence once
the broker has acknowledged all of them. After a crash in between, they are published again: at least once,
in the same order, with the same event ids (invariant 6).

Exactly-once publishing would go into ``_publish``: it would put the batch and the relay's progress into one
Kafka transaction, whose fencing also stops what a paused relay had already handed to its socket.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from bridge import metrics
from bridge.clock import utc_now
from bridge.errors import LeaseLost, Transient
from bridge.kafka import Message, MessageTooLarge
from bridge.retry import Backoff
from bridge.runtime import freshness, heartbeat, supervisor
from bridge.store import leases, outbox
from bridge.store.database import Database
from bridge.store.outbox import StoredRow, Wakeup
from bridge.tasks import cancel_and_wait

_log = structlog.get_logger()

LEASE = "relay"
# Rows per publication, and the pause when no row waits and nothing wakes the relay.
_BATCH_SIZE = 5_000
_IDLE_SECONDS = 0.2
_LEASE_SECONDS = 15.0
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 5.0
_REFUSED_AGAIN_SECONDS = 60.0


class Publisher(Protocol):
    """The part of ``bridge.kafka.Producer`` that the relay needs."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return once the broker has acknowledged all. Raises ``Transient`` or ``MessageTooLarge``."""


class Relay:
    """The relay stage. The supervisor calls ``run``."""

    def __init__(
        self,
        db: Database,
        producer: Publisher,
        *,
        batch_size: int = _BATCH_SIZE,
        idle_seconds: float = _IDLE_SECONDS,
        lease_seconds: float = _LEASE_SECONDS,
        refused_again_seconds: float = _REFUSED_AGAIN_SECONDS,
    ) -> None:
        self.db = db
        self.producer = producer
        self.batch_size = batch_size
        self.idle_seconds = idle_seconds
        self.lease_seconds = lease_seconds
        self.refused_again_seconds = refused_again_seconds
        self._holder = leases.holder_name()

    async def run(self, stop: asyncio.Event) -> None:
        """Wait for the lease, then relay until ``stop``.

        Raises ``LeaseLost`` if another process took over, and ``Transient`` if the store is unreachable
        while it waits.
        """
        lease = await leases.wait_for_lease(
            self.db, LEASE, self._holder, self.lease_seconds, stop, look_seconds=self.lease_seconds / 5
        )
        if lease is None:
            return
        async with (
            leases.LeaseKeeper(self.db, lease, self.lease_seconds) as held,
            outbox.listen_for_commits(self.db) as wakeup,
        ):
            _log.info("relay.took_over", holder=lease.holder, token=lease.token)
            stopped = asyncio.create_task(stop.wait(), name="relay stop")
            stopped.add_done_callback(wakeup.notify)
            try:
                await _Watch(self, held, wakeup).relay(stop)
            finally:
                await cancel_and_wait(stopped)


class _Watch:
    """The work of one relay under one lease."""

    def __init__(self, relay: Relay, held: leases.LeaseKeeper, wakeup: Wakeup) -> None:
        self._relay = relay
        self._held = held
        self._wakeup = wakeup
        self._refused: dict[int, float] = {}  # shard → when to try its first row again
        self._next: asyncio.Task[list[StoredRow]] | None = None
        self._published: list[StoredRow] = []  # acknowledged, not yet removed from the outbox
        self._backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        self._failing_since = 0.0

    async def relay(self, stop: asyncio.Event) -> None:
        try:
            rows: list[StoredRow] = []
            while not stop.is_set():
                heartbeat.beat()
                if self._held.lost.is_set():
                    raise LeaseLost("relay: the lease expired")
                try:
                    await self._mark_published()
                    # After a failure, publish the same rows again: it is unknown which of them arrived.
                    rows = rows or await self._take_next()
                    await self._relay_batch(rows)
                    rows = []
                except Transient as problem:
                    await self._back_off(stop, problem)
                else:
                    self._recovered()
            await self._mark_published()
        finally:
            await self._drop_prefetched()

    async def _relay_batch(self, rows: list[StoredRow]) -> None:
        """Publish ``rows`` and read the next ones meanwhile. Without rows, wait for some."""
        if not rows:
            await self._wakeup.wait(self._relay.idle_seconds)
            return
        began_at = time.monotonic()
        if self._next is None:
            in_flight = [row.position for row in rows]
            self._next = asyncio.create_task(self._take(in_flight), name="relay prefetch")
        self._published = await self._publish_what_goes(rows)
        if self._published:
            self._log_batch(self._published, time.monotonic() - began_at)

    async def _mark_published(self) -> None:
        """Remove acknowledged rows (invariant 3), if this is still the active relay (invariant 4).

        After a failure it is tried again before anything else is published.
        """
        if self._published:
            async with self._relay.db.transaction() as tx:
                await outbox.mark_sent(tx, self._held.lease, self._published)
            self._published = []

    async def _publish_what_goes(self, rows: list[StoredRow]) -> list[StoredRow]:
        """Publish ``rows``. A row that the broker refuses blocks its shard; the other shards continue."""
        while rows:
            try:
                await self._publish([_message(row) for row in rows])
            except MessageTooLarge as refusal:
                stuck = _stuck_row(rows, refusal.message)
                rows = [
                    row for row in rows if row.shard != stuck.shard or row.position < stuck.position
                ]  # the order of a key matters more than the progress of its shard
                await self._hold_back(stuck, refusal)
            else:
                return rows
        return []

    async def _publish(self, messages: list[Message]) -> None:
        """Publish under the lease: don't begin when it is about to expire, stop when it is lost."""
        self._check_lease()
        publishing = asyncio.create_task(self._relay.producer.publish(messages), name="relay publish")
        lost = asyncio.create_task(self._held.lost.wait(), name="relay lease lost")
        try:
            await asyncio.wait({publishing, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                raise LeaseLost("relay: the lease expired while publishing")
            publishing.result()
        finally:
            await cancel_and_wait(publishing, lost)

    def _check_lease(self) -> None:
        """Raise if the lease has expired or may expire soon. A paused relay wakes up with an old lease."""
        if self._held.remaining_seconds == 0:
            raise LeaseLost("relay: the lease expired")
        if self._held.remaining_seconds < self._relay.lease_seconds / 3:
            raise Transient("relay: the lease can't be renewed")

    # --- reading ahead ---

    async def _take_next(self) -> list[StoredRow]:
        """Return the prefetched rows; without any, the rows that wait now."""
        prefetched, self._next = self._next, None
        rows = await prefetched if prefetched is not None else []
        return rows or await self._take([])

    async def _take(self, in_flight: list[int]) -> list[StoredRow]:
        now = time.monotonic()
        shards = [shard for shard in outbox.SHARDS if self._refused.get(shard, now) <= now]
        return await outbox.take_rows(self._relay.db, shards, self._relay.batch_size, in_flight)

    async def _drop_prefetched(self) -> None:
        prefetched, self._next = self._next, None
        if prefetched is not None:
            await cancel_and_wait(prefetched)

    async def _hold_back(self, stuck: StoredRow, refusal: MessageTooLarge) -> None:
        # The prefetched rows may include later rows of that shard.
        await self._drop_prefetched()
        self._refused[stuck.shard] = time.monotonic() + self._relay.refused_again_seconds
        _log.error(
            "relay.row_refused",
            reason=str(refusal),
            topic=stuck.topic,
            position=stuck.position,
            shard=stuck.shard,
            again_in_seconds=self._relay.refused_again_seconds,
        )

    # --- failures and the log ---

    async def _back_off(self, stop: asyncio.Event, problem: Transient) -> None:
        seconds = self._backoff.next()
        if self._backoff.failures == 1:
            self._failing_since = time.monotonic()
            _log.warning("relay.stalled", reason=str(problem))
        await self._drop_prefetched()
        await supervisor.pause(stop, seconds)

    def _recovered(self) -> None:
        if self._backoff.failures:
            stalled_seconds = round(time.monotonic() - self._failing_since, 3)
            _log.info("relay.resumed", failures=self._backoff.failures, stalled_seconds=stalled_seconds)
        self._backoff.reset()

    def _log_batch(self, sent: list[StoredRow], seconds: float) -> None:
        oldest = utc_now() - min(row.created_at for row in sent)
        metrics.RELAY_PUBLISHED.inc(len(sent))
        metrics.RELAY_BATCH.observe(seconds)
        freshness.observe_acknowledged([row.value for row in sent])
        _log.info(
            "relay.batch_published",
            rows=len(sent),
            bytes=sum(len(row.value or b"") for row in sent),
            shards=len({row.shard for row in sent}),
            last_position=sent[-1].position,
            oldest_seconds=round(oldest.total_seconds(), 3),
            duration_seconds=round(seconds, 3),
        )


def _message(row: StoredRow) -> Message:
    return Message(topic=row.topic, key=row.key, value=row.value, headers=row.headers)


def _stuck_row(rows: list[StoredRow], refused: Message) -> StoredRow:
    return next(row for row in rows if _message(row) == refused)
