"""Whatever a server does wrong, nothing is said to be deleted that was not.

Each case breaks requests in bursts while sweeps run and records change; every ``deleted`` must be accounted
for by the simulator's journal all the while, and when the faults are over the topics must equal the truth.
"""

from random import Random
from typing import Any

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests import oracle
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_LISTS = "/api/v1/*/PagedSearch"
_BY_ID = "/api/v1/*/[0-9]*"
_STATUSES = "/api/v1/MetaData"
_PAGES_ONLY = ("repeat_page", "shift_page", "short_page", "stale")
_FLEETING = "Fleeting"
_ROUNDS = 3
# These are retried after a pause or put the account aside: a burst of them takes seconds.
_SLOW = ("cut", 401, 404, 500)


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that has read its account; sweeps follow each other closely."""
    made = await install(
        world=World(seed=3, candidates=24, jobs=8, applications=24, users=21, index_lag_seconds=0.1),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0.1, empty_body_rate=0.01),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.002},
    )
    for _ in range(3):
        made.server.world.change("create", "status", name=_FLEETING, group="Internal")
    made.start()
    await made.agree()
    return made


def _status(code: int) -> dict[str, Any]:
    return {"kind": "status", "status": code}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "repeat_page"},
        {"kind": "shift_page"},
        {"kind": "shift_page", "rows": -3},
        {"kind": "short_page"},
        {"kind": "short_page", "rows": 10},
        {"kind": "stale"},
        {"kind": "empty_body"},
        {"kind": "bad_json"},
        {"kind": "cut"},
        _status(401),
        _status(404),
        _status(500),
    ],
    ids=str,
)
async def test_a_list_that_goes_wrong_deletes_nothing(bridge: Installation, fault: dict[str, Any]) -> None:
    await _endure(bridge, _LISTS, fault)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "empty_body"},
        {"kind": "cut"},
        _status(204),
        _status(401),
        _status(404),
        _status(500),
    ],
    ids=str,
)
async def test_reads_by_id_that_go_wrong_delete_nothing(bridge: Installation, fault: dict[str, Any]) -> None:
    await _endure(bridge, _BY_ID, fault)


async def test_a_restart_in_the_middle_of_a_sweep_deletes_nothing(bridge: Installation) -> None:
    rng = Random(5)
    for _ in range(3):
        _change(bridge, rng)
        await _after(bridge, rng.randrange(20))
        await bridge.stop()
        _change(bridge, rng)
        bridge.start()
        await _nothing_false(bridge)
    _delete_some(bridge)
    await _recovers(bridge)


async def test_a_search_index_that_lags_far_behind_deletes_nothing(bridge: Installation) -> None:
    await bridge.simulator.index(lag_seconds=600)
    rng = Random(6)
    for _ in range(3):
        _change(bridge, rng)
        await _after(bridge, 60)
        await _nothing_false(bridge)
    _delete_some(bridge)
    await bridge.simulator.index(lag_seconds=0)
    await _recovers(bridge)


async def _endure(bridge: Installation, path: str, fault: dict[str, Any]) -> None:
    rng = Random(str(fault))
    slow = fault["kind"] in _SLOW or fault.get("status") in _SLOW
    for left in reversed(range(2 if slow else _ROUNDS)):
        _change(bridge, rng)
        if not left:
            _delete_some(bridge)
        times = rng.randint(1, 2 if slow else 6)
        await bridge.simulator.fault(path, after=rng.randrange(8), times=times, **fault)
        if fault["kind"] not in _PAGES_ONLY:
            await bridge.simulator.fault(_STATUSES, **fault)
        await _meet(bridge, rng)
        await _nothing_false(bridge)
    await bridge.simulator.clear_faults()
    await _recovers(bridge)


async def _recovers(bridge: Installation) -> None:
    """The topics say what the account holds, its true deletions among it."""
    await bridge.agree()
    await _nothing_false(bridge)
    assert {"user.deleted", "candidate.deleted", "application_stage.deleted"} <= bridge.topics.types.keys()


def _change(bridge: Installation, rng: Random) -> None:
    for _ in range(5):
        bridge.server.world.random_change(rng)


def _delete_some(bridge: Installation) -> None:
    """True deletions, so that the topics have some to bring whatever the random changes are."""
    world = bridge.server.world
    for entity in ("user", "resource", "opportunity"):
        # The oldest: one that the bridge never heard of could not be deleted either.
        world.change("delete", entity, min(world.live[entity].ids()))
    for status_id in [n for n in world.unused_statuses() if world.statuses[n]["name"] == _FLEETING]:
        world.change("delete", "status", status_id)


async def _after(bridge: Installation, requests: int) -> None:
    """Wait until the bridge has sent that many requests more."""
    calls = bridge.server.site.calls
    wanted = calls.report()["total"] + requests
    await until(lambda: calls.report()["total"] >= wanted)


async def _meet(bridge: Installation, rng: Random) -> None:
    """Wait until every planned fault is over; records change on, so that there is something to read."""
    for _ in range(20):
        try:
            await until(lambda: _met(bridge), 3)
        except TimeoutError:
            _change(bridge, rng)
        else:
            return
    raise AssertionError(f"faults were not met: {bridge.server.site.faults.describe()}")


def _met(bridge: Installation) -> bool:
    """Whether every planned fault is over."""
    bridge.check()
    return all(f["matched"] >= f["after"] + f["times"] for f in bridge.server.site.faults.describe())


async def _nothing_false(bridge: Installation) -> None:
    topics = await bridge.read()
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []
