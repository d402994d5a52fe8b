"""What is read takes turns: neither thousands of changed candidates nor read requests hold up the others.

The orders of reads are looked at, never the times: the account's calls as a server between sees them.
"""

from collections.abc import AsyncIterator

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import read_requests
from bridge.store.database import Database
from bridge.store.read_requests import ReadRequest
from tests.accounts.odd_lists import APPLICATIONS, CANDIDATES, OddLists, serving
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_BY_ID = "/api/v1/resource/"
_MANY = 400


@pytest.fixture
async def odd() -> AsyncIterator[OddLists]:
    async with serving() as made:
        yield made


@pytest.fixture
async def bridge(install: Install, odd: OddLists) -> Installation:
    """A bridge that has read its account, through ``odd``; no sweep comes between."""
    made = await install(
        world=World(seed=5, candidates=_MANY, jobs=5, applications=8, users=3, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 60},
        integration={"base_url": odd.url},
    )
    odd.target = made.server.url
    made.start()
    await made.agree()
    return made


def _paths(odd: OddLists) -> list[str]:
    return [path for path, _ in odd.asked]


def _is_by_id(path: str) -> bool:
    return path.startswith(_BY_ID) and path.removeprefix(_BY_ID).isdecimal()


async def test_a_move_is_found_while_changed_candidates_are_read(bridge: Installation, odd: OddLists) -> None:
    odd.asked.clear()
    world = bridge.server.world
    for candidate in list(world.live["resource"].ids()):
        world.change("update", "resource", candidate, jobTitle="Changed")
    await until(lambda: any(map(_is_by_id, _paths(odd))))
    application = min(world.live["opportunity_resource"].ids())
    now = (world.live["opportunity_resource"].get(application) or {})["opportunityResourceStatusId"]
    stage = next(status for status in world.statuses if status != now)
    world.change("update", "opportunity_resource", application, opportunityResourceStatusId=stage)
    asked = len(odd.asked)
    await bridge.agree()
    later = _paths(odd)[asked:]
    until_found = later.index(APPLICATIONS)
    assert sum(map(_is_by_id, later[:until_found])) < _MANY / 4
    assert sum(map(_is_by_id, later[until_found:])) > _MANY / 4


async def test_polls_and_read_requests_of_a_resource_take_turns(
    bridge: Installation, odd: OddLists, db: Database
) -> None:
    ids = list(bridge.server.world.live["resource"].ids())
    odd.asked.clear()
    async with db.transaction() as tx:
        wanted = [
            ReadRequest(integration_id=INTEGRATION, resource="candidates", row_id=row_id, cause="command")
            for row_id in ids
        ]
        await read_requests.add_read_requests(tx, wanted)

    async def followed() -> bool:
        return not await db.fetchval("SELECT count(*) FROM read_requests")

    await until(followed)
    assert sum(map(_is_by_id, _paths(odd))) >= _MANY
    between = 0
    longest = 0
    for path in _paths(odd):
        between = 0 if path == CANDIDATES else between + _is_by_id(path)
        longest = max(longest, between)
    # Polls come every tenth of a second: the requests of several turns may go before one that is due.
    assert longest < _MANY / 2
