"""What is pending in shares: put, listed, looked for, turned into rows, forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model
from trackerrms_contracts.webhooks import Delivery, NewEndpoint

from bridge.config import Secret
from bridge.sealing import Sealer
from bridge.store import deliveries, delivery_log, endpoints, pending, pending_batches
from bridge.store.database import Database
from bridge.store.delivery_log import Logged
from bridge.store.pending import BODY_PURPOSE, Event
from bridge.store.pending_batches import Untried

SEALER = Sealer(Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="))
AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def event(n: int, kind: str = "candidate.updated") -> Event:
    subject = ids.entity_id("acme", Model.CANDIDATE, str(n))
    return Event(
        event_id=ids.event_id(subject, 1), event_type=kind, subject=subject, integration_id="acme",
        topic="ats.candidates.v1", partition=n % 3, offset=n, at=AT + timedelta(seconds=n),
    )  # fmt: skip


def body(n: int) -> bytes:
    return f"the body of event {n}".encode()


def untried(endpoint_id: str, n: int, kind: str = "candidate.updated", after_seconds: float = 0.0) -> Untried:
    return Untried(
        endpoint_id=endpoint_id, event=event(n, kind), body=body(n), after_seconds=after_seconds,
    )  # fmt: skip


def delivery_id(endpoint_id: str, n: int) -> str:
    return ids.delivery_id(endpoint_id, event(n).event_id)


async def put(db: Database, *of: Untried) -> None:
    async with db.transaction() as tx:
        await pending_batches.add_batches(tx, SEALER, of)


async def endpoint(db: Database, owner: str = "acme") -> str:
    new = msgspec.convert({"url": "https://hooks.example.org/"}, NewEndpoint)
    async with db.transaction() as tx:
        made, _ = await endpoints.insert_endpoint(tx, SEALER, new, owner)
    return made.id


async def count(db: Database, table: str) -> int:
    return int(await db.fetchval(f"SELECT count(*) FROM {table}"))


async def test_a_share_becomes_rows_as_they_were_put(db: Database) -> None:
    await put(db, *(untried("ep_a", n) for n in range(40)))
    before = datetime.now(UTC)
    assert await pending_batches.unpack_due(db, SEALER, ["ep_a", "ep_b"]) == 40
    claimed = {one.delivery_id: one for one in await pending.claim_due(db, "me", [("ep_a", 100)])}
    assert claimed.keys() == {delivery_id("ep_a", n) for n in range(40)}
    for n in range(40):
        one = claimed[delivery_id("ep_a", n)]
        assert (one.event, one.ordered, one.attempts) == (event(n), False, 0)
        # Since when it is pending is not forgotten.
        assert one.first_at < before
        assert SEALER.open(BODY_PURPOSE, one.sealed or b"") == body(n)
    assert [await count(db, table) for table in ("pending_batch_shares", "pending_batches")] == [0, 0]


async def test_a_body_is_kept_once_however_many_endpoints_wait_for_it(db: Database) -> None:
    both = [untried(endpoint_id, n) for n in range(300) for endpoint_id in ("ep_a", "ep_b")]
    await put(db, *both, *(untried("ep_c", n) for n in range(300, 320)))
    assert [await count(db, table) for table in ("pending_batches", "pending_batch_shares")] == [2, 5]
    assert await db.fetchval("SELECT sum(length(bodies)) FROM pending_batches") < 320 * 30
    assert await pending_batches.unpack_all(db, SEALER, "ep_a") == 300
    assert await count(db, "pending_batches") == 2
    assert await pending_batches.unpack_all(db, SEALER, "ep_b") == 300
    assert await pending_batches.unpack_all(db, SEALER, "ep_c") == 20
    assert await count(db, "pending_batches") == 0
    assert await count(db, "pending_bodies") == 320


async def test_large_bodies_make_more_sheets(db: Database) -> None:
    large = [msgspec.structs.replace(untried("ep_a", n), body=bytes(1_000_000)) for n in range(20)]
    await put(db, *large)
    sizes = [row[0] for row in await db.fetch("SELECT length(bodies) FROM pending_batches")]
    assert len(sizes) == 5
    assert max(sizes) < 4.1 * 1024 * 1024


async def test_what_is_not_due_stays(db: Database) -> None:
    await put(db, *(untried("ep_a", n, after_seconds=60) for n in range(20)))
    assert await pending_batches.unpack_due(db, SEALER, ["ep_a"]) == 0
    assert await pending_batches.unpack_all(db, SEALER, "ep_a") == 20
    assert await pending.claim_due(db, "me", [("ep_a", 100)]) == []


async def test_what_was_delivered_meanwhile_or_is_pending_already_is_not_pending_again(db: Database) -> None:
    await put(db, *(untried("ep_a", n) for n in range(20)))
    await put(db, *(untried("ep_a", n) for n in range(20)))
    made = Logged(
        delivery_id=delivery_id("ep_a", 7), endpoint_id="ep_a", event=event(7), attempt=1, at=AT, first_at=AT,
        delivered=True, status=200, error=None, reason=None, elapsed_ms=1, response=None, signed_with="v1",
    )  # fmt: skip
    async with db.transaction() as tx:
        await delivery_log.log(tx, [made])
    assert await pending_batches.unpack_all(db, SEALER, "ep_a") == 19
    assert await count(db, "pending_deliveries") == 19


async def test_two_processes_turn_a_share_into_rows_once(db: Database) -> None:
    await put(db, *(untried("ep_a", n) for n in range(200)))
    made = await asyncio.gather(*(pending_batches.unpack_all(db, SEALER, "ep_a") for _ in range(4)))
    assert sorted(made) == [0, 0, 0, 200]


async def test_lists_show_shares_page_by_page_among_rows(db: Database) -> None:
    here, there = await endpoint(db), await endpoint(db, owner="other")
    rows = [pending_batches.unpack_pending(SEALER, untried(here, n)) for n in range(5)]
    async with db.transaction() as tx:
        await pending_batches.add_pending_in_batches(tx, rows)
    for start in range(5, 105, 20):
        kinds = ["job.created" if n % 10 == 0 else "candidate.updated" for n in range(start, start + 20)]
        mine = [untried(here, n, kind) for n, kind in zip(range(start, start + 20), kinds, strict=True)]
        await put(db, *mine, *(untried(there, n) for n in range(start, start + 20)))
    expected = {delivery_id(here, n) for n in range(105)}
    pages = await pages_of(db, owner="acme", limit=7)
    assert [len(page) for page in pages] == [7] * 15
    listed = [one for page in pages for one in page]
    assert {one.id for one in listed} == expected
    assert listed == sorted(listed, key=lambda one: (one.last_at or AT, one.id), reverse=True)
    assert {(one.state, one.attempts, one.endpoint_id) for one in listed} == {("pending", 0, here)}
    jobs = [one for page in await pages_of(db, endpoint_id=here, event_type="job.created") for one in page]
    assert {one.id for one in jobs} == {delivery_id(here, n) for n in range(10, 105, 10)}
    assert (await deliveries.load_deliveries(db, endpoint_id=here, state="failed")).items == ()
    assert (await deliveries.load_deliveries(db, endpoint_id=here, until=AT)).items == ()
    assert (await deliveries.load_deliveries(db, endpoint_id=here, since=datetime.now(UTC))).items == ()
    everything = await deliveries.load_deliveries(db, limit=1000)
    assert len(everything.items) == 205


async def test_a_filter_finds_what_lies_behind_shares_without_it(db: Database) -> None:
    here, there = await endpoint(db), await endpoint(db, owner="other")
    await put(db, *(untried(here, n, "job.created") for n in range(20)))
    # Their sheets have jobs, but only the other endpoint is pending them.
    for start in range(100, 200, 20):
        mine = [untried(here, n) for n in range(start, start + 20)]
        await put(db, *mine, *(untried(there, n, "job.created") for n in range(start + 1000, start + 1020)))
    pages = await pages_of(db, limit=3, endpoint_id=here, event_type="job.created")
    assert {one.id for page in pages for one in page} == {delivery_id(here, n) for n in range(20)}


async def pages_of(db: Database, limit: int = 4, **filters: Any) -> list[list[Delivery]]:
    pages: list[list[Delivery]] = []
    cursor: str | None = None
    while True:
        page = await deliveries.load_deliveries(db, limit=limit, cursor=cursor, **filters)
        if page.items:
            pages.append(list(page.items))
        cursor = page.next_cursor
        if cursor is None:
            return pages


@pytest.mark.parametrize("asks", ["get", "resend"])
async def test_one_of_a_share_is_found_by_its_id(db: Database, asks: str) -> None:
    await put(db, *(untried("ep_a", n, after_seconds=300) for n in range(30)))
    wanted = delivery_id("ep_a", 11)
    if asks == "get":
        found = await deliveries.load_delivery(db, SEALER, wanted)
        assert found is not None
        assert (found[0].id, found[0].state, found[0].event_id) == (wanted, "pending", event(11).event_id)
        assert found[1] == []
    else:
        assert await deliveries.request_resend(db, SEALER, wanted) == wanted
        assert [one.delivery_id for one in await pending.claim_due(db, "me", [("ep_a", 100)])] == [wanted]
    assert await count(db, "pending_deliveries") == 30
    assert await deliveries.load_delivery(db, SEALER, "dl_" + "1" * 24) is None


async def test_what_stands_in_shares_is_counted_and_aged(db: Database) -> None:
    await put(db, *(untried("ep_a", n) for n in range(30)))
    await db.execute("UPDATE pending_batch_shares SET parked_at = now() - interval '1 hour'")
    await put(db, *(untried("ep_b", n) for n in range(12)))
    rows, oldest = await pending.pending_head(db)
    assert rows == 42
    assert 3600 <= oldest < 3660
    await put(db, *(untried(f"ep_{m}", n) for n in range(100) for m in range(120)))
    assert (await pending.pending_head(db))[0] == 10_000


async def test_shares_of_endpoints_that_are_gone_are_forgotten(db: Database) -> None:
    here, gone, disabled = await endpoint(db), await endpoint(db), await endpoint(db)
    for endpoint_id in (here, gone, disabled):
        await put(db, *(untried(endpoint_id, n) for n in range(20)))
    await db.execute("DELETE FROM endpoints WHERE id = $1", gone)
    await db.execute("UPDATE endpoints SET enabled = false WHERE id = $1", disabled)
    await pending_batches.prune_batches(db, days=30)
    assert [await count(db, table) for table in ("pending_batch_shares", "pending_batches")] == [2, 2]
    await db.execute("UPDATE pending_batch_shares SET parked_at = now() - interval '31 days'")
    await pending_batches.prune_batches(db, days=30)
    assert await db.fetchval("SELECT endpoint_id FROM pending_batch_shares") == here
    assert await count(db, "pending_batches") == 1
