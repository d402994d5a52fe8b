"""What "not there" looks like: each form proves a deletion once configured, and says what to set before."""

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import pytest
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import parked, remarks, scans, unlisted
from bridge.store.database import Database
from bridge.tracker import absence
from tests import oracle
from tests.flow.tracker_account import account
from tests.installation import INTEGRATION, Install, Installation
from tests.rewriting import Proxy, Reply, Rewrite, rewriting
from tests.waiting import until

_CANDIDATE = re.compile(r"/api/v1/Resource/(\d+)")
_LIST = "/api/v1/Resource/PagedSearch"
_PAGE = b"<!DOCTYPE html><html><body>Oops</body></html>"

# How an id that does not exist is answered, and the key that says so.
FORMS: dict[str, tuple[Rewrite, dict[str, Any]]] = {
    "410": (lambda reply: reply.other(410), {"statuses": [204, 404, 410]}),
    "400": (lambda reply: reply.json({"message": "no"}, 400), {"statuses": [204, 400]}),
    "403": (lambda reply: reply.json({"message": "no"}, 403), {"statuses": [204, 403]}),
    "500": (lambda reply: reply.other(500, _PAGE, "text/html"), {"statuses": [204, 500]}),
    "empty": (lambda reply: reply.other(200), {"bodies": ["empty"]}),
    "null": (lambda reply: reply.json(None), {"bodies": ["null"]}),
    "blank": (lambda reply: reply.json({"id": 0, "firstName": ""}), {"bodies": ["blank-object"]}),
    "html": (lambda reply: reply.other(200, _PAGE, "text/html"), {"bodies": ["html"]}),
    "failure": (lambda reply: reply.json({"success": False, "message": "no"}), {"bodies": ["failure"]}),
}


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """The way between bridge and simulator."""
    async with rewriting() as opened:
        yield opened


async def _make(install: Install, proxy: Proxy, **tracker: Any) -> Installation:
    made = await install(
        world=World(seed=7, candidates=24, jobs=8, applications=30, users=6, index_lag_seconds=0.1),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0.1, quirks_off=("empty_bodies",)),
        capture={"poll_seconds": 0.2, "sweep_minutes": 0.005},
        integration={"base_url": proxy.url, "tracker": tracker},
    )
    proxy.upstream = made.server.url
    return made


def absent_ids(form: Rewrite) -> Rewrite:
    """Answer ids that do not exist in that form."""
    return lambda reply: form(reply) if reply.status == 204 and _CANDIDATE.fullmatch(reply.path) else reply


async def _flaw(db: Database) -> str:
    last = await scans.last_finished(db, INTEGRATION, "candidates")
    return "" if last is None else last.flaw or ""


async def _is_flawed(db: Database, words: str) -> bool:
    return words in await _flaw(db)


@pytest.mark.parametrize("name", FORMS)
async def test_each_form_is_learned_and_then_proves_a_deletion(
    install: Install, proxy: Proxy, db: Database, name: str
) -> None:
    form, wanted = FORMS[name]
    proxy.rewrite = absent_ids(form)
    bridge = await _make(install, proxy, absence=wanted)
    bridge.start()
    await bridge.agree()
    [some, *_] = sorted(bridge.server.world.live["resource"].ids())
    await bridge.simulator.change("delete", "resource", some)
    topics = await bridge.agree()
    assert topics.deletions["candidate", _entity(some)] == 1
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []


@pytest.mark.parametrize("name", ["500", "null", "failure"])
async def test_a_form_that_is_not_configured_deletes_nothing_and_names_the_key(
    install: Install, proxy: Proxy, db: Database, name: str
) -> None:
    form, wanted = FORMS[name]
    proxy.rewrite = absent_ids(form)
    bridge = await _make(install, proxy)
    bridge.start()
    await bridge.agree()
    [some, *_] = sorted(bridge.server.world.live["resource"].ids())
    await bridge.simulator.change("delete", "resource", some)
    key = next(iter(wanted))
    await until(lambda: _is_flawed(db, f"absence.{key}"))
    assert (await bridge.read()).deletions["candidate", _entity(some)] == 0


