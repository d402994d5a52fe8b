"""Remarks are counted while they last, and gone once they are true no more."""

from bridge import metrics, monitoring
from bridge.store import remarks
from bridge.store.database import Database


async def test_a_remark_is_counted_until_it_is_cleared(db: Database) -> None:
    await remarks.add_remark(db, "acme", "jobs", "two_states", "a job in two lists")
    async with db.transaction() as tx:
        await remarks.add_remark(tx, "acme", "jobs", "two_states", "3 jobs in two\0 lists", count=3)
    await remarks.add_remark(db, "acme", "jobs", "no_rows", "nothing found")
    await remarks.add_remark(db, "other", "jobs", "two_states", "another account's")
    first, second = await remarks.load_remarks(db, "acme")
    assert (first.code, second.code) == ("no_rows", "two_states")
    assert (second.text, second.count) == ("3 jobs in two lists", 4)
    assert second.first_seen < second.last_seen
    samples = await monitoring.stored(db, ("acme",))
    found = {s.labels: s.value for s in samples if s.of is metrics.REMARKS and s.value}
    assert found == {("acme", "jobs", "no_rows"): 1, ("acme", "jobs", "two_states"): 4}

    await remarks.clear(db, "acme", "jobs", "two_states", "never_noted")
    assert [one.code for one in await remarks.load_remarks(db, "acme")] == ["no_rows"]
    assert len(await remarks.load_remarks(db, "other")) == 1
