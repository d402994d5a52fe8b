"""From Kafka to the channels: which endpoints an event is for, and when its offset may be committed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from trackerrms_contracts import topics

from bridge import kafka, supervisor
from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import ConsumedRecord, ReadLimits, TakenRecord
from bridge.retry import Backoff
from bridge.store import pending
from bridge.store.database import Database
from bridge.store.pending import EndpointOrderKey, Event
from bridge.webhooks.endpoint_queue import EndpointQueue, QueuedDelivery, QueuedEvent
from bridge.webhooks.registry import EndpointRegistry
from bridge.webhooks.sender import Sender

_log = structlog.get_logger(__name__)
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 2.0
# What is read ahead: enough to keep every channel busy, and bounded.
_LIMITS = ReadLimits(records_at_once=500, waiting_records=2_000, waiting_bytes=64 * 1024 * 1024)


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
        at=record.at,
    )


class Dispatcher:
    """Reads the event topics in the bridge's consumer group until told to stop."""

    def __init__(self, db: Database, config: KafkaConfig, stop: asyncio.Event) -> None:
        self._db = db
        self._stop = stop
        prefix = config.topic_prefix
        self._reader = kafka.GroupReader(
            config, topics.all_events(prefix).values(), group_id=f"{prefix}.bridge-webhooks", limits=_LIMITS
        )
        self._unwritten: Counter[EndpointOrderKey] = Counter()
        self._written: set[EndpointOrderKey] = set()

    def finished(self, arrival: QueuedEvent) -> None:
        """Finish reading an event, all deliveries of which are made or parked, durably (invariant 5)."""
        self._reader.finish(arrival.source)

    def parking(self, pair: EndpointOrderKey) -> None:
        """Something is to be held back in order: what comes of this entity next queues up behind it."""
        self._unwritten[pair] += 1

    def parked(self, pair: EndpointOrderKey) -> None:
        """It is written: from now on the store says so."""
        self._unwritten[pair] -= 1
        if not self._unwritten[pair]:
            del self._unwritten[pair]
        self._written.add(pair)

    async def run(
        self,
        directory: EndpointRegistry,
        sender: Sender,
        *,
        check: Callable[[], None],
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        """Hand over what comes until told to stop; see ``GroupReader.run``."""
        async with self._reader as reader:
            admit = partial(self._admit, directory, sender)
            await reader.run(self._stop, admit=admit, check=check, drain=drain)

    async def _admit(
        self, directory: EndpointRegistry, sender: Sender, records: Sequence[TakenRecord]
    ) -> None:
        wanted = [
            (arrival, channels)
            for taken in records
            if (arrival := self._arrival(taken)) and (channels := self._matching(arrival, directory))
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

    def _arrival(self, taken: TakenRecord) -> QueuedEvent | None:
        record = taken.record
        event = event_of(record)
        if event is None or record.value is None:
            if record.value is not None:
                _log.warning(
                    "event.unreadable", topic=record.topic, partition=record.partition, offset=record.offset
                )
            self._reader.finish(taken)
            return None
        return QueuedEvent(event, record.value, taken)

    def _matching(self, arrival: QueuedEvent, directory: EndpointRegistry) -> list[EndpointQueue]:
        event = arrival.event
        found = [
            channel
            for channel in directory.table.matching(event.event_type, event.integration_id, arrival.body)
            if event.at >= channel.since
        ]
        if found:
            arrival.remaining = len(found)
        else:
            self._reader.finish(arrival.source)
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
        backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        while pairs:
            try:
                found = await pending.keys_pending(self._db, pairs)
            except Transient as problem:
                _log.warning("webhooks.look_up_failed", reason=str(problem))
                if await supervisor.pause(self._stop, backoff.next()):
                    raise
            else:
                # The answer may be older than what was written while it was on its way.
                return found | (pairs & (self._unwritten.keys() | self._written))
        return set()
