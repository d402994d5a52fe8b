"""From Kafka to the queues: which endpoints an event is for, and when its offset may be committed."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from trackerrms_contracts import ids, topics

from bridge import kafka, supervisor
from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import ConsumedRecord, Offsets, Where
from bridge.store.delivery import Delivery, EndpointOrderKey, Event, EventSource, NotTried
from bridge.webhooks.endpoint_queue import EndpointQueue
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.registry import EndpointRegistry

_log = structlog.get_logger(__name__)
_READ_SECONDS = 0.2
_COMMIT_SECONDS = 0.5
_RECORDS_AT_ONCE = 500
# What is read ahead: enough to keep every queue busy, and bounded.
_MOST_WAITING = 2_000
_MOST_WAITING_BYTES = 64 * 1024 * 1024


def event_of(record: ConsumedRecord) -> Event | None:
    """Return the event that the headers of a record name; ``None`` where they name none."""
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

    def __init__(self, config: KafkaConfig, stop: asyncio.Event) -> None:
        self._config = config
        self._stop = stop
        self._offsets = Offsets()
        self._unfinished: defaultdict[Where, set[EventSource]] = defaultdict(set)
        self._waiting = 0
        self._waiting_bytes = 0
        self._committed_at = time.monotonic()

    def completed(self, source: EventSource) -> None:
        """Count a delivery that is made or pending, durably; after the last one the event is done."""
        source.remaining -= 1
        if source.remaining:
            return
        self._waiting -= 1
        self._waiting_bytes -= source.size
        if not source.lost:
            self._unfinished[source.partition].discard(source)
            self._offsets.finish(source.partition, source.offset)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[kafka.Consumer]:
        """Give the consumer. What it loses to another process is neither committed nor stored any more."""
        prefix = self._config.topic_prefix

        async def lost(partitions: Collection[Where]) -> None:
            self._offsets.lose(partitions)
            for where in partitions:
                for source in self._unfinished.pop(where, ()):
                    source.lost = True

        async with kafka.Consumer(
            self._config,
            topics.all_events(prefix).values(),
            group_id=f"{prefix}.bridge-webhooks",
            on_lost=lost,
        ) as consumer:
            yield consumer

    async def read(self, consumer: kafka.Consumer, registry: EndpointRegistry, writer: OutcomeWriter) -> None:
        """Hand over what has come, and commit what is due (invariant 5)."""
        full = self._waiting >= _MOST_WAITING or self._waiting_bytes >= _MOST_WAITING_BYTES
        consumer.hold(full)
        records = await consumer.getmany(_READ_SECONDS, _RECORDS_AT_ONCE)
        if records:
            await self._admit(records, registry, writer)
        if time.monotonic() - self._committed_at >= _COMMIT_SECONDS:
            await self.commit(consumer)

    async def commit(self, consumer: kafka.Consumer) -> None:
        """Commit the offsets before which everything is durable."""
        self._committed_at = time.monotonic()
        due = self._offsets.due()
        if due:
            await consumer.commit(due)

    async def _admit(
        self, records: Sequence[ConsumedRecord], registry: EndpointRegistry, writer: OutcomeWriter
    ) -> None:
        # Taken before anything is waited for: what is lost meanwhile must be known as taken.
        wanted = [pair for record in records for pair in self._take(record, registry)]
        keys = {delivery.order_key for _, delivery in wanted if delivery.ordered}
        held = await self._look_up(keys, writer)
        for queue, delivery in wanted:
            if delivery.ordered and delivery.order_key in held:
                writer.record(delivery, NotTried())
            else:
                queue.offer(delivery)

    def _take(
        self, record: ConsumedRecord, registry: EndpointRegistry
    ) -> list[tuple[EndpointQueue, Delivery]]:
        """Return the deliveries of a record, each with its queue; what is for no endpoint is done."""
        where, body = (record.topic, record.partition), record.value
        self._offsets.take(where, record.offset)
        event = event_of(record)
        if event is None or body is None:
            if body is not None:
                _log.warning("event.unreadable", topic=where[0], partition=where[1], offset=record.offset)
            self._offsets.finish(where, record.offset)
            return []
        found = [
            queue
            for queue in registry.table.matching(event.event_type, event.integration_id, body)
            if record.timestamp_ms >= queue.since_ms
        ]
        if not found:
            self._offsets.finish(where, record.offset)
            return []
        source = EventSource(partition=where, offset=record.offset, size=len(body), remaining=len(found))
        self._unfinished[where].add(source)
        self._waiting += 1
        self._waiting_bytes += source.size
        return [(queue, _delivery_of(event, body, source, queue)) for queue in found]

    async def _look_up(self, keys: set[EndpointOrderKey], writer: OutcomeWriter) -> set[EndpointOrderKey]:
        """Return those of ``keys`` that something is pending for."""
        failures = 0
        while keys:
            try:
                return await writer.keys_pending(keys)
            except Transient as problem:
                failures += 1
                _log.warning("webhooks.look_up_failed", reason=str(problem))
                if await supervisor.pause(self._stop, supervisor.backoff_seconds(failures, 2.0)):
                    raise
        return set()


def _delivery_of(event: Event, body: bytes, source: EventSource, queue: EndpointQueue) -> Delivery:
    subscriber = queue.subscriber
    return Delivery(
        id=ids.delivery_id(subscriber.endpoint.id, event.event_id),
        endpoint_id=subscriber.endpoint.id,
        event=event,
        body=body,
        ordered=subscriber.ordered,
        source=source,
    )