async def test_trouble_that_looks_like_absence_deletes_nothing(
    install: Install, proxy: Proxy, db: Database
) -> None:
    bridge = await _make(
        install, proxy, absence={"statuses": [204, 403, 500], "bodies": ["null", "failure", "empty", "html"]}
    )
    bridge.start()
    await bridge.agree()
    world = bridge.server.world
    before = (await bridge.read()).types.copy()
    for name, (form, _) in FORMS.items():
        if name in ("400", "410", "blank"):
            continue
        proxy.asked.clear()
        proxy.rewrite = partial(_every, form=form)
        changed = sorted(world.live["resource"].ids())[1]
        await bridge.simulator.change("update", "resource", changed, jobTitle=f"After {name}")
        await until(partial(_was_asked, proxy, changed))
        after = (await bridge.read()).types
        assert after["candidate.deleted"] == 0, name
        assert after["candidate.updated"] == before["candidate.updated"], name
        proxy.rewrite = lambda reply: reply
        before = (await bridge.agree()).types.copy()


def _was_asked(proxy: Proxy, candidate: int) -> bool:
    return f"GET /api/v1/Resource/{candidate}" in proxy.asked


async def _merge(bridge: Installation, proxy: Proxy, loser: int, winner: int) -> None:
    """Let a candidate's id be answered with the record of the one that it was merged into."""
    won: dict[str, Any] = {}

    def merged(reply: Reply) -> Reply:
        if reply.path == f"/api/v1/Resource/{winner}" and reply.status == 200:
            won.update(msgspec.json.decode(reply.body))
        return reply.json(won) if reply.path == f"/api/v1/Resource/{loser}" and won else reply

    proxy.rewrite = merged
    await bridge.simulator.change("update", "resource", winner, jobTitle="Both")
    await until(lambda: bool(won))


async def test_a_merged_record_is_deleted_and_the_winner_stays(
    install: Install, proxy: Proxy, db: Database
) -> None:
    bridge = await _make(install, proxy)
    bridge.start()
    await bridge.agree()
    loser, winner, *_ = sorted(bridge.server.world.live["resource"].ids())
    await _merge(bridge, proxy, loser, winner)
    await bridge.simulator.change("delete", "resource", loser)
    topics = await bridge.agree()
    assert topics.deletions["candidate", _entity(loser)] == 1
    assert topics.deletions["candidate", _entity(winner)] == 0


async def test_a_merged_record_that_is_still_listed_is_deleted_and_not_parked(
    install: Install, proxy: Proxy, db: Database
) -> None:
    bridge = await _make(install, proxy)
    bridge.start()
    await bridge.agree()
    loser, winner, *_ = sorted(bridge.server.world.live["resource"].ids())
    await _merge(bridge, proxy, loser, winner)
    # A merge touches the record that is merged, too.
    await bridge.simulator.change("update", "resource", loser, surname="Merged")

    async def is_deleted() -> bool:
        bridge.check()
        return (await bridge.read()).deletions["candidate", _entity(loser)] == 1

    await until(is_deleted)
    assert await parked.list_parked(db, INTEGRATION) == []
    done = await _finished(db)
    await until(partial(_later, db, done + 3))
    topics = await bridge.read()
    assert topics.deletions["candidate", _entity(winner)] == 0
    assert topics.types["candidate.deleted"] == 1


