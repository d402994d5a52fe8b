"""One scan of a resource at a time."""

from bridge.store import scans
from bridge.store.database import Database


async def test_a_scan_that_runs_already_is_gone_on_with(db: Database) -> None:
    first = await scans.start_scan(db, "acme", "candidates", "sweep")
    assert await scans.start_scan(db, "acme", "candidates", "resync") == first
    other = await scans.start_scan(db, "acme", "jobs", "resync")
    assert (other.id != first.id, other.kind) == (True, "resync")


async def test_a_resync_takes_the_place_of_the_scan_that_runs(db: Database) -> None:
    first = await scans.start_scan(db, "acme", "candidates", "sweep")
    async with db.transaction() as tx:
        await scans.begin_again(tx, "acme", "candidates", "resync")
    now = await scans.running(db, "acme", "candidates")
    assert now is not None
    assert (now.id != first.id, now.kind, now.pages_read) == (True, "resync", 0)
