"""Claims pending deliveries that are due, for the queue of their endpoint. One process claims each."""

import asyncio
from collections import Counter

import structlog
from trackerrms_contracts.webhooks import TEST_TYPE

from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import Replay
from bridge.sealing import Sealer
from bridge.store import outbox, pending, pending_batches
from bridge.store.database import Database
from bridge.store.delivery import Delivery, Event, Failed, NotTried
from bridge.webhooks import operational
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.registry import EndpointRegistry

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 0.5
_KAFKA_AGAIN_SECONDS = 5.0


class DueDeliveries:
    """Claims due deliveries for every queue that has capacity."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        kafka: KafkaConfig,
        writer: OutcomeWriter,
        registry: EndpointRegistry,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._kafka = kafka
        self._writer = writer
        self._registry = registry
        self._unread: asyncio.Queue[Delivery] = asyncio.Queue()

    async def keep(self) -> None:
        """Claim until canceled."""
        async with outbox.listen_for_commits(self._db, pending.CHANNEL) as added:
            while True:
                try:
                    claimed = await self._claim()
                except Transient as problem:
                    _log.warning("webhooks.claiming_failed", reason=str(problem))
                    claimed = 0
                # More may be due than the queues have capacity for; capacity returns as deliveries end.
                await added.wait(0.05 if claimed else _AGAIN_SECONDS)

    async def _claim(self) -> int:
        queues = self._registry.queues
        rooms = [(endpoint_id, room) for endpoint_id, queue in queues.items() if (room := queue.wants())]
        if not rooms:
            return 0
        claimed = await pending.claim_due(self._db, self._sealer, self._writer.holder, rooms)
        got = Counter(one.endpoint_id for one in claimed)
        short = [endpoint_id for endpoint_id, room in rooms if got[endpoint_id] < room]
        made = await pending_batches.unpack_due(self._db, self._sealer, short) if short else 0
        # Each is put at the front of its queue, so the last one goes first.
        for delivery in reversed(claimed):
            if delivery.body is None and delivery.event.event_type == TEST_TYPE:
                delivery.body = operational.test_body(delivery.event)
            if delivery.body is None:
                self._unread.put_nowait(delivery)
            else:
                self._offer(delivery)
        return len(claimed) + made

    def _offer(self, delivery: Delivery) -> None:
        queue = self._registry.queues.get(delivery.endpoint_id)
        if queue is None:
            self._writer.record(delivery, NotTried())
        else:
            queue.offer(delivery)

    async def read_again(self) -> None:
        """Read the missing bodies of claimed deliveries from Kafka, one after another, until canceled."""
        while True:
            delivery = await self._unread.get()
            try:
                delivery.body = await self._from_kafka(delivery.event)
            except Transient as problem:
                _log.warning("webhooks.reading_again_failed", reason=str(problem))
                self._writer.record(delivery, NotTried(after_seconds=_KAFKA_AGAIN_SECONDS))
            else:
                if delivery.body is None:
                    _log.error("delivery.body_gone", delivery=delivery.id, endpoint=delivery.endpoint_id)
                    self._writer.record(delivery, Failed(error="no_longer_in_kafka"))
                else:
                    self._offer(delivery)

    async def _from_kafka(self, event: Event) -> bytes | None:
        if event.topic is None or event.partition is None or event.offset is None:
            return None
        async with Replay(self._kafka) as replay:
            record = await replay.at(event.topic, event.partition, event.offset)
        named = {} if record is None else dict(record.headers)
        # If the topic was recreated, another event may be at that offset.
        return record.value if record is not None and named.get("ce_id") == event.event_id.encode() else None
