"""The guard: a 30 percent disappearance waits for a person's word, which is carried out to the letter."""

import pytest
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import holds
from bridge.store.database import Database
from bridge.store.holds import Hold
from tests import oracle
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_CANDIDATES = 40
_THIRTY_PERCENT = 12


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that has read its account, under the guard's default percentage."""
    made = await install(
        world=World(seed=5, candidates=_CANDIDATES, jobs=5, applications=0, users=14, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.002, "deletion_limit_percent": 10},
    )
    made.start()
    await made.agree()
    return made


async def test_a_large_disappearance_is_held_while_other_changes_flow(
    bridge: Installation, db: Database
) -> None:
    _delete(bridge, "resource")
    held = await _held(bridge, db, "candidates")
    assert (held.row_count, held.known_count, held.state) == (_THIRTY_PERCENT, _CANDIDATES, "held")
    new = await bridge.simulator.change("create", "resource", firstName="Ada", surname="Later")
    await until(lambda: _arrived(bridge, new))
    assert _deleted(bridge) == 0


async def test_what_is_approved_is_deleted_once_each(bridge: Installation, db: Database) -> None:
    gone = _delete(bridge, "resource")
    held = await _held(bridge, db, "candidates")
    assert await holds.decide_hold(db, held.id, "approved")
    await _agrees(bridge)
    assert _deleted(bridge) == len(gone)
    assert {bridge.topics.deletions["candidate", _id(n)] for n in gone} == {1}
    assert await holds.load_waiting_holds(db) == []


async def test_what_is_discarded_is_not_deleted_and_held_anew(bridge: Installation, db: Database) -> None:
    _delete(bridge, "resource")
    held = await _held(bridge, db, "candidates")
    assert await holds.decide_hold(db, held.id, "discarded")
    again = await _held(bridge, db, "candidates", after=held.id)
    await bridge.read()
    assert again.row_count == _THIRTY_PERCENT
    assert _deleted(bridge) == 0


async def test_candidates_that_come_back_while_held_are_not_deleted(
    bridge: Installation, db: Database
) -> None:
    gone = _delete(bridge, "resource")
    held = await _held(bridge, db, "candidates")
    back = gone[:5]
    _undelete(bridge, "resource", back)
    assert await holds.decide_hold(db, held.id, "approved")
    await _agrees(bridge)
    assert _deleted(bridge) == len(gone) - len(back)
    assert not any(bridge.topics.deletions["candidate", _id(n)] for n in back)


async def test_users_have_no_read_by_id_and_are_held_and_deleted_too(
    bridge: Installation, db: Database
) -> None:
    gone = _delete(bridge, "user")
    held = await _held(bridge, db, "users")
    await bridge.read()
    assert bridge.topics.types["user.deleted"] == 0
    assert await holds.decide_hold(db, held.id, "approved")
    await _agrees(bridge)
    assert bridge.topics.types["user.deleted"] == len(gone)


async def test_users_that_come_back_while_held_are_not_deleted(bridge: Installation, db: Database) -> None:
    gone = _delete(bridge, "user")
    held = await _held(bridge, db, "users")
    _undelete(bridge, "user", gone[:5])
    assert await holds.decide_hold(db, held.id, "approved")
    await _agrees(bridge)
    assert bridge.topics.types["user.deleted"] == len(gone) - 5


async def test_an_approval_of_users_outlives_a_read_that_goes_wrong(
    bridge: Installation, db: Database
) -> None:
    gone = _delete(bridge, "user")
    held = await _held(bridge, db, "users")
    await bridge.stop()
    # The first read that is made for the approval: it ends the row of misses.
    await bridge.simulator.fault("/api/v1/User/PagedSearch", "short_page", rows=1)
    assert await holds.decide_hold(db, held.id, "approved")
    bridge.start()
    await _agrees(bridge)
    assert bridge.topics.types["user.deleted"] == len(gone)


async def test_a_hold_outlives_the_bridge(bridge: Installation, db: Database) -> None:
    gone = _delete(bridge, "resource")
    held = await _held(bridge, db, "candidates")
    await bridge.stop()
    bridge.start()
    new = await bridge.simulator.change("create", "resource", firstName="Ada", surname="Later")
    await until(lambda: _arrived(bridge, new))
    assert (await _held(bridge, db, "candidates")).id == held.id
    assert _deleted(bridge) == 0
    assert await holds.decide_hold(db, held.id, "approved")
    await _agrees(bridge)
    assert _deleted(bridge) == len(gone)


def _delete(bridge: Installation, entity: str) -> list[int]:
    """Delete 30 percent of the candidates, or as many users: more than the guard believes of either."""
    world = bridge.server.world
    gone = list(world.live[entity].ids())[:_THIRTY_PERCENT]
    for record_id in gone:
        world.change("delete", entity, record_id)
    return gone


def _undelete(bridge: Installation, entity: str, record_ids: list[int]) -> None:
    for record_id in record_ids:
        bridge.server.world.change("undelete", entity, record_id)


async def _held(bridge: Installation, db: Database, resource: str, after: int = 0) -> Hold:
    """The hold of a resource, once there is one that is newer than ``after``."""
    found: list[Hold] = []

    async def is_held() -> bool:
        bridge.check()
        waiting = await holds.load_waiting_holds(db, INTEGRATION)
        found[:] = [held for held in waiting if held.resource == resource and held.id > after]
        return bool(found)

    await until(is_held)
    return found[0]


async def _arrived(bridge: Installation, candidate: int) -> bool:
    bridge.check()
    return _id(candidate) in (await bridge.read()).state["candidate"]


async def _agrees(bridge: Installation) -> None:
    topics = await bridge.agree(within_seconds=20)
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []


def _deleted(bridge: Installation) -> int:
    return bridge.topics.types["candidate.deleted"]


def _id(candidate: int) -> str:
    return ids.entity_id(INTEGRATION, Model.CANDIDATE, str(candidate))
