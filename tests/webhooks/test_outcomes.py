"""The outcome of a delivery reaches the store, and only then its offset is free."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from trackerrms_contracts.webhooks import NewEndpoint

from bridge.config import Secret
from bridge.kafka import ConsumedRecord, TakenRecord
from bridge.sealing import Sealer
from bridge.store import delivery_log, endpoints, leases, pending
from bridge.store.database import Database
from bridge.store.delivery import (
    Delivered,
    Delivery,
    DeliveryAttempt,
    EndpointGone,
    Event,
    EventSource,
    Failed,
    NotTried,
    Outcome,
    Retry,
)
from bridge.webhooks.endpoint_queue import EndpointQueue
from bridge.webhooks.flow_control import FlowLimits
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.subscribers import Subscriber, build_subscriber
from tests.waiting import until

SEALER = Sealer(Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="))
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
LIMITS = FlowLimits(most=4, failures=3, first_seconds=60, longest_seconds=60)
MADE = DeliveryAttempt(at=AT, status=204)
REFUSED = DeliveryAttempt(at=AT, status=500, error="server_error")
GONE = DeliveryAttempt(at=AT, status=410, error="gone")
# Each outcome and the row it makes: state, attempts, last_status, last_error, minutes until the next attempt.
ROWS: list[tuple[Outcome, tuple[str, int, int | None, str | None, int] | None]] = [
    (Delivered(attempt=MADE), None),
    (Retry(attempt=REFUSED, after_seconds=600), ("pending", 1, 500, "server_error", 10)),
    (Failed(error="server_error", attempt=REFUSED), ("failed", 1, 500, "server_error", 0)),
    (Failed(error="no_longer_in_kafka"), ("failed", 0, None, "no_longer_in_kafka", 0)),
    (EndpointGone(attempt=GONE), ("pending", 1, 410, "gone", 0)),
    (NotTried(after_seconds=600), ("pending", 0, None, None, 10)),
]
_ROW = """
SELECT state, attempts, last_status, last_error,
       round(extract(epoch FROM next_attempt_at - clock_timestamp()) / 60)::int
  FROM pending_deliveries WHERE delivery_id = $1
