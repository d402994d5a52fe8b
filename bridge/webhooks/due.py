"""The retrier: what is pending and due goes to its channel, taken by one process at a time."""

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
from bridge.store.pending import BODY_PURPOSE, AttemptOutcome, Claimed, EndpointOrderKey, Event
from bridge.webhooks import operational
from bridge.webhooks.endpoint_queue import QueuedDelivery
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.registry import EndpointRegistry

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 0.5
_KAFKA_AGAIN_SECONDS = 5.0


class DueDeliveries:
    """Claims what is due for every channel that has room."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        kafka: KafkaConfig,
        recorder: OutcomeWriter,
        directory: EndpointRegistry,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._kafka = kafka
        self._recorder = recorder
        self._directory = directory
        self._unread: asyncio.Queue[Claimed] = asyncio.Queue()

    async def keep(self) -> None:
        """Claim until cancelled."""
        async with outbox.listen_for_commits(self._db, pending.CHANNEL) as added:
            while True:
                try:
                    claimed = await self._claim()
                except Transient as problem:
                    _log.warning("webhooks.claiming_failed", reason=str(problem))
                    claimed = 0
                # More may be due than there was room for: its room comes when some of these have ended.
                await added.wait(0.05 if claimed else _AGAIN_SECONDS)

    async def _claim(self) -> int:
        channels = self._directory.channels
        rooms = [
            (endpoint_id, room) for endpoint_id, channel in channels.items() if (room := channel.wants())
        ]
        if not rooms:
            return 0
        claimed = await pending.claim_due(self._db, self._recorder.holder, rooms)
        got = Counter(one.endpoint_id for one in claimed)
        short = [endpoint_id for endpoint_id, room in rooms if got[endpoint_id] < room]
        made = await pending_batches.unpack_due(self._db, self._sealer, short) if short else 0
        # They are put at the front of their queues: the last one first.
        for one in reversed(claimed):
            if one.sealed is not None:
                self._offer(one, self._sealer.open(BODY_PURPOSE, one.sealed))
            elif one.event.event_type == TEST_TYPE:
                self._offer(one, operational.test_body(one.event))
            else:
                self._unread.put_nowait(one)
        return len(claimed) + made

    def _offer(self, claimed: Claimed, body: bytes) -> None:
        channel = self._directory.channels.get(claimed.endpoint_id)
        if channel is None:
            self._recorder.tried(_untried(claimed, 0.0), None)
        else:
            channel.offer(QueuedDelivery(claimed.event, body, claimed=claimed))

    async def read_again(self) -> None:
        """Read from Kafka, one after another, what is claimed and has no body here, until cancelled."""
        while True:
            claimed = await self._unread.get()
            try:
                body = await self._from_kafka(claimed.event)
            except Transient as problem:
                _log.warning("webhooks.reading_again_failed", reason=str(problem))
                self._recorder.tried(_untried(claimed, _KAFKA_AGAIN_SECONDS), _pair(claimed))
            else:
                if body is None:
                    self._give_up(claimed)
                else:
                    self._offer(claimed, body)

    async def _from_kafka(self, event: Event) -> bytes | None:
        if event.topic is None or event.partition is None or event.offset is None:
            return None
        async with Replay(self._kafka) as replay:
            record = await replay.at(event.topic, event.partition, event.offset)
        named = {} if record is None else dict(record.headers)
        # Of a topic that was made anew, another event may stand at that place.
        return record.value if record is not None and named.get("ce_id") == event.event_id.encode() else None

    def _give_up(self, claimed: Claimed) -> None:
        _log.error("delivery.body_gone", delivery=claimed.delivery_id, endpoint=claimed.endpoint_id)
        outcome = AttemptOutcome(
            delivery_id=claimed.delivery_id,
            attempts=claimed.attempts,
            after_seconds=None,
            status=None,
            error="no_longer_in_kafka",
        )
        self._recorder.tried(outcome, _pair(claimed))


def _pair(claimed: Claimed) -> EndpointOrderKey | None:
    return (claimed.endpoint_id, claimed.event.subject) if claimed.ordered else None


def _untried(claimed: Claimed, after_seconds: float) -> AttemptOutcome:
    return AttemptOutcome(
        delivery_id=claimed.delivery_id,
        attempts=claimed.attempts,
        after_seconds=after_seconds,
        status=None,
        error=None,
    )
