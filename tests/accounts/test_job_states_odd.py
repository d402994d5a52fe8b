"""A job whose lists do not agree has one verdict, without an event at every poll, and is told."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.simulator.world import World
from bridge.store import gaps, overview, remarks
from bridge.store.database import Database
from tests.accounts.odd_answers import Odd, odd_answers
from tests.installation import INTEGRATION, Install, Installation
from tests.matrix.entry import EveryRecord, Versions
from tests.waiting import until

_JOBS = 40
_STATES = ("open", "won", "closed")
_FILLED = {"open": ("open",), "filled": ("won",), "closed": ("closed",)}


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    """A proxy that nothing is behind yet."""
    async with odd_answers() as made:
        yield made


async def _start(install: Install, odd: Odd, tracker: dict[str, Any] | None = None) -> Installation:
    bridge = await install(
        world=World(seed=5, candidates=2, jobs=_JOBS, applications=0, users=3, index_lag_seconds=0),
        capture={"poll_seconds": 0.2},
        integration={"base_url": odd.url, "tracker": tracker or {}},
    )
    odd.upstream = bridge.simulator.url
    bridge.start()
    return bridge


async def _swept(db: Database, times: int) -> None:
    async def done() -> bool:
        found = await db.fetchval(
            "SELECT count(*) FROM scans WHERE resource = 'jobs' AND finished_at IS NOT NULL"
        )
        return int(found) >= times

    await until(done, 40)


async def _remarked(db: Database) -> dict[str, str]:
    return {
        one.code: one.text for one in await remarks.load_remarks(db, INTEGRATION) if one.resource == "jobs"
    }


async def test_words_that_are_ignored_make_one_verdict_a_job(
    install: Install, odd: Odd, db: Database
) -> None:
    # Every list shows the jobs of all three.
    odd.states = dict.fromkeys(_STATES, _STATES)
    bridge = await _start(install, odd)
    topics = await bridge.agree()
    await _swept(db, 2)
    updates = (await bridge.read()).types["job.updated"]
    polls = (await overview.polls(db, INTEGRATION))["jobs"].poll_calls
    await _swept(db, 5)

    async def polled_on() -> bool:
        return (await overview.polls(db, INTEGRATION))["jobs"].poll_calls > polls + 15

    await until(polled_on, 30)
    await bridge.agree()
    assert topics.types["job.updated"] == updates
    assert f"{_JOBS} jobs are in the lists of two states" in (await _remarked(db))["jobs_in_two_states"]
    assert "states (open, won, closed)" in (await _remarked(db))["jobs_in_two_states"]
    # One that is filled is told as any other.
    world = bridge.server.world
    live = world.live["opportunity"]
    number = next(n for n in live.ids() if (live.get(n) or {})["opportunityStatusId"] == 2)
    world.change("update", "opportunity", number, opportunityStatusId=7)
    await bridge.agree()


@pytest.mark.parametrize("word", ["won", "open"])
async def test_a_word_that_begins_to_be_ignored_publishes_nothing_untrue_and_heals(
    install: Install, odd: Odd, db: Database, word: str
) -> None:
    odd.states = {state: (state,) for state in _STATES}
    bridge = await _start(install, odd)
    bridge.topics, versions = EveryRecord(), Versions()
    await bridge.agree()
    versions.add(await bridge.simulator.truth())
    world = bridge.server.world
    jobs = sorted(world.live["opportunity"].ids())
    # At one moment, for the bridge: no row is of before and its record of after.
    for number in jobs[:12]:
        world.change("update", "opportunity", number, opportunityName=f"Rigger {number}")
    world.change("create", "opportunity", opportunityName="New")
    odd.states = {**odd.states, word: _STATES}
    versions.add(await bridge.simulator.truth())
    await until(lambda: _is_told(db))
    topics = await bridge.agree()
    assert isinstance(topics, EveryRecord)
    assert versions.untrue(topics.published) == []
    odd.states = {state: (state,) for state in _STATES}
    await until(lambda: _is_told(db, False))
    # What moves now is told by the lists.
    world.change("update", "opportunity", jobs[0], opportunityStatusId=7)
    await bridge.agree()


async def _is_told(db: Database, told: bool = True) -> bool:
    return ("jobs_in_two_states" in await _remarked(db)) is told


async def test_a_word_that_finds_nothing_is_told_and_can_be_set(
    install: Install, odd: Odd, db: Database
) -> None:
    odd.states = _FILLED
    bridge = await _start(install, odd)
    await _swept(db, 2)
    assert "set states.won to the account's word" in (await _remarked(db))["jobs_state_finds_nothing"]
    await bridge.stop()


async def test_the_accounts_own_words_are_asked_for(install: Install, odd: Odd, db: Database) -> None:
    odd.states = _FILLED
    bridge = await _start(install, odd, {"states": {"won": "filled"}})
    await bridge.agree()
    await _swept(db, 2)
    assert await _remarked(db) == {}
    assert [one for one in await gaps.count_gaps(db, INTEGRATION) if one.field == "status"] == []
