"""A by-id answer that is not the requested record: nothing is published, and it heals by itself."""

import re
from collections.abc import AsyncIterator
from functools import partial

import msgspec
import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import cursors, parked, read_requests, row_states, scans
from bridge.store.database import Database
from bridge.store.read_requests import ReadRequest
from tests.installation import INTEGRATION, Install, Installation
from tests.rewriting import Proxy, Reply, Rewrite, rewriting
from tests.waiting import until

_BY_ID = re.compile(r"/api/v1/(Opportunity|Resource|OpportunityResource)/(\d+)")
_OF_CANDIDATES = re.compile(r"/api/v1/Resource/(\d+)")
_PAGE = b"<!DOCTYPE html><html><body>Down for maintenance</body></html>"


def by_id(made: Rewrite, pattern: re.Pattern[str] = _BY_ID) -> Rewrite:
    """Rewrite the answers to by-id reads alone."""
    return lambda reply: made(reply) if reply.method == "GET" and pattern.fullmatch(reply.path) else reply


def _id(reply: Reply) -> int:
    return int(reply.path.rsplit("/", 1)[1])


def _another(reply: Reply) -> Reply:
    key = "opportunityResourceId" if "OpportunityResource" in reply.path else "id"
    return reply.json({**msgspec.json.decode(reply.body or b"{}"), key: _id(reply) + 1})


FORMS: dict[str, Rewrite] = {
    "failure": lambda reply: reply.json({"success": False, "message": "Temporarily unavailable"}),
    "empty object": lambda reply: reply.json({}),
    "message": lambda reply: reply.json({"Message": "An error has occurred."}),
    "id alone": lambda reply: reply.json({"id": _id(reply)}),
    "list": lambda reply: reply.json([]),
    "null": lambda reply: reply.json(None),
    "web page": lambda reply: reply.other(200, _PAGE, "text/html"),
    "web page by another name": lambda reply: reply.other(200, _PAGE),
    "empty body": lambda reply: reply.other(200),
    "another record": _another,
}


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """The way between bridge and simulator."""
    async with rewriting() as opened:
        yield opened


@pytest.fixture
async def bridge(install: Install, proxy: Proxy) -> Installation:
    """A bridge behind the proxy, not started."""
    made = await install(
        world=World(seed=7, candidates=24, jobs=8, applications=30, users=6, index_lag_seconds=0.1),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0.1, quirks_off=("empty_bodies",)),
        capture={"poll_seconds": 0.2, "sweep_minutes": 0.01},
        integration={"base_url": proxy.url},
    )
    proxy.upstream = made.server.url
    return made


async def _trouble(db: Database, resource: str) -> str:
    """What status says of a resource, once it says so."""
    found: list[str] = []

    async def told() -> bool:
        error = (await cursors.load_cursor(db, INTEGRATION, resource)).error
        found[:] = [error] if error else []
        return bool(found)

    await until(told)
    return found[0]


async def _is_well(db: Database, resource: str) -> bool:
    return not (await cursors.load_cursor(db, INTEGRATION, resource)).error


async def test_no_form_of_it_is_published_and_each_heals_by_itself(
    bridge: Installation, proxy: Proxy, db: Database
) -> None:
    bridge.start()
    before = (await bridge.agree()).types.copy()
    candidates = sorted(bridge.server.world.live["resource"].ids())
    jobs = sorted(bridge.server.world.live["opportunity"].ids())
    for changed, (name, form) in enumerate(FORMS.items()):
        proxy.rewrite = by_id(form)
        await bridge.simulator.change("update", "resource", candidates[1], jobTitle=f"After {name}")
        await bridge.simulator.change("update", "opportunity", jobs[1], opportunityName=f"After {name}")
        for resource in ("candidates", "jobs"):
            said = await _trouble(db, resource)
            assert "GET /api/v1/" in said, (name, said)
            assert ("web page" in said) == ("web page" in name), (name, said)
        assert (await bridge.read()).types == before, name
        proxy.rewrite = lambda reply: reply
        after = await bridge.agree()
        before = after.types.copy()
        assert {after.types["candidate.updated"], after.types["job.updated"]} == {changed + 1}, name
        assert not any(kind.endswith(".deleted") for kind in after.types), name
        for resource in ("candidates", "jobs"):
            await until(partial(_is_well, db, resource))
    assert await parked.list_parked(db, INTEGRATION) == []


async def test_a_first_load_creates_no_blank_record(bridge: Installation, proxy: Proxy, db: Database) -> None:
    proxy.rewrite = by_id(FORMS["failure"])
    bridge.start()
    await until(lambda: _scan_trouble(db, "candidates"))
    await until(lambda: _scan_trouble(db, "jobs"))
    topics = await bridge.read()
    assert (topics.types["candidate.created"], topics.types["job.created"]) == (0, 0)
    proxy.rewrite = lambda reply: reply
    await bridge.agree()


async def _scan_trouble(db: Database, resource: str) -> bool:
    said = await db.fetchval(
        "SELECT scan_error FROM cursors WHERE integration_id = $1 AND resource = $2", INTEGRATION, resource
    )
    return said is not None and "not the requested record" in said


