"""A key that nearly every record had is gone: nothing is derived from that, it is said, and it heals."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import holds
from bridge.store.database import Database
from bridge.store.holds import Hold
from tests.accounts.rewriting import CANDIDATE, JOBS, STATUSES, Rewriting, rewriting
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_CANDIDATES = 24
_UNTRUE = (
    "candidate.deleted", "candidate_tag.deleted", "tag.deleted", "job.deleted", "role.deleted",
    "job_hiring_team_member.deleted", "job_user_role_assignment.deleted", "rejection_reason.deleted",
)  # fmt: skip


@pytest.fixture
async def proxy() -> AsyncIterator[Rewriting]:
    """What stands between the bridge and its account."""
    async with rewriting() as opened:
        yield opened


@pytest.fixture
async def bridge(install: Install, proxy: Rewriting) -> Installation:
    """A bridge that has read its account through the proxy."""
    made = await install(
        world=World(seed=5, candidates=_CANDIDATES, jobs=22, applications=24, users=5, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.01},
        integration={"base_url": proxy.url},
    )
    proxy.upstream = made.simulator.url
    made.start()
    await made.agree()
    return made


def _people(bridge: Installation) -> list[int]:
    return sorted(bridge.server.world.live["resource"].ids())


def _touch(bridge: Installation, entity: str, record_ids: list[int], **fields: Any) -> None:
    for record_id in record_ids:
        bridge.server.world.change("update", entity, record_id, **fields)


async def _held(bridge: Installation, db: Database, resource: str, key: str, rows: int) -> Hold:
    """The hold of a key, once it withholds that many records."""
    found: list[Hold] = []

    async def is_held() -> bool:
        bridge.check()
        waiting = await holds.load_waiting_holds(db, INTEGRATION)
        found[:] = [one for one in waiting if (one.resource, one.key) == (resource, key)]
        return bool(found) and found[0].row_count >= rows

    await until(is_held)
    return found[0]


def _nothing_untrue(bridge: Installation, before: dict[str, int]) -> None:
    types = bridge.topics.types
    assert {kind: types[kind] for kind in _UNTRUE} == {kind: before.get(kind, 0) for kind in _UNTRUE}


@pytest.mark.parametrize(
    ("path", "key", "entity", "resource", "name", "fields"),
    [
        (CANDIDATE, "tagText", "resource", "candidates", "detail:tagText", {"jobTitle": "Welder"}),
        (CANDIDATE, "contactDetails", "resource", "candidates", "detail:contactDetails", {"surname": "Lee"}),
        (
            JOBS,
            "opportunityOwnerId",
            "opportunity",
            "jobs",
            "row:opportunityOwnerId",
            {"locationCity": "Ely"},
        ),
    ],
)
async def test_what_lacks_a_key_is_held_from_the_first_record_on_and_heals(
    bridge: Installation,
    proxy: Rewriting,
    db: Database,
    path: str,
    key: str,
    entity: str,
    resource: str,
    name: str,
    fields: dict[str, Any],
) -> None:
    before = dict((await bridge.read()).types)
    proxy.drop(path, key)
    ids = sorted(bridge.server.world.live[entity].ids())
    _touch(bridge, entity, ids[:1], **fields)
    held = await _held(bridge, db, resource, name, 1)
    assert f"`{key}` was in 100 % of " in held.evidence
    assert "is in none of the last " in held.evidence
    _touch(bridge, entity, ids[1:15], **fields)
    assert (await _held(bridge, db, resource, name, 15)).id == held.id
    # The rest goes on.
    bridge.server.world.change("create", "user", firstName="Ada", surname="Later")
    await until(lambda: _has(bridge, "user", "Later"))
    await bridge.read()
    _nothing_untrue(bridge, before)
    model = {"resource": "candidate", "opportunity": "job"}[entity]
    assert bridge.topics.types[f"{model}.updated"] == before.get(f"{model}.updated", 0)
    proxy.rules.clear()
    await bridge.agree()
    await until(lambda: _none_waits(db))
    await bridge.read()
    _nothing_untrue(bridge, before)


async def test_a_few_records_that_lack_a_key_are_not_held_for_ever(
    bridge: Installation, proxy: Rewriting, db: Database
) -> None:
    one = _people(bridge)[3]

    def poor(record: dict[str, Any]) -> None:
        if record["id"] == one:
            del record["tagText"]

    bridge.server.world.change("update", "resource", one, tagText="")
    await bridge.agree()
    proxy.rules[CANDIDATE] = poor
    bridge.server.world.change("update", "resource", one, surname="Alone")
    await bridge.agree()
    assert await holds.load_waiting_holds(db, INTEGRATION) == []


async def test_an_approved_loss_is_published_and_held_no_more(
    bridge: Installation, proxy: Rewriting, db: Database
) -> None:
    proxy.drop(CANDIDATE, "tagText")
    people = _people(bridge)
    _touch(bridge, "resource", people[:6], jobTitle="Welder")
    held = await _held(bridge, db, "candidates", "detail:tagText", 6)
    assert await holds.decide_hold(db, held.id, "approved")
    _touch(bridge, "resource", people, tagText="", jobTitle="Welder")
    await bridge.agree()
    assert await holds.load_waiting_holds(db, INTEGRATION) == []


async def test_a_discarded_hold_stays_silent_and_still_heals(
    bridge: Installation, proxy: Rewriting, db: Database
) -> None:
    before = dict((await bridge.read()).types)
    proxy.drop(CANDIDATE, "tagText")
    people = _people(bridge)
    _touch(bridge, "resource", people[:6], jobTitle="Welder")
    held = await _held(bridge, db, "candidates", "detail:tagText", 6)
    assert await holds.decide_hold(db, held.id, "discarded")
    _touch(bridge, "resource", people[6:8], jobTitle="Welder")
    await until(lambda: _row_count(db, held.id, 8))
    assert [one.state for one in await holds.load_waiting_holds(db, INTEGRATION)] == ["discarded"]
    await bridge.read()
    _nothing_untrue(bridge, before)
    proxy.rules.clear()
    await bridge.agree()
    await until(lambda: _none_waits(db))


async def test_what_statuses_lose_changes_no_application(
    bridge: Installation, proxy: Rewriting, db: Database
) -> None:
    before = dict((await bridge.read()).types)
    # Too few statuses to have a habit: this account has more.
    for n in range(20):
        bridge.server.world.change("create", "status", name=f"Stage {n}", group="Internal")
    await bridge.agree()

    def renamed(answer: dict[str, Any]) -> None:
        answer.pop("group", None)

    proxy.rules[STATUSES] = renamed
    await _held(bridge, db, "statuses", "row:group", 10)
    await bridge.read()
    _nothing_untrue(bridge, before)
    assert bridge.topics.types["application.updated"] == before.get("application.updated", 0)
    proxy.rules.clear()
    await until(lambda: _none_waits(db))
    await bridge.agree()


async def _row_count(db: Database, hold_id: int, rows: int) -> bool:
    return len(await holds.row_ids(db, hold_id)) >= rows


async def _none_waits(db: Database) -> bool:
    return await holds.load_waiting_holds(db, INTEGRATION) == []


async def _has(bridge: Installation, model: str, name: str) -> bool:
    bridge.check()
    return any(record.get("last_name") == name for record in (await bridge.read()).state[model].values())
