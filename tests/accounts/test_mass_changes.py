"""Many records that lose the same at once wait for a person; a few are news."""

from typing import Any

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import holds, overview
from bridge.store.database import Database
from bridge.store.holds import Hold
from tests.accounts.rewriting import CANDIDATE, STATUSES, rewriting
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_OWNERS = ("opportunityOwnerId", "secondaryOwnerId", "thirdOwnerId", "fourthOwnerId", "fifthOwnerId")
_CASES: list[tuple[str, str, str, str, dict[str, Any], str]] = [
    ("resource", "candidates", "emptied_field", "candidate.title", {"jobTitle": ""}, "candidate.updated"),
    (
        "resource", "candidates", "derived_deletions", "candidate_tag", {"tagText": ""},
        "candidate_tag.deleted",
    ),
    (
        "opportunity", "jobs", "derived_deletions", "job_hiring_team_member", dict.fromkeys(_OWNERS),
        "job_hiring_team_member.deleted",
    ),
]  # fmt: skip


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that has read its account, under the guard's default percentage."""
    made = await install(
        world=World(seed=5, candidates=40, jobs=24, applications=10, users=5, index_lag_seconds=0),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.01, "loss_limit_percent": 10},
    )
    made.start()
    await made.agree()
    return made


@pytest.mark.parametrize(
    ("entity", "resource", "kind", "key", "fields", "event"), _CASES, ids=[case[3] for case in _CASES]
)
async def test_a_mass_loss_waits_for_a_word_and_the_rest_goes_on(
    bridge: Installation,
    db: Database,
    entity: str,
    resource: str,
    kind: str,
    key: str,
    fields: dict[str, Any],
    event: str,
) -> None:
    before = (await bridge.read()).types[event]
    world = bridge.server.world
    ids = sorted(world.live[entity].ids())
    for record_id in ids[:20]:
        world.change("update", entity, record_id, **fields)
    await _held(db, resource, kind, key)
    world.change("update", "user", min(world.live["user"].ids()), surname="Later")
    await until(lambda: _has_user(bridge, "Later"))
    assert bridge.topics.types[event] - before < 5
    # Whoever lets go of an owner lets go of the owner's roles.
    for held in await holds.load_waiting_holds(db, INTEGRATION):
        assert await holds.decide_hold(db, held.id, "approved")
    await bridge.agree()
    assert await holds.load_waiting_holds(db, INTEGRATION) == []


async def test_what_is_filled_again_is_published_by_itself(bridge: Installation, db: Database) -> None:
    world = bridge.server.world
    ids = sorted(world.live["resource"].ids())
    titles = {n: (world.live["resource"].get(n) or {})["jobTitle"] for n in ids}
    for record_id in ids[:20]:
        world.change("update", "resource", record_id, jobTitle="")
    await _held(db, "candidates", "emptied_field", "candidate.title")
    for record_id in ids[:20]:
        world.change("update", "resource", record_id, jobTitle=titles[record_id], surname="Again")
    await bridge.agree()
    await until(lambda: _nothing_waits(db))


async def test_a_few_losses_are_news(bridge: Installation, db: Database) -> None:
    world = bridge.server.world
    for record_id in sorted(world.live["resource"].ids())[:3]:
        world.change("update", "resource", record_id, jobTitle="", tagText="")
    await bridge.agree()
    assert await holds.load_waiting_holds(db, INTEGRATION) == []


async def _held(db: Database, resource: str, kind: str, key: str) -> Hold:
    found: list[Hold] = []

    async def is_held() -> bool:
        waiting = await holds.load_waiting_holds(db, INTEGRATION)
        found[:] = [h for h in waiting if (h.resource, h.kind, h.key) == (resource, kind, key)]
        return bool(found) and found[0].row_count > 10

    await until(is_held)
    return found[0]


async def _nothing_waits(db: Database) -> bool:
    return await holds.load_waiting_holds(db, INTEGRATION) == []


async def _has_user(bridge: Installation, surname: str) -> bool:
    bridge.check()
    return any(r["last_name"] == surname for r in (await bridge.read()).state["user"].values())


async def test_losses_that_were_news_before_they_were_too_many_come_back_too(
    install: Install, db: Database
) -> None:
    def lost(record: dict[str, Any]) -> None:
        if record["surname"] == "Lost":
            record["contactDetails"] = None

    async with rewriting() as proxy:
        made = await install(
            world=World(seed=5, candidates=40, jobs=4, applications=4, users=3, index_lag_seconds=0),
            options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
            capture={"poll_seconds": 0.1, "sweep_minutes": 0.01, "loss_limit_percent": 10},
            integration={"base_url": proxy.url},
        )
        proxy.upstream = made.simulator.url
        made.start()
        await made.agree()
        proxy.rules[CANDIDATE] = lost
        ids = sorted(made.server.world.live["resource"].ids())
        for record_id in ids[:3]:
            made.server.world.change("update", "resource", record_id, surname="Lost")
        await until(lambda: _are_kept(db, ids[:3]))
        assert await holds.load_waiting_holds(db, INTEGRATION) == []
        for record_id in ids[3:15]:
            made.server.world.change("update", "resource", record_id, surname="Lost")
        await _held(db, "candidates", "emptied_field", "candidate.email_addresses")
        proxy.rules.clear()
        await made.agree()
        await until(lambda: _nothing_waits(db))
        await made.stop()


async def _are_kept(db: Database, row_ids: list[int]) -> bool:
    """Whether the rows are known so well that they are read no more until they move."""
    query = (
        "SELECT count(*) FROM row_states WHERE resource = 'candidates' AND row_id = ANY($1::bigint[]) "
        "AND fingerprint IS NOT NULL AND version > now() - interval '1 hour'"
    )
    return int(await db.fetchval(query, row_ids)) == len(row_ids)


async def test_statuses_that_lose_their_group_change_no_application(install: Install, db: Database) -> None:
    async with rewriting() as proxy:
        made = await install(
            world=World(seed=5, candidates=12, jobs=4, applications=30, users=3, index_lag_seconds=0),
            options=Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0),
            capture={"poll_seconds": 0.1, "sweep_minutes": 0.01, "loss_limit_percent": 10},
            integration={"base_url": proxy.url},
        )
        proxy.upstream = made.simulator.url
        made.start()
        before = dict((await made.agree()).types)
        proxy.rules[STATUSES] = lambda status: status.update(group=None)
        # The list as a whole makes no sense: it is refused before any of its rows is weighed.
        await until(lambda: _refused(made, db, "statuses", "group"))
        answered = proxy.answered
        await until(lambda: proxy.answered > answered + 4)
        after = (await made.read()).types
        for event in ("application.updated", "rejection_reason.deleted"):
            assert after[event] == before.get(event, 0)
        proxy.rules.clear()
        await until(lambda: _is_well(made, db, "statuses"))
        await made.agree()
        await made.stop()


async def _refused(bridge: Installation, db: Database, resource: str, word: str) -> bool:
    bridge.check()
    return word in ((await overview.polls(db, INTEGRATION))[resource].error or "")


async def _is_well(bridge: Installation, db: Database, resource: str) -> bool:
    bridge.check()
    return (await overview.polls(db, INTEGRATION))[resource].error is None