async def test_records_in_no_list_are_kept_counted_and_looked_at_ever_more_seldom(
    install: Install, proxy: Proxy, db: Database
) -> None:
    bridge = await _make(install, proxy)
    bridge.start()
    await bridge.agree()
    hidden = sorted(bridge.server.world.live["resource"].ids())[:3]
    flags = {hidden[0]: {"active": "n"}, hidden[1]: {"active": "n"}, hidden[2]: {}}
    proxy.rewrite = partial(_hiding, flags)

    async def counted() -> bool:
        return await unlisted.count_unlisted(db, INTEGRATION) == {"candidates": 3}

    await until(counted)
    [remark] = [one for one in await remarks.load_remarks(db, INTEGRATION) if one.code == "unlisted_records"]
    assert "3 records are in no list and can be read by id" in remark.text
    assert "2 with active=n. If that means deleted" in remark.text
    assert 'set in [integrations.tracker.deleted] candidates = "active=n"' in remark.text
    assert (await bridge.read()).types["candidate.deleted"] == 0
    proxy.asked.clear()
    done = await _finished(db)
    await until(partial(_later, db, done + 12))
    asked = sum(_was_asked_count(proxy, one) for one in hidden)
    assert asked <= 3 * 4, asked
    proxy.rewrite = lambda reply: reply
    await until(partial(_is_listed_again, db))
    assert [
        one for one in await remarks.load_remarks(db, INTEGRATION) if one.code == "unlisted_records"
    ] == []


async def test_a_record_that_one_sweep_left_out_is_not_called_unlisted(
    install: Install, proxy: Proxy, db: Database
) -> None:
    bridge = await _make(install, proxy)
    bridge.start()
    await bridge.agree()
    left_out = min(bridge.server.world.live["resource"].ids())
    proxy.rewrite = partial(_hiding, {left_out: {}})

    async def found() -> bool:
        return await unlisted.load_unlisted(db, INTEGRATION, "candidates") == [left_out]

    await until(found)
    await bridge.stop()
    assert await unlisted.count_unlisted(db, INTEGRATION) == {}
    assert [
        one for one in await remarks.load_remarks(db, INTEGRATION) if one.code == "unlisted_records"
    ] == []


def _hiding(flags: dict[int, dict[str, Any]], reply: Reply) -> Reply:
    """Leave records out of the list, and give their by-id records these fields besides."""
    if reply.path == _LIST and reply.status == 200:
        page = msgspec.json.decode(reply.body)
        page["resources"] = [row for row in page["resources"] if row["resourceId"] not in flags]
        page["totalCount"] -= len(flags)
        return reply.json(page)
    found = _CANDIDATE.fullmatch(reply.path)
    if found and int(found[1]) in flags and reply.status == 200:
        return reply.json({**msgspec.json.decode(reply.body), **flags[int(found[1])]})
    return reply


def _was_asked_count(proxy: Proxy, candidate: int) -> int:
    return proxy.asked.count(f"GET /api/v1/Resource/{candidate}")


async def _finished(db: Database) -> int:
    return int(
        await db.fetchval(
            "SELECT max(id) FROM scans WHERE resource = 'candidates' AND finished_at IS NOT NULL"
        )
    )


async def _later(db: Database, done: int) -> bool:
    # Ids are shared with the scans of two other resources.
    return await _finished(db) >= done


async def _is_listed_again(db: Database) -> bool:
    return await unlisted.count_unlisted(db, INTEGRATION) == {}


@pytest.mark.parametrize(("where", "listed"), [("row", True), ("detail", True), ("detail", False)])
async def test_a_field_that_says_deleted_deletes_and_brings_back(
    install: Install, proxy: Proxy, db: Database, where: str, listed: bool
) -> None:
    bridge = await _make(install, proxy, deleted={"candidates": ["active=n", "removed=*"]})
    soft: set[int] = set()

    def flagged(reply: Reply) -> Reply:
        if reply.path == _LIST and reply.status == 200:
            page = msgspec.json.decode(reply.body)
            if listed:
                for row in page["resources"]:
                    row |= {"active": "n" if row["resourceId"] in soft else "y"} if where == "row" else {}
                return reply.json(page)
            return _hiding({key: {} for key in soft}, reply)
        found = _CANDIDATE.fullmatch(reply.path)
        if found and reply.status == 200 and where == "detail":
            flag = {"active": "n" if int(found[1]) in soft else "y"}
            return reply.json({**msgspec.json.decode(reply.body), **flag})
        return reply

    proxy.rewrite = flagged
    first, second, *_ = sorted(bridge.server.world.live["resource"].ids())
    soft.add(second)
    bridge.start()
    await until(partial(_lacks, bridge, second))
    soft.add(first)
    await bridge.simulator.change("update", "resource", first, jobTitle="Left")
    await until(partial(_lacks, bridge, first))
    topics = await bridge.read()
    assert topics.deletions["candidate", _entity(first)] == 1
    assert topics.deletions["candidate", _entity(second)] == 0, "it never was created"
    soft.clear()
    for one in (first, second):
        await bridge.simulator.change("update", "resource", one, jobTitle="Back")
    await bridge.agree()


