"""Lists that page otherwise are read whole, or the status says what to set; and none of them is endless."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import remarks, row_states
from bridge.store.database import Database
from tests import oracle
from tests.accounts.odd_lists import (
    APPLICATIONS,
    CANDIDATES,
    JOBS,
    LISTS,
    USERS,
    Dialect,
    OddLists,
    serving,
)
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_QUIET = Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0)


@pytest.fixture
async def odd() -> AsyncIterator[OddLists]:
    async with serving() as made:
        yield made


async def _installed(
    install: Install, odd: OddLists, dialects: dict[str, Dialect], **tracker: Any
) -> Installation:
    bridge = await install(
        world=World(seed=5, candidates=27, jobs=12, applications=30, users=13, index_lag_seconds=0),
        options=_QUIET,
        capture={"poll_seconds": 0.2, "sweep_minutes": 0.01},
        integration={"base_url": odd.url, "tracker": tracker},
    )
    odd.target, odd.dialects = bridge.server.url, dialects
    return bridge


def _everywhere(dialect: Dialect) -> dict[str, Dialect]:
    return dict.fromkeys(LISTS, dialect)


async def _flaws(db: Database) -> str:
    """What ``bridge status`` would say of lists: the newest scans' flaws, the polls' errors, the remarks."""
    rows = await db.fetch(
        "SELECT DISTINCT ON (resource) resource || ': ' || coalesce(flaw, '-') FROM scans "
        "WHERE finished_at IS NOT NULL ORDER BY resource, finished_at DESC"
    )
    errors = await db.fetch("SELECT resource || ': ' || coalesce(error, scan_error) FROM cursors")
    noted = [f"{r.resource}: {r.text}" for r in await remarks.load_remarks(db, INTEGRATION)]
    return "\n".join([*(r[0] for r in rows if r[0]), *(r[0] for r in errors if r[0]), *noted])


_READ_AS_THEY_ARE: dict[str, tuple[dict[str, Dialect], dict[str, Any]]] = {
    "bare arrays": (_everywhere(Dialect(envelope="bare")), {}),
    "bare arrays that end in full pages": (_everywhere(Dialect(envelope="bare", size=3)), {}),
    "hasNextPage for ever, then empty pages": (_everywhere(Dialect(always_more=True)), {}),
    "hasNextPage for ever without totals": (
        _everywhere(Dialect(always_more=True, envelope="has_next")),
        {},
    ),
    "hasNextPage for ever, and the last page again": (
        _everywhere(Dialect(always_more=True, end="repeats_last")),
        {},
    ),
    "round and round": (_everywhere(Dialect(always_more=True, end="wraps")), {}),
    "one long page among short ones": (_everywhere(Dialect(sizes={0: 20}, envelope="bare")), {}),
    "all at once": (_everywhere(Dialect(paged=False, always_more=True)), {}),
    "pages from 0": (_everywhere(Dialect(first=0)), {"first_page": 0}),
    "pages from 1, read as from 0, with totals": (_everywhere(Dialect()), {"first_page": 0}),
    "not paged": (
        {USERS: Dialect(paged=False, envelope="bare"), CANDIDATES: Dialect(paged=False, envelope="bare")},
        {"paged": {"users": False, "candidates": False}},
    ),
    "ends in a refusal": (
        _everywhere(Dialect(envelope="bare", end="refused", size=3)),
        {"list_end": dict.fromkeys(("users", "jobs", "candidates", "applications"), "refused")},
    ),
    "the last page again, configured": (
        _everywhere(Dialect(envelope="bare", end="repeats_last", size=3)),
        {"list_end": dict.fromkeys(("users", "jobs", "candidates", "applications"), "repeats_last")},
    ),
}


@pytest.mark.parametrize("name", _READ_AS_THEY_ARE)
async def test_a_list_that_ends_otherwise_is_read_whole_and_proves_deletions(
    install: Install, odd: OddLists, store_url: str, name: str
) -> None:
    dialects, tracker = _READ_AS_THEY_ARE[name]
    bridge = await _installed(install, odd, dialects, **tracker)
    bridge.start()
    await bridge.agree()
    world = bridge.server.world
    for entity in ("resource", "opportunity", "user"):
        world.change("delete", entity, min(world.live[entity].ids()))
    world.change("create", "resource", firstName="Ada", surname="New")
    topics = await bridge.agree()
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []


_SAID: dict[str, tuple[dict[str, Dialect], dict[str, Any], str]] = {
    "pages from 0": (_everywhere(Dialect(first=0)), {}, "set first_page = 0"),
    "pages from 1, read as from 0": (
        _everywhere(Dialect(envelope="bare")),
        {"first_page": 0},
        "set first_page = 1",
    ),
    "no page 0": (_everywhere(Dialect(before="empty")), {"first_page": 0}, "set first_page = 1"),
    "page 0 refused": (_everywhere(Dialect(before="refused")), {"first_page": 0}, "set first_page = 1"),
    "users all at once": ({USERS: Dialect(paged=False, envelope="bare")}, {}, "set paged.users = false"),
    "candidates all at once": (
        {CANDIDATES: Dialect(paged=False, envelope="bare")},
        {},
        "set paged.candidates = false",
    ),
    "the page number is ignored": ({CANDIDATES: Dialect(key="page")}, {}, "set page_number"),
    "pages read as none": (
        {CANDIDATES: Dialect()},
        {"paged": {"candidates": False}},
        "set paged.candidates = true",
    ),
    "the last page again": (
        {APPLICATIONS: Dialect(envelope="bare", end="repeats_last")},
        {},
        'set list_end.applications = "repeats_last"',
    ),
    "round and round": (
        {APPLICATIONS: Dialect(envelope="bare", end="wraps")},
        {},
        'set list_end.applications = "wraps"',
    ),
    "a refusal": (
        {JOBS: Dialect(envelope="bare", end="refused", size=1)},
        {},
        'set list_end.jobs = "refused"',
    ),
}


@pytest.mark.parametrize("name", _SAID)
async def test_a_list_that_cannot_be_trusted_says_what_to_set_and_deletes_nothing(
    install: Install, odd: OddLists, db: Database, name: str
) -> None:
    dialects, tracker, advice = _SAID[name]
    bridge = await _installed(install, odd, dialects, **tracker)
    bridge.start()

    async def said() -> bool:
        bridge.check()
        return advice in await _flaws(db)

    try:
        await until(said)
    except TimeoutError:
        raise AssertionError(await _flaws(db)) from None
    topics = await bridge.read()
    assert not {kind for kind in topics.types if kind.endswith(".deleted")}


async def test_a_capped_search_is_remarked_on(install: Install, odd: OddLists, db: Database) -> None:
    bridge = await install(
        world=World(seed=5, candidates=62, jobs=12, applications=80, users=55, index_lag_seconds=0),
        options=_QUIET,
        capture={"poll_seconds": 0.2, "sweep_minutes": 0.01},
        integration={"base_url": odd.url},
    )
    odd.target = bridge.server.url
    odd.dialects = {CANDIDATES: Dialect(cap=50), USERS: Dialect(cap=50)}
    bridge.start()
    await until(lambda: _users_listed(db, 50))
    # Another one is shown now, and one no longer.
    bridge.server.world.change("create", "user", firstName="Ada", surname="New")

    async def said() -> bool:
        bridge.check()
        found = await _flaws(db)
        return all(
            text in found
            for text in (
                "candidates that the list does not show, which has exactly 50 rows",
                "users: can't prove deletions: the list has exactly 50 rows as before",
            )
        )

    await until(said)
    assert (await bridge.read()).types["user.deleted"] == 0


@pytest.mark.parametrize("count", [50, 100])
async def test_an_ordinary_account_with_a_round_number_of_records_is_not_remarked_on(
    install: Install, odd: OddLists, db: Database, count: int
) -> None:
    bridge = await install(
        world=World(
            seed=5, candidates=count, jobs=12, applications=100, users=count // 5, index_lag_seconds=0
        ),
        options=_QUIET,
        capture={"poll_seconds": 0.2, "sweep_minutes": 0.01},
    )
    bridge.start()
    await bridge.agree()
    swept = "SELECT count(*) >= 2 FROM scans WHERE resource = 'applications' AND finished_at IS NOT NULL"
    await until(lambda: db.fetchval(swept))
    assert await remarks.load_remarks(db, INTEGRATION) == []
    world = bridge.server.world
    world.change("delete", "user", min(world.live["user"].ids()))
    await bridge.agree()


async def _users_listed(db: Database, count: int) -> bool:
    return await row_states.count_live_rows(db, INTEGRATION, "users") == count
