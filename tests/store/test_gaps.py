"""Gaps are counted by field, last as long as the record leaves the field out, and are counted fast."""

from bridge.store import gaps
from bridge.store.database import Database


async def test_a_gap_lasts_until_its_record_is_read_without_it(db: Database) -> None:
    async with db.transaction() as tx:
        found = [(1, "opened_at", "is no time"), (2, "opened_at", "is no time"), (2, "salary_to", "doubtful")]
        await gaps.put_gaps(tx, "acme", "jobs", [1, 2, 3], found)
        await gaps.put_gaps(tx, "acme", "candidates", [9], [(9, "created_at", "is no time")])
        await gaps.put_gaps(tx, "other", "jobs", [1], [(1, "opened_at", "is no time")])
    counted = [
        (one.resource, one.field, one.records, one.example) for one in await gaps.count_gaps(db, "acme")
    ]
    assert counted == [
        ("candidates", "created_at", 1, 9),
        ("jobs", "opened_at", 2, 1),
        ("jobs", "salary_to", 1, 2),
    ]
    async with db.transaction() as tx:
        await gaps.put_gaps(tx, "acme", "jobs", [2], [(2, "salary_to", "doubtful")])
        await gaps.forget_gaps(tx, "acme", "candidates", [9])
    counted = [
        (one.resource, one.field, one.records, one.example) for one in await gaps.count_gaps(db, "acme")
    ]
    assert counted == [("jobs", "opened_at", 1, 1), ("jobs", "salary_to", 1, 2)]


async def test_many_gaps_are_counted_without_reading_them_all(db: Database) -> None:
    await db.execute(
        "INSERT INTO gaps SELECT 'acme', 'jobs', field, n, 'is no time' "
        "FROM generate_series(1, 15000) n, unnest(ARRAY['a', 'b']) field"
    )
    assert [one.records for one in await gaps.count_gaps(db, "acme")] == [10_000, 10_000]