async def _lacks(bridge: Installation, candidate: int) -> bool:
    """Whether all candidates but this are on the topics."""
    bridge.check()
    state = (await bridge.read()).state["candidate"]
    return len(state) >= 22 and _entity(candidate) not in state


# --- learning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("given", [True, False])
async def test_absence_is_found_out_by_four_requests(
    store_url: str, proxy: Proxy, name: str, given: bool
) -> None:
    form, wanted = FORMS[name]
    async with account(store_url) as acme, acme.client(base_url=proxy.url) as client:
        proxy.upstream = acme.url
        existing = (await client.pages("candidates")).rows[0].remote_id if given else None
        proxy.rewrite = absent_ids(form)
        proxy.asked.clear()
        facts = await absence.absence_of(client, "candidates", existing=existing)
    # The first of them exchanges the token.
    assert len([one for one in proxy.asked if "ExchangeToken" not in one]) <= 4
    assert (facts.finding, facts.recognized) == ("proved", False), facts.evidence
    [key] = facts.settings["absence"]
    assert set(wanted[key]) <= {204, *facts.settings["absence"][key]}
    async with account(store_url) as acme:
        proxy.upstream = acme.url
        async with acme.client(base_url=proxy.url, tracker=dict(facts.settings)) as client:
            again = await absence.absence_of(client, "candidates")
    assert (again.finding, again.recognized, dict(again.settings)) == ("proved", True, {})


@pytest.mark.parametrize(
    ("rewrite", "finding", "words"),
    [
        (lambda reply: reply, "proved", "answered 204"),
        (lambda reply: _every(reply, lambda r: r.other(500)), "refuted", "set paths.candidates_by_id"),
        (lambda reply: _every(reply, lambda r: r.other(404, _PAGE, "text/html")), "refuted", "web page"),
        (lambda reply: _even(reply, lambda r: r.json(None)), "unknown", "are answered differently"),
        (
            lambda reply: _every(reply, lambda r: r.json({"data": msgspec.json.decode(r.body or b"null")})),
            "unknown",
            'unwrap.candidates = "data"',
        ),
        (
            lambda reply: _every(reply, lambda r: r.json({"id": 1, "surname": "X"})),
            "refuted",
            "another record",
        ),
        (absent_ids(lambda reply: reply.json({"id": 1, "surname": "X"})), "proved", "another record"),
    ],
)
async def test_what_can_not_be_told_from_trouble_is_not_learned(
    store_url: str, proxy: Proxy, rewrite: Rewrite, finding: str, words: str
) -> None:
    async with account(store_url) as acme, acme.client(base_url=proxy.url) as client:
        proxy.upstream = acme.url
        await client.statuses()
        proxy.rewrite = rewrite
        facts = await absence.absence_of(client, "candidates")
    assert (facts.finding, words in facts.evidence) == (finding, True), facts.evidence


def _every(reply: Reply, form: Rewrite) -> Reply:
    return form(reply) if _CANDIDATE.fullmatch(reply.path) else reply


def _even(reply: Reply, form: Rewrite) -> Reply:
    return form(reply) if reply.path.endswith(absence.OTHER_ABSENT_ID) else reply


def _entity(candidate: int) -> str:
    return ids.entity_id(INTEGRATION, Model.CANDIDATE, str(candidate))
