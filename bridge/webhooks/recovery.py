"""Recovery: deliveries that an endpoint missed in a time range become pending again.

Failed deliveries are in the store. The other events are read from Kafka again, as far back as its topics
reach, and become pending unless the log shows them as delivered. A second recovery adds nothing twice.
"""

import structlog
from trackerrms_contracts import ids, topics
from trackerrms_contracts.webhooks import Endpoint, Recovery

from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.kafka import ConsumedRecord, Replay
from bridge.sealing import Sealer
from bridge.store import delivery_log, endpoints, leases, outbox, pending, pending_batches, recoveries
from bridge.store.database import Database
from bridge.store.delivery import Delivery, Event, NotTried
from bridge.webhooks import matching
from bridge.webhooks.dispatcher import event_of
from bridge.webhooks.matching import Filter

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 5.0
_LEASE_SECONDS = 30.0
_LEASE = pending.LEASE_PREFIX + "recovery"
_ADDED_AT_ONCE = 500


class Recoverer:
    """Carries out requested recoveries, in one process at a time."""

    def __init__(self, db: Database, sealer: Sealer, kafka: KafkaConfig, holder: str) -> None:
        self._db = db
        self._sealer = sealer
        self._kafka = kafka
        self._holder = holder

    async def keep(self) -> None:
        """Carry out recoveries until canceled."""
        async with outbox.listen_for_commits(self._db, pending.CHANNEL) as asked:
            while True:
                await asked.wait(_AGAIN_SECONDS)
                try:
                    await self._work_off()
                except Transient as problem:
                    _log.warning("recovery.interrupted", reason=str(problem))

    async def _work_off(self) -> None:
        if not await recoveries.load_waiting_recoveries(self._db):
            return
        lease = await leases.acquire(self._db, _LEASE, self._holder, _LEASE_SECONDS)
        if lease is None:
            return
        async with leases.LeaseKeeper(self._db, lease, _LEASE_SECONDS):
            for recovery in await recoveries.load_waiting_recoveries(self._db):
                await self._recover(recovery)

    async def _recover(self, recovery: Recovery) -> None:
        endpoint = await endpoints.get(self._db, recovery.endpoint_id)
        if endpoint is None or recovery.until is None:
            await recoveries.finish_recovery(self._db, recovery.id, 0, 0, "the endpoint no longer exists")
            return
        await recoveries.begin_recovery(self._db, recovery.id)
        # Deliveries in shares become rows first, so that none becomes pending twice.
        await pending_batches.unpack_all(self._db, self._sealer, endpoint.id)
        async with self._db.transaction() as tx:
            revived = await recoveries.revive(tx, recovery)
        found, missing = revived, revived
        if not endpoint.operational:
            matched, added = await self._from_kafka(recovery, endpoint)
            found, missing = found + matched, missing + added
        await recoveries.finish_recovery(self._db, recovery.id, found, missing)
        _log.info("recovery.finished", endpoint=endpoint.id, found=found, pending=missing)

    async def _from_kafka(self, recovery: Recovery, endpoint: Endpoint) -> tuple[int, int]:
        if recovery.until is None:
            raise AssertionError("a recovery always has an end")
        wanted, found, missing = matching.build_filter(endpoint), 0, 0
        names = list(topics.all_events(self._kafka.topic_prefix).values())
        async with Replay(self._kafka) as replay:
            async for records in replay.between(names, recovery.since, recovery.until):
                these = [(e, r.value) for r in records if (e := _wanted(r, wanted)) and r.value is not None]
                found += len(these)
                for start in range(0, len(these), _ADDED_AT_ONCE):
                    missing += await self._add_missing(endpoint, these[start : start + _ADDED_AT_ONCE])
        return found, missing

    async def _add_missing(self, endpoint: Endpoint, these: list[tuple[Event, bytes]]) -> int:
        """Add the events that were not delivered. Return the number of new pending deliveries."""
        ordered = endpoint.order == "per_entity"
        known = {ids.delivery_id(endpoint.id, event.event_id): (event, body) for event, body in these}
        done = await delivery_log.delivered(self._db, list(known))
        missing = [
            Delivery(id=delivery_id, endpoint_id=endpoint.id, event=event, body=body, ordered=ordered)
            for delivery_id, (event, body) in known.items()
            if delivery_id not in done
        ]
        if not missing:
            return 0
        async with self._db.transaction() as tx:
            if ordered:
                await pending.lock_order(tx, {endpoint.id})
            added = await pending.add_pending(tx, self._sealer, [(one, NotTried()) for one in missing])
            if ordered:
                await pending.make_due(tx, {one.order_key for one in missing})
        return added


def _wanted(record: ConsumedRecord, wanted: Filter) -> Event | None:
    event = event_of(record)
    if event is None or record.value is None or not wanted.wants(event.event_type, event.integration_id):
        return None
    if wanted.looks_into(event.event_type):
        fields = matching.read_changed_fields(record.value)
        return None if wanted.changed_fields.isdisjoint(fields) else event
    return event
