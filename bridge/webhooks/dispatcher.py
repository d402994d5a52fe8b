"""From Kafka to the channels: which endpoints an event is for, and when its offset may be committed."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from trackerrms_contracts import topics

from bridge import kafka, supervisor
from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import ConsumedRecord, Offsets, Where
from bridge.store import pending
from bridge.store.database import Database
from bridge.store.pending import EndpointOrderKey, Event
from bridge.webhooks.endpoint_queue import EndpointQueue, PartitionReads, QueuedDelivery, QueuedEvent
from bridge.webhooks.registry import EndpointRegistry
from bridge.webhooks.sender import Sender

_log = structlog.get_logger(__name__)
_READ_SECONDS = 0.2
_COMMIT_SECONDS = 0.5
_RECORDS_AT_ONCE = 500
# What is read ahead: enough to keep every channel busy, and bounded.
_MOST_WAITING = 2_000
_MOST_WAITING_BYTES = 64 * 1024 * 1024


def event_of(record: ConsumedRecord) -> Event | None:
    """What a record says of itself in its headers; ``None`` where it is no event."""
    named = dict(record.headers)
    try:
        kind, event_id = named["ce_type"].decode(), named["ce_id"].decode()
        integration_id = named["ce_integrationid"].decode()
        subject = (record.key or b"").decode()
    except (KeyError, UnicodeDecodeError):
        return None
    return Event(
        event_id=event_id,
        event_type=kind,
        subject=subject,
        integration_id=integration_id,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(max(0, record.timestamp_ms) / 1000, UTC),
    )


class Dispatcher:
    """Reads the event topics in the bridge's consumer group until told to stop."""

    def __init__(self, db: Database, config: KafkaConfig, stop: asyncio.Event) -> None:
        self._db = db
        self._config = config
        self._stop = stop
        self._offsets = Offsets()
        self._sources: dict[Where, PartitionReads] = {}
        self._unwritten: Counter[EndpointOrderKey] = Counter()
        self._written: set[EndpointOrderKey] = set()
        self._waiting = 0
        self._waiting_bytes = 0
        self._committed_at = time.monotonic()

    def finished(self, arrival: QueuedEvent) -> None:
        """All deliveries of the event are made or parked, durably."""
        self._waiting -= 1
        self._waiting_bytes -= len(arrival.body)
        event = arrival.event
        if not arrival.source.lost and event.offset is not None:
            self._offsets.finish((arrival.source.topic, arrival.source.partition), event.offset)

    def parking(self, pair: EndpointOrderKey) -> None:
        """Something is to be held back in order: what comes of this entity next queues up behind it."""
        self._unwritten[pair] += 1

    def parked(self, pair: EndpointOrderKey) -> None:
        """It is written: from now on the store says so."""
        self._unwritten[pair] -= 1
        if not self._unwritten[pair]:
            del self._unwritten[pair]
        self._written.add(pair)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[kafka.Consumer]:
        """The consumer. What it loses to another process is not committed, nor parked, any more."""
        prefix = self._config.topic_prefix

        async def lost(partitions: Collection[Where]) -> None:
            self._offsets.lose(partitions)
            for where in partitions:
                source = self._sources.pop(where, None)
                if source is not None:
                    source.lost = True

        async with kafka.Consumer(
            self._config,
            topics.all_events(prefix).values(),
            group_id=f"{prefix}.bridge-webhooks",
            on_lost=lost,
        ) as consumer:
            yield consumer

    async def read(self, consumer: kafka.Consumer, directory: EndpointRegistry, sender: Sender) -> None:
        """Hand over what has come, and commit what is due (invariant 5)."""
        full = self._waiting >= _MOST_WAITING or self._waiting_bytes >= _MOST_WAITING_BYTES
        consumer.hold(full)
        records = await consumer.getmany(_READ_SECONDS, _RECORDS_AT_ONCE)
        if records:
            await self._admit(records, directory, sender)
        if time.monotonic() - self._committed_at >= _COMMIT_SECONDS:
            await self.commit(consumer)

    async def commit(self, consumer: kafka.Consumer) -> None:
        """Commit the offsets before which everything is durable."""
        self._committed_at = time.monotonic()
        due = self._offsets.due()
        if due:
            await consumer.commit(due)

    async def _admit(
        self, records: Sequence[ConsumedRecord], directory: EndpointRegistry, sender: Sender
    ) -> None:
        # Taken before anything is waited for: what is lost meanwhile must be known as taken.
        taken = [(record, self._take(record)) for record in records]
        wanted = [
            (arrival, channels)
            for record, arrival in taken
            if arrival is not None and (channels := self._matching(record, arrival, directory))
        ]
        held = await self._look_up(wanted) if directory.has_ordered else set()
        for arrival, channels in wanted:
            for channel in channels:
                item = QueuedDelivery(arrival.event, arrival.body, arrival=arrival)
                subscriber = channel.subscriber
                if subscriber.ordered and (subscriber.endpoint.id, arrival.event.subject) in held:
                    sender.park(channel, item, 0.0)
                else:
                    channel.offer(item)

    def _take(self, record: ConsumedRecord) -> QueuedEvent | None:
        where = (record.topic, record.partition)
        self._offsets.take(where, record.offset)
        source = self._sources.get(where)
        if source is None:
            source = self._sources[where] = PartitionReads(*where)
        event = event_of(record)
        if event is None or record.value is None:
            if record.value is not None:
                _log.warning("event.unreadable", topic=where[0], partition=where[1], offset=record.offset)
            self._offsets.finish(where, record.offset)
            return None
        return QueuedEvent(event, record.value, source)

    def _matching(
        self, record: ConsumedRecord, arrival: QueuedEvent, directory: EndpointRegistry
    ) -> list[EndpointQueue]:
        event = arrival.event
        found = [
            channel
            for channel in directory.table.matching(event.event_type, event.integration_id, arrival.body)
            if record.timestamp_ms >= channel.since_ms
        ]
        if found:
            arrival.remaining = len(found)
            self._waiting += 1
            self._waiting_bytes += len(arrival.body)
        else:
            self._offsets.finish((record.topic, record.partition), record.offset)
        return found

    async def _look_up(
        self, wanted: Sequence[tuple[QueuedEvent, list[EndpointQueue]]]
    ) -> set[EndpointOrderKey]:
        """Of what is to be sent in order, the entities that something is pending of."""
        pairs = {
            (channel.subscriber.endpoint.id, arrival.event.subject)
            for arrival, channels in wanted
            for channel in channels
            if channel.subscriber.ordered
        }
        self._written.clear()
        failures = 0
        while pairs:
            try:
                found = await pending.keys_pending(self._db, pairs)
            except Transient as problem:
                failures += 1
                _log.warning("webhooks.look_up_failed", reason=str(problem))
                if await supervisor.pause(self._stop, supervisor.backoff_seconds(failures, 2.0)):
                    raise
            else:
                # The answer may be older than what was written while it was on its way.
                return found | (pairs & (self._unwritten.keys() | self._written))
        return set()
