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
    """A bridge that has read its account through the proxy; no percentage limits what it believes."""
    return await _reading(install, proxy, sweep_minutes=0.01)


@pytest.fixture
async def unswept(install: Install, proxy: Rewriting) -> Installation:
    """The same, where no sweep looks at records whose rows stand still."""
    return await _reading(install, proxy, sweep_minutes=1_000)


async def _reading(install: Install, proxy: Rewriting, *, sweep_minutes: float) -> Installation:
    made = await install(
        # Too few of each for a key to be one that nearly all have.
        world=World(seed=5, candidates=16, jobs=12, applications=14, users=5, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": sweep_minutes},
        integration={"base_url": proxy.url},
    )
    proxy.upstream = made.simulator.url
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
    assert any("others that had it still have it" in one.evidence for one in held)
    world.change("create", "user", firstName="Ada", surname="Later")
    await until(lambda: _has(bridge, "user", "Later"))
    after = {kind: count for kind, count in (await bridge.read()).types.items() if "user." not in kind}
    assert after == {kind: count for kind, count in before.items() if "user." not in kind}
    proxy.rules = {}
    await bridge.agree()
    await until(lambda: _none_waits(db))


async def test_what_one_record_loses_is_news_at_the_cost_of_one_call(
    unswept: Installation, proxy: Rewriting, db: Database
) -> None:
    bridge = unswept
    world = bridge.server.world
    people = world.live["resource"]
    one = next(n for n in sorted(people.ids()) if (people.get(n) or {})["tagText"])
    proxy.asked.clear()
    world.change("update", "resource", one, tagText="", jobTitle="")
    await bridge.agree()
    others = [
        call
        for call in proxy.asked
        if re.fullmatch(f"GET {CANDIDATE}", call) and not call.endswith(f"/{one}")
    ]
    # One that had tags, and one that had a title.
    assert 1 <= len(others) <= 2, others
    assert await holds.load_waiting_holds(db, INTEGRATION) == []


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


@pytest.mark.parametrize(
    ("rules", "keys", "later"),
    [
        ({CANDIDATE: _with(contactDetails=None)}, {"candidate.email_addresses"}, {"email": "ada@b.org"}),
        ({CANDIDATE: _with(tagText=None)}, {"candidate_tag"}, {"tagText": "keen"}),
        (
            {CANDIDATE: _with(currentClient=None)},
            {"candidate.company"},
            {"clientName": "Byron", "clientId": 9},
        ),
    ],
    ids=["contact", "tags", "section"],
)
async def test_what_had_nothing_to_lose_is_read_again_when_the_others_have_it_again(
    unswept: Installation,
    proxy: Rewriting,
    db: Database,
    rules: dict[str, Callable[[Record], None]],
    keys: set[str],
    later: dict[str, Any],
) -> None:
    bridge = unswept
    world, field = bridge.server.world, next(iter(later))
    people = world.live["resource"]
    rich = next(n for n in sorted(people.ids()) if (people.get(n) or {}).get(field))
    poor = world.change(
        "create", "resource", surname="Poor", **{name: type(v)() for name, v in later.items()}
    )
    count = len((await bridge.agree()).state["candidate"])
    proxy.rules = rules
    # Before anything is held, and while it is: of neither is a value known.
    early = world.change("create", "resource", firstName="Ada", surname="Early", **later)
    await until(lambda: _count(bridge, "candidate", count + 1))
    await until(lambda: _is_kept(db, early))
    world.change("update", "resource", rich, surname="Rich")
    await _held(bridge, db, keys, 1)
    world.change("update", "resource", poor, surname="Poorer", **later)
    await until(lambda: _has(bridge, "candidate", "Poorer"))
    await until(lambda: _is_kept(db, poor))
    world.change("create", "resource", firstName="Ada", surname="Late", **later)
    world.change("create", "user", firstName="Ada", surname="Later")
    await until(lambda: _has(bridge, "user", "Later"))
    proxy.rules = {}
    await bridge.agree()
    await until(lambda: _none_waits(db))


async def _is_kept(db: Database, row_id: int) -> bool:
    """Whether the row is known so well that it is read no more until it moves."""
    query = "SELECT fingerprint IS NOT NULL FROM row_states WHERE resource = 'candidates' AND row_id = $1"
    return bool(await db.fetchval(query, row_id))


async def _count(bridge: Installation, model: str, count: int) -> bool:
    bridge.check()
    return len((await bridge.read()).state[model]) == count


async def _held(bridge: Installation, db: Database, keys: set[str], rows: int) -> list[Hold]:
    found: list[Hold] = []

    async def are_held() -> bool:
        bridge.check()
        found[:] = [one for one in await holds.load_waiting_holds(db, INTEGRATION) if one.key in keys]
        return {one.key for one in found} == keys and all(one.row_count >= rows for one in found)

    await until(are_held)
    return found


async def _none_waits(db: Database) -> bool:
    return await holds.load_waiting_holds(db, INTEGRATION) == []


async def _has(bridge: Installation, model: str, surname: str) -> bool:
    bridge.check()
    return any(r["last_name"] == surname for r in (await bridge.read()).state[model].values())
