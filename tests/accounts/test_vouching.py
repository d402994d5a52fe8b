"""A value that no record has any more is held from the first on, whatever the limits; one loss is news."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec import Struct

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import holds
from bridge.store.database import Database
from bridge.store.holds import Hold
from tests.accounts.rewriting import (
    APPLICATION,
    APPLICATIONS,
    CANDIDATE,
    CANDIDATES,
    JOB,
    JOBS,
    Record,
    Rewriting,
    rewriting,
)
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_OWNERS = ("opportunityOwnerId", "secondaryOwnerId", "thirdOwnerId", "fourthOwnerId", "fifthOwnerId")


def _with(**fields: Any) -> Callable[[Record], None]:
    return lambda record: record.update(fields)


def _everywhere(*paths: str, **fields: Any) -> dict[str, Callable[[Record], None]]:
    return dict.fromkeys(paths, _with(**fields))


class Case(Struct, frozen=True, kw_only=True):
    """``rules``: what the account answers now; ``had``: what the records have that are changed, by ``fields``
    or by name; ``keys``: what is held."""

    rules: dict[str, Callable[[Record], None]]
    entity: str = "resource"
    had: tuple[str, ...] = ()
    fields: dict[str, Any] = {}
    keys: set[str]


_CASES = {
    "title": Case(
        rules=_everywhere(CANDIDATE, CANDIDATES, jobTitle=None), had=("jobTitle",), keys={"candidate.title"}
    ),
    "contact": Case(
        rules={CANDIDATE: _with(contactDetails=None)},
        had=("email", "mobilePhone"),
        keys={"candidate.email_addresses", "candidate.phone_numbers"},
    ),
    "tags": Case(rules={CANDIDATE: _with(tagText="")}, had=("tagText",), keys={"candidate_tag"}),
    "owners": Case(
        rules={JOBS: _with(**dict.fromkeys(_OWNERS)), JOB: _with(owners=[])},
        entity="opportunity",
        had=_OWNERS[:1],
        fields={"opportunityName": "Rigger"},
        keys={"job_hiring_team_member"},
    ),
    "description": Case(
        rules={JOBS: _with(opportunityDescription=None, publishDescription=None)},
        entity="opportunity",
        had=("opportunityDescription",),
        fields={"opportunityName": "Rigger"},
        keys={"job.description"},
    ),
    "stage": Case(
        rules=_everywhere(
            APPLICATION, APPLICATIONS, opportunityResourceStatusId=None, opportunityResourceStatusName=None
        ),
        entity="opportunity_resource",
        fields={"rejectionReason": "Withdrew"},
        keys={"application.current_stage_id"},
    ),
}


@pytest.fixture
async def proxy() -> AsyncIterator[Rewriting]:
    """What stands between the bridge and its account."""
    async with rewriting() as opened:
        yield opened


@pytest.fixture
async def bridge(install: Install, proxy: Rewriting) -> Installation:
    """A bridge that sweeps all the time."""
    return await _loaded(install, proxy, sweep_minutes=0.01)


async def _loaded(install: Install, proxy: Rewriting, *, sweep_minutes: float) -> Installation:
    """A bridge that has read its account through the proxy; no percentage limits what it believes."""
    made = await install(
        # Too few of each for a key to be one that nearly all have.
        world=World(seed=5, candidates=16, jobs=12, applications=14, users=5, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": sweep_minutes},
        integration={"base_url": proxy.url},
    )
    proxy.target = made.simulator.url
    made.start()
    await made.agree()
    return made


@pytest.mark.parametrize("name", _CASES)
async def test_what_no_record_has_any_more_is_held_from_the_first_on_and_heals(
    bridge: Installation, proxy: Rewriting, db: Database, name: str
) -> None:
    case = _CASES[name]
    before = dict((await bridge.read()).types)
    proxy.rules = dict(case.rules)
    world, table = bridge.server.world, bridge.server.world.live[case.entity]
    ids = [n for n in sorted(table.ids()) if all((table.get(n) or {}).get(key) for key in case.had)]
    # One after the other: nothing else of the batch tells that it is all of them.
    for count, record_id in enumerate(ids[:4], 1):
        world.change("update", case.entity, record_id, **case.fields or {"surname": "Lee"})
        held = await _held(bridge, db, case.keys, count)
    assert any("others that had it have it still" in one.evidence for one in held)
    world.change("create", "user", firstName="Ada", surname="Later")
    await until(lambda: _has_user(bridge, "Later"))
    after = {kind: count for kind, count in (await bridge.read()).types.items() if "user." not in kind}
    assert after == {kind: count for kind, count in before.items() if "user." not in kind}
    proxy.rules = {}
    await bridge.agree()
    await until(lambda: _none_waits(db))


async def test_what_one_record_loses_is_news_at_the_cost_of_one_call(
    install: Install, proxy: Rewriting, db: Database
) -> None:
    bridge = await _loaded(install, proxy, sweep_minutes=60.0)
    world = bridge.server.world
    people = world.live["resource"]
    one = next(n for n in sorted(people.ids()) if (people.get(n) or {})["tagText"])
    proxy.asked.clear()
    world.change("update", "resource", one, tagText="", jobTitle="")
    await bridge.agree()
    others = [path for path in proxy.asked if re.fullmatch(CANDIDATE, path) and not path.endswith(f"/{one}")]
    # One that had tags, and one that had a title.
    assert 1 <= len(others) <= 2, others
    assert await holds.waiting(db, INTEGRATION) == []


async def test_what_is_truly_gone_of_one_is_published_when_the_others_have_it_again(
    bridge: Installation, proxy: Rewriting, db: Database
) -> None:
    world = bridge.server.world
    one, other = sorted(world.live["resource"].ids())[:2]
    proxy.rules = _everywhere(CANDIDATE, CANDIDATES, jobTitle=None)
    for record_id in (one, other):
        world.change("update", "resource", record_id, surname="Lee")
    await _held(bridge, db, {"candidate.title"}, 2)
    world.change("update", "resource", one, jobTitle="")
    proxy.rules = {}
    await bridge.agree(60)
    await until(lambda: _none_waits(db))


async def _held(bridge: Installation, db: Database, keys: set[str], rows: int) -> list[Hold]:
    found: list[Hold] = []

    async def are_held() -> bool:
        bridge.check()
        found[:] = [one for one in await holds.waiting(db, INTEGRATION) if one.key in keys]
        return {one.key for one in found} == keys and all(one.row_count >= rows for one in found)

    await until(are_held)
    return found


async def _none_waits(db: Database) -> bool:
    return await holds.waiting(db, INTEGRATION) == []


async def _has_user(bridge: Installation, surname: str) -> bool:
    bridge.check()
    return any(r["last_name"] == surname for r in (await bridge.read()).state["user"].values())
