"""How much is pending, and for how long, is known at once, however much the store holds."""

from bridge.store import pending
from bridge.store.database import Database
from tests.store.vacuuming import vacuumed

# Of three, one was given up; the oldest first.
_FILL = """
INSERT INTO pending_deliveries (
                  delivery_id, endpoint_id, event_id, event_type, subject, integration_id, sequence, ordered,
                  event_at, state, next_attempt_at, first_at)
SELECT 'dl_' || n, 'ep_' || n % 7, 'evt_' || n, 'job.updated', 'job', 'acme', '1', false, now(),
       CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'pending' END, now(),
       now() - interval '1 day' * CASE WHEN n % 3 = 0 THEN 9 ELSE 0 END - make_interval(secs => n)
FROM generate_series(1, $1::int) n
"""


async def test_nothing_is_pending(db: Database) -> None:
    assert await pending.pending_head(db) == (0, 0.0)


async def test_what_was_given_up_is_not_pending(db: Database) -> None:
    await db.execute(_FILL, 20)
    rows, oldest = await pending.pending_head(db)
    assert rows == 14
    assert 20 <= oldest < 60


async def test_the_count_ends_and_the_oldest_is_found_by_an_index(db: Database) -> None:
    await db.execute(_FILL, 30_000)
    await vacuumed(db, "pending_deliveries")
    rows, oldest = await pending.pending_head(db)
    assert (rows, oldest >= 29_999) == (10_000, True)
    plan = await db.fetch(f"EXPLAIN (ANALYZE, COSTS off) {pending.OLDEST}")
    assert any("Index Only Scan using pending_deliveries_oldest" in line[0] for line in plan)