async def test_one_record_that_is_answered_so_holds_up_nobody(
    bridge: Installation, proxy: Proxy, db: Database
) -> None:
    bridge.start()
    await bridge.agree()
    ids = sorted(bridge.server.world.live["resource"].ids())
    one = re.compile(f"/api/v1/Resource/{ids[0]}")
    proxy.rewrite = by_id(FORMS["id alone"], one)
    await bridge.simulator.change("update", "resource", ids[0], jobTitle="Pilot")
    await bridge.simulator.change("update", "resource", ids[1], jobTitle="Sailor")

    async def is_parked() -> bool:
        return bool(await parked.list_parked(db, INTEGRATION))

    await until(is_parked)
    await until(lambda: _has_title(bridge, "Sailor"))
    [found] = await parked.list_parked(db, INTEGRATION)
    assert "has none of the mapped keys" in found.reason
    known = await row_states.known(db, INTEGRATION, "candidates", [ids[0]])
    assert (known[ids[0]].quick, known[ids[0]].fingerprint) == (None, None)
    proxy.rewrite = lambda reply: reply
    await bridge.agree()
    assert await parked.list_parked(db, INTEGRATION) == []


async def _has_title(bridge: Installation, title: str) -> bool:
    bridge.check()
    return any(record["title"] == title for record in (await bridge.read()).state["candidate"].values())


async def test_a_hint_is_followed_once_records_are_answered_again(
    bridge: Installation, proxy: Proxy, db: Database
) -> None:
    await bridge.simulator.index(lag_seconds=3600)
    bridge.start()
    await bridge.agree()
    [some, *_] = sorted(bridge.server.world.live["resource"].ids())
    proxy.rewrite = by_id(FORMS["failure"], _OF_CANDIDATES)
    await bridge.simulator.change("update", "resource", some, jobTitle="Pilot")
    proxy.asked.clear()
    async with db.transaction() as tx:
        await read_requests.add_read_requests(
            tx, [ReadRequest(integration_id=INTEGRATION, resource="candidates", row_id=some, cause="poll")]
        )
    await until(lambda: f"GET /api/v1/Resource/{some}" in proxy.asked)
    proxy.rewrite = lambda reply: reply
    # The list does not show the change: only the request leads to it.
    await until(lambda: _has_title(bridge, "Pilot"))


async def test_nothing_is_deleted_while_by_id_answers_are_not_the_records(
    bridge: Installation, proxy: Proxy, db: Database
) -> None:
    bridge.start()
    await bridge.agree()
    ids = sorted(bridge.server.world.live["resource"].ids())
    hidden = ids[0]
    for name, form in FORMS.items():

        def hides(reply: Reply, form: Rewrite = form) -> Reply:
            if reply.path == "/api/v1/Resource/PagedSearch" and reply.status == 200:
                page = msgspec.json.decode(reply.body)
                page["resources"] = [row for row in page["resources"] if row["resourceId"] != hidden]
                page["totalCount"] -= 1
                return reply.json(page)
            return by_id(form, _OF_CANDIDATES)(reply)

        proxy.asked.clear()
        proxy.rewrite = hides
        await until(partial(_asked, proxy, hidden))
        await _sweeps(db)
        proxy.rewrite = lambda reply: reply
        await _sweeps(db)
        assert not any(kind.endswith(".deleted") for kind in (await bridge.agree()).types), name


async def _sweeps(db: Database) -> None:
    """Wait until a sweep of candidates ends, or fails."""

    async def moments() -> tuple[object, object]:
        last = await scans.last_finished(db, INTEGRATION, "candidates")
        failed = await db.fetchval("SELECT max(scan_error_at) FROM cursors WHERE resource = 'candidates'")
        return (None if last is None else last.finished_at), failed

    before = await moments()

    async def later() -> bool:
        return await moments() != before

    await until(later)


def _asked(proxy: Proxy, candidate: int) -> bool:
    return f"GET /api/v1/Resource/{candidate}" in proxy.asked


async def test_a_record_that_lies_deeper_in_the_answer_is_named_and_read_from_there(
    install: Install, proxy: Proxy, db: Database
) -> None:
    proxy.rewrite = by_id(
        lambda reply: reply.json({"success": True, "data": msgspec.json.decode(reply.body)})
    )
    world = World(seed=7, candidates=24, jobs=8, applications=30, users=6, index_lag_seconds=0.1)
    for tracker in ({}, {"unwrap": dict.fromkeys(("jobs", "candidates", "applications"), "data")}):
        made = await install(
            world=world,
            integration={"base_url": proxy.url, "tracker": tracker},
            capture={"sweep_minutes": 0.01},
        )
        proxy.upstream = made.server.url
        made.start()
        if tracker:
            await made.agree()
        else:
            await until(lambda: _says(db, 'set unwrap.candidates = "data"'))
        await made.stop()


async def _says(db: Database, words: str) -> bool:
    rows = await db.fetch("SELECT error, scan_error FROM cursors WHERE integration_id = $1", INTEGRATION)
    return any(words in str(one) for row in rows for one in (row[0], row[1]))
