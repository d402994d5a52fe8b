"""The retrier: what is owed and due goes to its channel, taken by one process at a time."""

import structlog

from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import Replay
from bridge.sealing import Sealer
from bridge.store import outbox, owed
from bridge.store.database import Database
from bridge.store.owed import Claimed, Tried
from bridge.webhooks import operational
from bridge.webhooks.channel import Item
from bridge.webhooks.directory import Directory
from bridge.webhooks.operational import BODY_PURPOSE
from bridge.webhooks.recorder import Recorder
from contracts.webhooks import TEST_TYPE

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 0.5


class Retrier:
    """Claims what is due for every channel that has room."""

    def __init__(
        self, db: Database, sealer: Sealer, kafka: KafkaConfig, recorder: Recorder, directory: Directory
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._kafka = kafka
        self._recorder = recorder
        self._directory = directory

    async def keep(self) -> None:
        """Claim until cancelled."""
        async with outbox.listening(self._db, owed.CHANNEL) as added:
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
        claimed = await owed.claim(self._db, self._recorder.holder, rooms)
        # They are put at the front of their queues: the last one first.
        for one in reversed(claimed):
            body = await self._body(one)
            channel = channels.get(one.endpoint_id)
            if body is None:
                self._give_up(one)
            elif channel is None:
                self._recorder.tried(_untried(one), None)
            else:
                channel.offer(Item(one.event, body, claimed=one))
        return len(claimed)

    async def _body(self, claimed: Claimed) -> bytes | None:
        event = claimed.event
        if claimed.sealed is not None:
            return self._sealer.open(BODY_PURPOSE, claimed.sealed)
        if event.event_type == TEST_TYPE:
            return operational.test_body(event)
        if event.topic is None or event.partition is None or event.offset is None:
            return None
        async with Replay(self._kafka) as replay:
            record = await replay.at(event.topic, event.partition, event.offset)
        named = {} if record is None else dict(record.headers)
        # Of a topic that was made anew, another event may stand at that place.
        return record.value if record is not None and named.get("ce_id") == event.event_id.encode() else None

    def _give_up(self, claimed: Claimed) -> None:
        _log.error("delivery.body_gone", delivery=claimed.delivery_id, endpoint=claimed.endpoint_id)
        outcome = Tried(
            delivery_id=claimed.delivery_id,
            attempts=claimed.attempts,
            after_seconds=None,
            status=None,
            error="no_longer_in_kafka",
        )
        pair = (claimed.endpoint_id, claimed.event.subject) if claimed.ordered else None
        self._recorder.tried(outcome, pair)


def _untried(claimed: Claimed) -> Tried:
    return Tried(
        delivery_id=claimed.delivery_id,
        attempts=claimed.attempts,
        after_seconds=0.0,
        status=None,
        error=None,
    )
