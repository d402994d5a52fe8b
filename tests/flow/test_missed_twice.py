"""Users can't be read by id: only two complete reads, one right after the other, may miss one for good."""

from typing import Any

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests import oracle
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_USERS = "/api/v1/User/PagedSearch"


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that knows an account whose users fit on one page, a new one among them."""
    made = await install(
        world=World(seed=5, candidates=3, jobs=2, applications=0, users=6, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1},
    )
    made.start()
    await made.agree()
    made.server.world.change("create", "user", firstName="Ada", surname="New")
    await made.agree()
    return made


def _stale_then(bridge: Installation, between: dict[str, Any]) -> None:
    """The next list is one from before the new user and with one that is gone, so that its count adds up;
    then comes ``between``, and the same stale list once more."""
    faults, world = bridge.server.site.faults, bridge.server.world
    world.change("delete", "user", min(world.live["user"].ids()))
    for fault in ({"kind": "stale"}, between, {"kind": "stale"}):
        faults.plan({"path": _USERS, **fault})


def _reads(bridge: Installation) -> int:
    """How many lists have been asked for since."""
    return int(bridge.server.site.faults.describe()[0]["matched"])


async def _nothing_false(bridge: Installation) -> None:
    """The account's true deletion arrives, and no other."""
    topics = await bridge.agree()
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []
    assert topics.types["user.deleted"] == 1


@pytest.mark.parametrize("between", [{"kind": "short_page", "rows": 2}, {"kind": "status", "status": 404}])
async def test_a_read_that_goes_wrong_between_two_stale_ones_breaks_the_row(
    bridge: Installation, between: dict[str, Any]
) -> None:
    _stale_then(bridge, between)
    await until(lambda: _reads(bridge) >= 3)
    await _nothing_false(bridge)


async def test_a_read_that_a_kill_cuts_off_between_two_stale_ones_breaks_the_row(
    bridge: Installation,
) -> None:
    _stale_then(bridge, {"kind": "hang"})
    await until(lambda: _reads(bridge) == 2)
    await bridge.stop()
    bridge.start()
    await until(lambda: _reads(bridge) >= 3)
    await _nothing_false(bridge)
