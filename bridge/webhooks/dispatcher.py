"""Reads events from Kafka into the queues of endpoints, and decides when an offset may be committed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from trackerrms_contracts import ids, topics

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import ConsumedRecord, ReadLimits, TakenRecord
from bridge.retry import Backoff
from bridge.runtime import supervisor
from bridge.store.delivery import Delivery, EndpointOrderKey, Event, EventSource, NotTried
from bridge.webhooks.endpoint_queue import EndpointQueue
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.registry import EndpointRegistry

_log = structlog.get_logger(__name__)
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 2.0
# The read-ahead: enough to keep every queue busy, and bounded.
_LIMITS = ReadLimits(records_at_once=500, waiting_records=2_000, waiting_bytes=64 * 1024 * 1024)


def event_of(record: ConsumedRecord) -> Event | None:
    """Return the event that the headers of a record describe; ``None`` if they describe none."""
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
        at=record.at,
    )


class Dispatcher:
    """Reads the event topics in the bridge's consumer group until ``stop``."""

    def __init__(self, config: KafkaConfig, stop: asyncio.Event) -> None:
        self._stop = stop
        prefix = config.topic_prefix
        self._reader = kafka.GroupReader(
            config, topics.all_events(prefix).values(), group_id=f"{prefix}.bridge-webhooks", limits=_LIMITS
        )
        # Each record, and the number of its deliveries that are not yet durably delivered or pending.
        self._remaining: dict[EventSource, tuple[TakenRecord, int]] = {}

    def completed(self, source: EventSource) -> None:
        """Count a delivery that is durably delivered or pending; the last one finishes the record."""
        taken, remaining = self._remaining.pop(source)
        if remaining > 1:
            self._remaining[source] = (taken, remaining - 1)
        else:
            self._reader.finish(taken)

    async def run(
        self,
        registry: EndpointRegistry,
        writer: OutcomeWriter,
        *,
        check: Callable[[], None],
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        """Queue incoming events until ``stop``; see ``GroupReader.run``."""
        async with self._reader as reader:
            admit = partial(self._admit, registry, writer)
            await reader.run(self._stop, admit=admit, check=check, drain=drain)

    async def _admit(
        self, registry: EndpointRegistry, writer: OutcomeWriter, records: Sequence[TakenRecord]
    ) -> None:
        wanted = [pair for taken in records for pair in self._deliveries(taken, registry)]
        keys = {delivery.order_key for _, delivery in wanted if delivery.ordered}
        held = await self._look_up(keys, writer)
        for queue, delivery in wanted:
            if delivery.ordered and delivery.order_key in held:
                writer.record(delivery, NotTried())
            else:
                queue.offer(delivery)

    def _deliveries(
        self, taken: TakenRecord, registry: EndpointRegistry
    ) -> list[tuple[EndpointQueue, Delivery]]:
        """Return the deliveries of a record, each with its queue; a record without any is finished."""
        record = taken.record
        event, body = event_of(record), record.value
        if event is None or body is None:
            if body is not None:
                _log.warning(
                    "event.unreadable", topic=record.topic, partition=record.partition, offset=record.offset
                )
            self._reader.finish(taken)
            return []
        found = [
            queue
            for queue in registry.table.matching(event.event_type, event.integration_id, body)
            if event.at >= queue.since
        ]
        if found:
            self._remaining[taken] = (taken, len(found))
        else:
            self._reader.finish(taken)
        return [(queue, _delivery_of(event, body, taken, queue)) for queue in found]

    async def _look_up(self, keys: set[EndpointOrderKey], writer: OutcomeWriter) -> set[EndpointOrderKey]:
        """Return the keys that have pending deliveries."""
        backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        while keys:
            try:
                return await writer.keys_pending(keys)
            except Transient as problem:
                _log.warning("webhooks.look_up_failed", reason=str(problem))
                if await supervisor.pause(self._stop, backoff.next()):
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
