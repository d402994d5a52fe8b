"""A scan that a restart interrupts counts from its own start: no sweep follows it without need."""

from typing import Any

import asyncpg
import msgspec
import pytest

from bridge.app import Tuning
from bridge.capture.stage import CaptureLimits
from tests.installation import Install, Installation
from tests.waiting import until


@pytest.fixture
async def bridge(install: Install) -> Installation:
    return await install(
        capture={"poll_seconds": 0.1, "sweep_minutes": 60.0},
        tuning=Tuning(reads=CaptureLimits(parallel_reads=1, confirm_seconds=0.0)),
    )


async def test_after_a_resumed_first_load_no_sweep_begins_before_its_time(
    bridge: Installation, store_url: str
) -> None:
    bridge.start()
    db = await asyncpg.connect(store_url)
    under_way = "SELECT count(*) FROM scans WHERE pages_read > 0 AND finished_at IS NULL"
    await until(lambda: db.fetchval(under_way))
    await bridge.stop()
    assert await db.fetchval(under_way) == 1
    bridge.start()
    await bridge.agree()
    await until(lambda: db.fetchval("SELECT count(*) >= 3 FROM scans WHERE finished_at IS NOT NULL"))
    # A sweep that is due gets its turn after a poll at the latest.
    polls = await db.fetchval("SELECT max(polled_at) FROM cursors")
    await until(lambda: db.fetchval("SELECT min(polled_at) > $1 FROM cursors", polls))
    kinds = await db.fetch("SELECT kind FROM scans")
    await db.close()
    assert [row["kind"] for row in kinds] == ["initial"] * 3


@pytest.mark.parametrize("key", ["list_end", "paged", "first_page"])
async def test_a_first_load_begins_again_where_its_list_is_asked_for_otherwise(
    bridge: Installation, store_url: str, key: str
) -> None:
    settings: dict[str, Any] = {
        "list_end": {"candidates": "repeats_last", "jobs": "repeats_last"},
        "paged": {"candidates": False, "jobs": False},
        "first_page": 0,
    }
    bridge.start()
    db = await asyncpg.connect(store_url)
    under_way = "SELECT id FROM scans WHERE pages_read > 0 AND finished_at IS NULL"
    await until(lambda: db.fetchval(under_way))
    await bridge.stop()
    scan_id = await db.fetchval(under_way)
    (one,) = bridge.settings.integrations
    wrong = msgspec.structs.replace(one, tracker={key: settings[key]})
    bridge.settings = msgspec.structs.replace(bridge.settings, integrations=(wrong,))
    bridge.start()
    await until(lambda: db.fetchval("SELECT NOT EXISTS (SELECT FROM scans WHERE id = $1)", scan_id))
    await bridge.stop()
    bridge.settings = msgspec.structs.replace(bridge.settings, integrations=(one,))
    bridge.start()
    await bridge.agree()
    await db.close()
