import asyncio
import itertools

import pytest

from bridge.errors import LeaseLost
from bridge.store import leases, outbox
from bridge.store.database import Database
from bridge.store.outbox import OutboxRow, StoredRow
from tests.waiting import patient, until


def rows(count: int, keys: int = 10) -> list[OutboxRow]:
    return [OutboxRow(topic="t", key=b"key-%d" % (n % keys), value=b"%d" % n) for n in range(count)]


async def append(db: Database, *added: OutboxRow) -> None:
    async with db.transaction() as tx:
        await outbox.append(tx, added)


async def relay_lease(db: Database) -> leases.Lease:
    lease = await leases.acquire(db, "relay", "a", 30)
    assert lease is not None
    return lease


async def mark(db: Database, lease: leases.Lease, sent: list[StoredRow]) -> None:
    async with db.transaction() as tx:
        await outbox.mark_sent(tx, lease, sent)


async def test_rows_come_back_whole_and_in_order(db: Database) -> None:
    given = [
        OutboxRow(topic="t", key=b"\x00\xff", value=None),
        OutboxRow(topic="u", key=b"k", value=b"\x00" * 3_000_000, headers=(("h", b"\xff"), ("h", b""))),
    ]
    await append(db, *given)
    taken = await outbox.take_rows(db, outbox.SHARDS, 10)
    assert [(r.topic, r.key, r.value, r.headers) for r in taken] == [
        (r.topic, r.key, r.value, r.headers) for r in given
    ]


async def test_every_key_keeps_its_order_through_batches_of_any_size(db: Database) -> None:
    await append(db, *rows(1000))
    lease = await relay_lease(db)
    seen: list[StoredRow] = []
    for size in itertools.cycle([1, 7, 64, 13]):
        batch = await outbox.take_rows(db, outbox.SHARDS, size)
        if not batch:
            break
        await mark(db, lease, batch)
        seen += batch
    by_key = {key: [int(r.value or b"") for r in seen if r.key == key] for key in {r.key for r in seen}}
    assert len(seen) == 1000
    assert all(values == sorted(values) for values in by_key.values())


async def test_what_is_in_flight_is_left_out_and_what_comes_late_is_not_passed_by(db: Database) -> None:
    async with db.transaction() as late:
        await outbox.append(late, [OutboxRow(topic="t", key=b"slow", value=b"early position")])
        await append(db, *rows(20))
        in_flight = [row.position for row in await outbox.take_rows(db, outbox.SHARDS, 5)]
    following = await outbox.take_rows(db, outbox.SHARDS, 100, in_flight)
    assert not {row.position for row in following} & set(in_flight)
    assert following[0].value == b"early position"
    assert len(following) == 16


async def test_a_shard_that_is_left_out_takes_no_room(db: Database) -> None:
    await append(db, *(OutboxRow(topic="t", key=b"stuck", value=b"") for _ in range(50)), *rows(50))
    others = [shard for shard in outbox.SHARDS if shard != outbox.shard_of(b"stuck")]
    taken = await outbox.take_rows(db, others, 5)
    assert len(taken) == 5
    assert all(row.shard in others for row in taken)


async def test_sent_rows_are_gone_and_counted_once(db: Database) -> None:
    await append(db, *rows(30))
    lease = await relay_lease(db)
    batch = await outbox.take_rows(db, outbox.SHARDS, 20)
    await mark(db, lease, batch)
    await mark(db, lease, batch)  # the answer to the first one was lost
    progress = await outbox.progress(db)
    assert sum(p.sent_count for p in progress) == 20
    assert max(p.sent_position for p in progress) == max(row.position for row in batch)
    assert (await outbox.depth(db))[0] == 10


async def test_a_relay_whose_lease_was_taken_marks_nothing(db: Database) -> None:
    await append(db, *rows(3))
    lease = await relay_lease(db)
    batch = await outbox.take_rows(db, outbox.SHARDS, 10)
    await db.execute("UPDATE leases SET token = token + 1")
    with pytest.raises(LeaseLost):
        await mark(db, lease, batch)
    assert (await outbox.depth(db))[0] == 3
    assert await outbox.progress(db) == []


async def test_depth_tells_how_long_the_oldest_waits(db: Database) -> None:
    assert (await outbox.depth(db))[1].total_seconds() == 0
    await append(db, *rows(2))
    await db.execute("UPDATE outbox SET created_at = now() - interval '1 hour' WHERE value = '0'")
    count, oldest = await outbox.depth(db)
    assert count == 2
    assert 3600 <= oldest.total_seconds() < 3700


async def test_the_listener_wakes_at_a_commit_and_not_before(db: Database) -> None:
    async with outbox.listen_for_commits(db) as wakeup:
        await wakeup.wait(10)  # once at the start: it can't know what was there
        async with db.transaction() as tx:
            await outbox.append(tx, rows(1))
            waiting = asyncio.create_task(wakeup.wait(60))
            assert await db.fetchval("SELECT 1")
            assert not waiting.done()
        async with asyncio.timeout(patient(10)):
            await waiting


async def test_the_listener_comes_back_after_its_connection_was_cut(db: Database) -> None:
    listener = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"

    async def listens() -> bool:
        return bool(await db.fetchval(f"SELECT count(*) = 1 {listener}"))

    async with outbox.listen_for_commits(db) as wakeup:
        await until(listens)
        await db.execute(f"SELECT pg_terminate_backend(pid) {listener}")
        await until(listens)
        await wakeup.wait(0.1)
        await append(db, *rows(1))
        async with asyncio.timeout(patient(10)):
            await wakeup.wait(60)


@pytest.mark.parametrize(("key", "shard"), [(b"", 0), (b"a", 3), (b"5Q3mnTjcGYtUh6iVYPJFgR1x", 0)])
def test_the_shard_of_a_key_never_changes(key: bytes, shard: int) -> None:
    assert outbox.shard_of(key) == shard
