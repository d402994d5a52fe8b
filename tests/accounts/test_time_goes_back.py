"""No last-updated time freezes a record: not one in the future, of a backup, nor of another zone."""

from typing import Any

import msgspec
import pytest

from bridge import app
from bridge.cli import resync
from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import overview, remarks, scans
from bridge.store.database import Database
from tests.accounts.odd_answers import odd_answers
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_FUTURE, _BACKUP = "2031-01-01T00:00:00", "2024-02-29T12:00:00"
_OLD: dict[str, dict[str, Any]] = {
    "resource": {"jobTitle": "Restored", "tagText": "Backup"},
    "opportunity": {"opportunityName": "Restored", "opportunityDescription": "From a backup"},
    "opportunity_resource": {"opportunityResourceStatusId": 2},
}


async def installed(install: Install, sweep_minutes: float, **integration: Any) -> Installation:
    """A bridge that has read its account."""
    bridge = await install(
        world=World(seed=5, candidates=12, jobs=6, applications=9, users=3, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": sweep_minutes},
        integration=integration,
    )
    bridge.start()
    return bridge


async def said(bridge: Installation, db: Database, code: str) -> None:
    """Wait until a remark was made."""

    async def made() -> bool:
        bridge.check()
        return any(one.code == code for one in await remarks.load_remarks(db, INTEGRATION))

    await until(made)


async def test_a_time_in_the_future_does_not_hide_the_next_change(install: Install, db: Database) -> None:
    bridge = await installed(install, 60.0)
    await bridge.agree()
    world = bridge.server.world
    for entity, fields in _OLD.items():
        record_id = min(world.live[entity].ids())
        world.change("update", entity, record_id, lastUpdatedDateTime=_FUTURE)
        await said(bridge, db, "future_time")
        await bridge.agree()
        world.change("update", entity, record_id, **fields)
        await bridge.agree()


async def test_an_account_restored_from_a_backup_heals_by_sweeps(install: Install, db: Database) -> None:
    bridge = await installed(install, 0.01)
    await bridge.agree()
    _restore(bridge)
    await said(bridge, db, "time_went_back")
    await bridge.agree()


@pytest.mark.parametrize("republish", [False, True])
async def test_a_resync_reaches_what_is_older_than_known(
    install: Install, db: Database, republish: bool
) -> None:
    bridge = await installed(install, 60.0)
    await bridge.agree()
    _restore(bridge)
    (integration,) = bridge.settings.integrations
    async with app.open_installation(bridge.settings) as here:
        await until(lambda: _loaded(here, integration))
        for resource in app.resources_of_integration(integration).values():
            await resync.request_resync(here, integration, resource, republish)
    await bridge.agree()


async def test_a_corrected_time_zone_heals_every_record(install: Install, db: Database) -> None:
    bridge = await installed(install, 60.0, time_zone="America/New_York")
    await until(lambda: _swept(bridge, db))
    await bridge.stop()
    (one,) = bridge.settings.integrations
    corrected = (msgspec.structs.replace(one, time_zone="Europe/London"),)
    bridge.settings = msgspec.structs.replace(bridge.settings, integrations=corrected)
    await db.execute("UPDATE leases SET expires_at = '-infinity'")
    await db.execute("UPDATE scans SET started_at = started_at - interval '1 day'")
    bridge.start()
    await bridge.agree()


async def test_an_older_row_rolls_nothing_back_that_it_alone_has(install: Install, db: Database) -> None:
    async with odd_answers() as odd:
        # Sweeps go on all the while, and meet the older row as well.
        bridge = await installed(install, 0.01, base_url=odd.url)
        odd.upstream = bridge.simulator.url
        await bridge.agree()
        world = bridge.server.world
        number = min(world.live["opportunity"].ids())
        rows: dict[int, Any] = {}

        def seen(path: str, sent: Any, answered: Any) -> Any:
            if path.endswith("Opportunity/PagedSearch"):
                rows.update({row["opportunityId"]: row for row in answered["opportunities"]})
            return answered

        def stale(path: str, sent: Any, answered: Any) -> Any:
            if path.endswith("Opportunity/PagedSearch"):
                answered["opportunities"] = [
                    rows[number] if row["opportunityId"] == number else row
                    for row in answered["opportunities"]
                ]
            return answered

        odd.change = seen
        await until(lambda: number in rows)
        odd.change = lambda path, sent, answered: answered
        world.change("update", "opportunity", number, opportunityDescription="Newer")
        before = dict((await bridge.agree()).types)
        odd.change = stale
        (integration,) = bridge.settings.integrations
        async with app.open_installation(bridge.settings) as here:
            await resync.request_resync(
                here, integration, app.resources_of_integration(integration)["jobs"], False
            )
        await until(lambda: _resynced(bridge, db))
        await said(bridge, db, "older_rows")
        topics = await bridge.agree()
        assert topics.types["job.updated"] == before["job.updated"]
        odd.change = lambda path, sent, answered: answered
        await bridge.agree()


async def _resynced(bridge: Installation, db: Database) -> bool:
    bridge.check()
    query = "SELECT count(*) FROM scans WHERE kind = 'resync' AND finished_at IS NOT NULL"
    return bool(await db.fetchval(query))


def _restore(bridge: Installation) -> None:
    world = bridge.server.world
    for entity, fields in _OLD.items():
        for record_id in list(world.live[entity].ids()):
            world.change("update", entity, record_id, **fields, lastUpdatedDateTime=_BACKUP)


async def _loaded(here: app.Installation, integration: Any) -> bool:
    followed = app.resources_of_integration(integration).values()
    return all([await resync.is_loaded(here, integration, one) for one in followed])


async def _swept(bridge: Installation, db: Database) -> bool:
    bridge.check()
    proved = await overview.proved_at(db, INTEGRATION)
    running = await scans.all_running(db, INTEGRATION)
    return {"candidates", "jobs", "applications"} <= proved.keys() and not running
