"""What a placement status means is part of every application that stands at it, also after a restart."""

from typing import Any

import pytest

from bridge import app
from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import overview, scans
from bridge.store.database import Database
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until


@pytest.fixture
async def bridge(install: Install, store_url: str) -> Installation:
    """A bridge whose first loads have ended; the next sweep by the clock is an hour away."""
    made = await install(
        world=World(seed=5, candidates=20, jobs=4, applications=40, users=3, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.2, "sweep_minutes": 60.0},
    )
    made.start()
    await made.agree()
    async with await Database.open(store_url, 2) as db:

        async def loaded() -> bool:
            return await scans.last_finished(db, INTEGRATION, "applications") is not None

        await until(loaded)
    return made


def _turn(bridge: Installation) -> int:
    """Let a status that applications stand at mean a rejection."""
    world = bridge.server.world
    used = {_application(bridge, n)["opportunityResourceStatusId"] for n in _ids(bridge)}
    turned = next(n for n in sorted(used) if world.statuses[n]["group"] == "Internal")
    world.change("update", "status", turned, group="Rejected")
    return int(turned)


def _application(bridge: Installation, number: int) -> dict[str, Any]:
    found = bridge.server.world.live["opportunity_resource"].get(number)
    assert found is not None
    return found


def _ids(bridge: Installation) -> list[int]:
    return list(bridge.server.world.live["opportunity_resource"].ids())


async def test_a_status_that_means_something_else_reaches_its_applications(bridge: Installation) -> None:
    _turn(bridge)
    topics = await bridge.agree()
    assert topics.types["application.updated"] > 0


async def test_a_restart_does_not_forget_that_applications_must_be_read_anew(bridge: Installation) -> None:
    before = bridge.topics.types["rejection_reason.created"]
    async with app.open_installation(bridge.settings) as here:
        # The status is heard of; the sweep that this asks for can't begin.
        await here.db.execute(_NO_NEW_SCANS)
        _turn(bridge)
        await until(lambda: _refused(here.db))
        await until(lambda: _heard_of(bridge, before + 1))
        await bridge.stop()
        await here.db.execute("DROP FUNCTION refuse CASCADE")
    bridge.start()
    topics = await bridge.agree()
    assert topics.types["application.updated"] > 0


_NO_NEW_SCANS = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON scans FOR EACH ROW EXECUTE FUNCTION refuse();
"""


async def _heard_of(bridge: Installation, rejection_reasons: int) -> bool:
    return (await bridge.read()).types["rejection_reason.created"] == rejection_reasons


async def _refused(db: Database) -> bool:
    return (await overview.polls(db, INTEGRATION))["applications"].scan_error is not None


async def test_without_such_a_change_a_restart_reads_nothing_anew(bridge: Installation) -> None:
    await bridge.stop()
    bridge.start()
    bridge.server.world.change("update", "opportunity_resource", min(_ids(bridge)), rejectionReason="Other")
    await bridge.agree()
    async with app.open_installation(bridge.settings) as here:
        assert await scans.running(here.db, INTEGRATION, "applications") is None
        last = await scans.last_finished(here.db, INTEGRATION, "applications")
    assert last is not None
    assert last.kind == "initial"
