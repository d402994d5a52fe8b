"""Nothing of an account is published before it is known what its API looks like."""

import asyncpg
import pytest

from tests.installation import Install, Installation
from tests.waiting import until


@pytest.fixture
async def bridge(install: Install) -> Installation:
    return await install(integration={"learn": True})


async def test_the_profile_is_learned_before_the_first_load_and_once(
    bridge: Installation, store_url: str
) -> None:
    bridge.start()
    await bridge.agree()
    db = await asyncpg.connect(store_url)
    learned_at = await db.fetchval("SELECT learned_at FROM profiles")
    assert learned_at < await db.fetchval("SELECT min(started_at) FROM scans")
    await bridge.stop()
    await bridge.simulator.change("update", "resource", 101, jobTitle="Welder")
    bridge.start()
    await bridge.agree()
    assert await db.fetchval("SELECT learned_at FROM profiles") == learned_at
    await db.close()


async def test_a_resource_that_can_not_be_learned_holds_up_no_other_and_is_learned_later(
    bridge: Installation, store_url: str
) -> None:
    await bridge.simulator.fault("/api/v1/Resource/PagedSearch", "status", status=403, times=None)
    bridge.start()
    db = await asyncpg.connect(store_url)
    await until(lambda: db.fetchval("SELECT count(*) = 2 FROM scans WHERE finished_at IS NOT NULL"))
    assert await db.fetchval("SELECT count(*) FROM scans WHERE resource = 'candidates'") == 0
    said = await db.fetchval("SELECT error FROM cursors WHERE resource = 'candidates'")
    assert said.startswith("POST /api/v1/Resource/PagedSearch answered 403")
    await db.close()
    await bridge.simulator.clear_faults()
    await bridge.agree()
