"""A scan that can't go on says so until it can, and holds up no poll."""

from collections import defaultdict
from datetime import datetime

import pytest
from rich.console import Console

from bridge import app
from bridge.app import Installation as Opened
from bridge.cli import installation_status, status
from bridge.cli.installation_status import ResourceStatus
from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.installation import Install, Installation
from tests.waiting import until


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that has read its account; sweeps follow each other closely."""
    made = await install(
        world=World(seed=5, candidates=30, jobs=3, applications=0, users=3, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.002},
    )
    made.start()
    await made.agree()
    return made


async def _candidates(here: Opened) -> ResourceStatus:
    (integration,) = (await installation_status.read_installation_status(here)).integrations
    return next(resource for resource in integration.resources if resource.name == "candidates")


async def _in_trouble(here: Opened) -> bool:
    return (await _candidates(here)).polls.scan_error is not None


async def _shown(here: Opened) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(status.rendered(await installation_status.read_installation_status(here)))
    return captured.get()


async def test_polls_go_on_beside_a_sweep_that_fails_and_do_not_hide_why(bridge: Installation) -> None:
    # Its lists can be read; what they don't show can't be asked for by id.
    await bridge.simulator.fault("/api/v1/Resource/[0-9]*", "status", status=403, times=None)
    bridge.server.world.change("delete", "resource", min(bridge.server.world.live["resource"].ids()))
    async with app.open_installation(bridge.settings) as here:
        await until(lambda: _in_trouble(here))
        polled: dict[datetime | None, set[datetime | None]] = defaultdict(set)

        async def polled_often_between_two_failures() -> bool:
            polls = (await _candidates(here)).polls
            polled[polls.scan_error_at].add(polls.polled_at)
            return max(map(len, polled.values())) >= 6

        await until(polled_often_between_two_failures)
        found = await _candidates(here)
        assert found.polls.error is None
        assert "answered 403" in (found.polls.scan_error or "")
        assert "candidates, scan: GET /api/v1/Resource/" in await _shown(here)
        await bridge.simulator.clear_faults()
        await bridge.agree()
        await until(lambda: _well(here))
        assert "its scan" not in await _shown(here)


async def _well(here: Opened) -> bool:
    return not await _in_trouble(here)