"""
_BLOCKED = """
SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'pending_deliveries'::regclass
"""


def delivery(
    number: int = 1, endpoint_id: str = "ep_a", subject: str = "", *, ordered: bool = False
) -> Delivery:
    """A delivery of an event that was just read from Kafka; its only one."""
    event = Event(
        event_id=f"evt_{number}", event_type="job.updated", subject=subject or f"job {number}",
        integration_id="acme", topic="ats.jobs.v1", partition=0, offset=number, at=AT,
    )  # fmt: skip
    body = b'{"sequence":"%04d"}' % number
    record = ConsumedRecord(
        topic="ats.jobs.v1", partition=0, offset=number, key=subject.encode(), value=body, headers=(),
        timestamp_ms=0,
    )  # fmt: skip
    return Delivery(
        id=f"dl_{number}_{endpoint_id}", endpoint_id=endpoint_id, event=event, ordered=ordered, body=body,
        source=TakenRecord(record),
    )  # fmt: skip


@asynccontextmanager
async def writing(db: Database) -> AsyncIterator[tuple[OutcomeWriter, list[int]]]:
    """A writer at work, and the offsets that it says are durable."""
    lease = await leases.acquire(db, f"{pending.LEASE_PREFIX}test", "me", 60)
    assert lease is not None
    completed: list[int] = []

    def note(source: EventSource) -> None:
        assert isinstance(source, TakenRecord)
        completed.append(source.offset)

    writer = OutcomeWriter(db, SEALER, lease, note)
    tasks = [asyncio.create_task(writer.run()), asyncio.create_task(writer.run_unhurried())]
    try:
        yield writer, completed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def row_of(db: Database, one: Delivery) -> Any:
    row = await db.fetchrow(_ROW, one.id)
    return None if row is None else tuple(row)


async def lines(db: Database) -> int:
    return int(await db.fetchval("SELECT count(*) FROM webhook_attempts"))


async def test_an_outcome_from_kafka_is_written_before_its_offset_is_free(db: Database) -> None:
    async with writing(db) as (writer, completed):
        for number, (outcome, row) in enumerate(ROWS):
            one = delivery(number)
            writer.record(one, outcome)
            assert number not in completed
            await writer.drain()
            assert completed[-1] == number
            assert await row_of(db, one) == row, outcome
    assert await lines(db) == sum(getattr(outcome, "attempt", None) is not None for outcome, _ in ROWS)


async def test_of_an_ordered_entity_only_the_first_is_due(db: Database) -> None:
    first, second = [delivery(number, subject="job", ordered=True) for number in (1, 2)]
    async with writing(db) as (writer, _):
        for one in (second, first):
            writer.record(one, NotTried(after_seconds=600))
        await writer.drain()
        (claimed,) = await pending.claim_due(db, SEALER, writer.holder, [("ep_a", 10)])
        assert claimed.id == first.id
        writer.record(claimed, Delivered(attempt=MADE))
        await writer.drain()
        (claimed,) = await pending.claim_due(db, SEALER, writer.holder, [("ep_a", 10)])
        assert claimed.id == second.id


async def test_an_outcome_of_a_row_changes_it(db: Database) -> None:
    async with writing(db) as (writer, completed):
        for number, (outcome, row) in enumerate(ROWS):
            one = delivery(number)
            async with db.transaction() as tx:
                await pending.add_pending(tx, SEALER, [(one, NotTried())])
            (claimed,) = await pending.claim_due(db, SEALER, writer.holder, [("ep_a", 1)])
            assert (claimed.id, claimed.source, claimed.body) == (one.id, None, one.body)
            writer.record(claimed, outcome)
            await writer.drain()
            assert await row_of(db, one) == row, outcome
            await db.execute("DELETE FROM pending_deliveries")
    assert completed == []


async def test_what_is_under_way_is_a_row_of_this_process(db: Database) -> None:
    one = delivery()
    async with writing(db) as (writer, completed):
        writer.record(one, NotTried(under_way=True))
        one.source = None
        await writer.drain()
        assert completed == [1]
        assert await db.fetchval("SELECT holder FROM pending_deliveries") == writer.holder
        assert await pending.claim_due(db, SEALER, "another", [("ep_a", 1)]) == []
        writer.record(one, Delivered(attempt=MADE))
        await writer.drain()
    assert completed == [1]
    assert await row_of(db, one) is None
    assert await delivery_log.delivered(db, [one.id]) == {one.id}


async def test_nothing_is_stored_of_a_partition_that_was_lost(db: Database) -> None:
    one = delivery()
    assert one.source is not None
    one.source.lost = True
    async with writing(db) as (writer, completed):
        writer.record(one, NotTried())
        await writer.drain()
    assert completed == [1]
    assert await row_of(db, one) is None


async def test_what_is_on_its_way_to_the_store_is_pending_and_not_durable(db: Database) -> None:
    one, plain = delivery(1, ordered=True), delivery(2)
    keys = {one.order_key, plain.order_key}
    async with writing(db) as (writer, completed):
        assert await writer.keys_pending(keys) == set()
        async with db.transaction() as tx:
            await tx.execute("LOCK TABLE pending_deliveries IN EXCLUSIVE MODE")
            writer.record(one, NotTried())
            writer.record(plain, NotTried())
            assert await writer.keys_pending(keys) == {one.order_key}
            await until(lambda: db.fetchval(_BLOCKED))
            assert await writer.keys_pending(keys) == {one.order_key}
            assert completed == []
        await writer.drain()
        assert sorted(completed) == [1, 2]
        assert await writer.keys_pending(keys) == {one.order_key}


async def test_a_gone_endpoint_is_disabled_and_its_delivery_kept(db: Database) -> None:
    new = msgspec.convert({"url": "https://hooks.example.org/"}, NewEndpoint)
    async with db.transaction() as tx:
        endpoint, _ = await endpoints.insert_endpoint(tx, SEALER, new, "acme")
    async with writing(db) as (writer, _):
        writer.record(delivery(1, endpoint.id), EndpointGone(attempt=GONE))
        await writer.drain()
    found = await endpoints.get(db, endpoint.id)
    assert found is not None
    assert (found.enabled, found.disabled_reason) == (False, "410")


# --- the queue --------------------------------------------------------------------------------------------


async def subscribed(db: Database) -> Subscriber:
    new = msgspec.convert({"url": "https://hooks.example.org/", "order": "per_entity"}, NewEndpoint)
    async with db.transaction() as tx:
        endpoint, _ = await endpoints.insert_endpoint(tx, SEALER, new, "acme")
    stored = await endpoints.for_dispatch(db, SEALER, endpoint.id)
    assert stored is not None
    return build_subscriber(stored)


async def queued(
    db: Database, writer: OutcomeWriter, answer: Callable[[Delivery], Outcome]
) -> tuple[EndpointQueue, list[int]]:
    """A queue whose receiver answers so, and the offsets of what it was sent."""
    sent: list[int] = []

    async def deliver(_: Subscriber, one: Delivery) -> Outcome:
        sent.append(one.event.offset or 0)
        return answer(one)

    failed = asyncio.get_running_loop().create_future()
    queue = EndpointQueue(await subscribed(db), LIMITS, deliver, writer, patience_seconds=60, failed=failed)
    return queue, sent


async def test_events_of_an_entity_follow_one_another_until_one_is_not_delivered(db: Database) -> None:
    def answer(one: Delivery) -> Outcome:
        return Retry(attempt=REFUSED, after_seconds=600) if one.event.offset == 2 else Delivered(attempt=MADE)

    async with writing(db) as (writer, completed):
        queue, sent = await queued(db, writer, answer)
        endpoint_id = queue.subscriber.endpoint.id
        those = [delivery(number, endpoint_id, "job", ordered=True) for number in (1, 2, 3, 4)]
        for one in those:
            queue.offer(one)
        await queue.drain()
        await writer.drain()
    assert sent == [1, 2]
    assert sorted(completed) == [1, 2, 3, 4]
    rows = await db.fetch("SELECT delivery_id FROM pending_deliveries ORDER BY sequence")
    assert [row[0] for row in rows] == [one.id for one in those[1:]]


async def test_a_queue_whose_breaker_is_open_leaves_everything_to_the_store(db: Database) -> None:
    async with writing(db) as (writer, completed):
        queue, sent = await queued(db, writer, lambda _: Retry(attempt=REFUSED, after_seconds=600))
        for number in range(20):
            queue.offer(delivery(number, queue.subscriber.endpoint.id))
        await until(lambda: len(completed) == 20)
    assert queue.breaker.is_open
    assert await db.fetchval("SELECT count(*) FROM pending_deliveries") == len(sent) < 5
    # The rest waits for its endpoint only, so many of them are one row.
    assert await db.fetchval("SELECT cardinality(places) FROM pending_batch_shares") == 20 - len(sent)
