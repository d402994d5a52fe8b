"""A commit fails when all was written: pages and ledger stand together or not at all (invariants 1 and 2)."""

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import cursors, overview, scans
from bridge.store.database import Database
from bridge.store.overview import PollSummary
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

# Deferred: every statement of the transaction succeeds, and COMMIT is what fails.
_BREAK = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END
$$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({rows}) EXECUTE FUNCTION refuse();
"""
_MEND = "DROP FUNCTION refuse CASCADE"
_CANDIDATES = {"table": "snapshots", "rows": "NEW.model = 'candidate'"}
_PAGES = {"table": "scan_pages", "rows": "true"}


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that is not started; nothing but its first load and its polls will find a change."""
    return await install(
        world=World(seed=5, candidates=40, jobs=3, applications=0, users=3, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 60.0},
    )


async def _polls(db: Database) -> PollSummary:
    return (await overview.polls(db, INTEGRATION)).get("candidates", PollSummary())


async def _failures(bridge: Installation, db: Database, kind: str, wanted: int) -> None:
    """Wait until a commit of the candidates has failed so often."""
    moments = set()

    async def failed() -> bool:
        bridge.check()
        moments.add(getattr(await _polls(db), kind))
        return len(moments - {None}) >= wanted

    await until(failed)


@pytest.mark.parametrize("broken", [_CANDIDATES, _PAGES], ids=["what was read", "the ledger"])
async def test_a_step_of_a_scan_whose_commit_fails_leaves_neither_records_nor_progress(
    bridge: Installation, db: Database, broken: dict[str, str]
) -> None:
    await db.execute(_BREAK.format(**broken))
    bridge.start()
    await _failures(bridge, db, "scan_error_at", 1)
    scan = await scans.running(db, INTEGRATION, "candidates")
    assert scan is not None
    assert (scan.next_page, scan.pages_read, await scans.pages(db, scan.id)) == (1, 0, [])
    assert "candidate" not in await overview.records(db, INTEGRATION)
    assert (await bridge.read()).state["candidate"] == {}
    await db.execute(_MEND)
    topics = await bridge.agree()
    # Found by the load itself: a ledger that had passed them would have left them to a sweep.
    assert set(topics.causes) == {"initial"}


async def test_a_poll_whose_commit_fails_does_not_move_the_cursor(bridge: Installation, db: Database) -> None:
    bridge.start()
    await bridge.agree()
    await db.execute(_BREAK.format(**_CANDIDATES))
    world = bridge.server.world
    world.change("update", "resource", min(world.live["resource"].ids()), jobTitle="Welder")
    await _failures(bridge, db, "error_at", 1)
    stood = (await cursors.load_cursor(db, INTEGRATION, "candidates")).polled_until
    await _failures(bridge, db, "error_at", 3)
    assert (await cursors.load_cursor(db, INTEGRATION, "candidates")).polled_until == stood
    await db.execute(_MEND)
    topics = await bridge.agree()
    assert topics.types["candidate.updated"] == 1
