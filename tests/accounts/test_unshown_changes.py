"""Changes that move neither a record's row nor its last update: found by spot reads, told, cured by a key."""

import re
from typing import Any

import msgspec

from bridge import app
from bridge.cli import check_results
from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import profiles, remarks
from bridge.store.database import Database
from tests.accounts.odd_answers import odd_answers
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_CODE = "unshown_changes"
_SMALL: dict[str, Any] = {"candidates": 12, "jobs": 6, "applications": 9, "users": 3}


async def loaded(install: Install, *, dialect: dict[str, str], **integration: Any) -> Installation:
    """A bridge that has read its account."""
    bridge = await install(
        world=World(seed=5, **_SMALL, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0, dialect=dialect),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.005},
        integration=integration,
    )
    bridge.start()
    return bridge


async def told(db: Database) -> list[str]:
    """What is remarked on changes that no row shows."""
    return [one.text for one in await remarks.load_remarks(db, INTEGRATION) if one.code == _CODE]


async def swept(bridge: Installation, db: Database, times: int) -> None:
    """Wait until so many more sweeps of candidates have ended."""
    query = "SELECT coalesce(max(id), 0) FROM scans WHERE resource = 'candidates' AND finished_at IS NOT NULL"
    last = await db.fetchval(query)
    for _ in range(times):
        before = last

        async def ended(before: int = before) -> bool:
            bridge.check()
            return bool(await db.fetchval(query) > before)

        await until(ended)
        last = await db.fetchval(query)


async def test_what_no_row_shows_is_published_and_told_until_the_key_is_set(
    install: Install, db: Database
) -> None:
    bridge = await loaded(install, dialect={"saves": "not_tags"}, learn=True)
    causes = (await bridge.agree()).causes["sweep"]
    world = bridge.server.world
    number = sorted(world.live["resource"].ids())[4]
    world.change("update", "resource", number, tagText="fresh, keen")
    assert (await bridge.agree()).causes["sweep"] > causes
    (text,) = await told(db)
    assert re.match(rf"candidate {number} changed \(candidate_tag\), but neither its row nor", text)
    assert 'set details.candidates = "always" under [integrations.tracker]' in text
    failing = await _failing(bridge)
    assert {"candidates: unshown_changes", "saves"} <= failing.keys()
    assert '[integrations.tracker.details]\ncandidates = "always"' in failing["saves"]
    await bridge.stop()

    await _set_key(bridge, db)
    bridge.start()

    async def forgotten() -> bool:
        bridge.check()
        return not await told(db)

    await until(forgotten)
    # The first sweep under another setting reads every row anew.
    await swept(bridge, db, 2)
    for record_id in sorted(world.live["resource"].ids()):
        world.change("update", "resource", record_id, tagText=f"cured, {record_id}")
    await bridge.agree()
    assert await told(db) == []
    assert "saves" not in await _failing(bridge)


async def test_a_late_list_is_no_reason_for_a_remark(install: Install, db: Database) -> None:
    bridge = await loaded(install, dialect={})
    await bridge.agree()
    await bridge.simulator.index(lag_seconds=3600)
    world = bridge.server.world
    for record_id in sorted(world.live["resource"].ids()):
        world.change("update", "resource", record_id, tagText="fresh, keen")
    # Only spot reads see it before the list does.
    before = (await bridge.agree()).types["candidate.updated"]
    await bridge.simulator.index(lag_seconds=0)
    await swept(bridge, db, 3)
    assert (await bridge.agree()).types["candidate.updated"] == before
    assert await told(db) == []


async def test_a_job_whose_own_record_alone_changed_is_published_and_doubted(
    install: Install, db: Database
) -> None:
    async with odd_answers() as odd:
        bridge = await loaded(install, dialect={}, base_url=odd.url)
        odd.upstream = bridge.simulator.url
        before = (await bridge.agree()).types["job.updated"]
        number = sorted(bridge.server.world.live["opportunity"].ids())[2]

        def renamed(path: str, sent: Any, answered: Any) -> Any:
            return (
                answered | {"department": {"id": 1, "name": "By id"}}
                if path.endswith(f"Opportunity/{number}")
                else answered
            )

        odd.change = renamed

        async def published() -> bool:
            bridge.check()
            return (await bridge.read()).types["job.updated"] > before

        await until(published)
        await swept(bridge, db, 3)
        assert (await bridge.read()).types["job.updated"] == before + 1
        # Nothing tells that the list is not late, before a day has passed.
        assert await told(db) == []


async def test_a_sweep_looks_at_a_few_records_only(install: Install, db: Database) -> None:
    bridge = await loaded(install, dialect={})
    await bridge.agree()
    await bridge.simulator.forget_calls()
    first = await db.fetchval("SELECT max(id) FROM scans WHERE resource = 'candidates'")
    await swept(bridge, db, 6)
    await bridge.stop()
    begun = await db.fetchval("SELECT count(*) FROM scans WHERE resource = 'candidates' AND id >= $1", first)
    by_path = (await bridge.simulator.calls())["by_path"]
    reads = {path: sum(counts.values()) for path, counts in by_path.items() if path.startswith("GET ")}
    candidates = sum(count for path, count in reads.items() if "/Resource/" in path)
    assert 6 <= candidates <= 5 * begun
    assert not any("/OpportunityResource/" in path for path in reads)


async def _failing(bridge: Installation) -> dict[str, str]:
    (integration,) = bridge.settings.integrations
    async with app.open_installation(bridge.settings) as here:
        return {one.name: one.reason async for one in check_results.findings(here, integration) if one.fails}


async def _set_key(bridge: Installation, db: Database) -> None:
    (one,) = bridge.settings.integrations
    cured = msgspec.structs.replace(one, tracker={"details": {"candidates": "always"}})
    bridge.settings = msgspec.structs.replace(bridge.settings, integrations=(cured,))
    await db.execute("UPDATE leases SET expires_at = '-infinity'")


async def test_the_profile_keeps_the_verdict(install: Install, db: Database) -> None:
    bridge = await loaded(install, dialect={"saves": "not_tags_or_notes"}, learn=True)
    await bridge.agree()
    world = bridge.server.world
    world.change("update", "resource", min(world.live["resource"].ids()), tagText="")
    await bridge.agree()

    async def refuted() -> bool:
        known = await profiles.load_profile(db, INTEGRATION)
        found = {f.assumption: f for f in known.profile.findings} if known else {}
        return "saves" in found and found["saves"].verdict == "refuted"

    await until(refuted)
    await _failing(bridge)
    assert await refuted()
