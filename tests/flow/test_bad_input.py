"""Bad input: a clear message, no loss, and recovery without a hand.

Everything runs against the real parts; only the clock is ours, at the two places that ask for the time.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web
from trackerrms_contracts import ids, topics
from trackerrms_contracts.dead_letters import DeadLetter, ParkedRecord
from trackerrms_contracts.entities import Model

from bridge import app, kafka
from bridge.capture import change_writer, record_reader
from bridge.simulator.generate_records import FIRST_IDS
from bridge.simulator.options import Options
from bridge.simulator.tokens import IssuedTokens
from bridge.simulator.world import World
from bridge.store import cursors, parked, read_requests, scans
from bridge.store.database import Database
from bridge.store.parked import ParkedRow
from bridge.store.read_requests import ReadRequest
from bridge.tracker.client import Client
from tests import oracle
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_RESOURCES = ("users", "jobs", "candidates", "applications", "statuses")
_CANDIDATE, _OTHER = FIRST_IDS["resource"], FIRST_IDS["resource"] + 1


@pytest.fixture
def make(install: Install) -> Install:
    """A small account and a bridge that isn't started."""
    world = World(seed=7, candidates=24, jobs=8, applications=30, users=6, index_lag_seconds=0.1)
    # An empty answer by chance is another reason to park a record, and a letter of its own.
    options = Options(rate_limit_per_minute=0, index_lag_seconds=0.1, quirks_off=("empty_bodies",))
    return partial(install, world=world, options=options)


@pytest.fixture
async def bridge(make: Install) -> Installation:
    return await make()


async def _error(db: Database, resource: str = "candidates") -> str:
    """What the bridge says is wrong with a resource, once it says so."""

    async def told() -> bool:
        return (await cursors.load_cursor(db, INTEGRATION, resource)).error is not None

    await until(told)
    return (await cursors.load_cursor(db, INTEGRATION, resource)).error or ""


async def _parked(db: Database, count: int) -> list[ParkedRow]:
    """What is parked, once it is so many."""

    async def so_many() -> bool:
        return len(await parked.list_parked(db, INTEGRATION)) == count

    await until(so_many)
    return await parked.list_parked(db, INTEGRATION)


async def _sweeps(db: Database, resource: str, count: int) -> None:
    """Wait until so many more scans of a resource have ended."""
    ended: set[int] = set()

    async def enough() -> bool:
        last = await scans.last_finished(db, INTEGRATION, resource)
        ended.update([] if last is None else [last.id])
        return len(ended) > count

    await until(enough)


async def _dead_letters(bridge: Installation) -> list[DeadLetter]:
    await app.make_topics(bridge.settings)
    name = topics.dead_letter(bridge.settings.kafka.topic_prefix)
    async with kafka.Consumer(bridge.settings.kafka, [name]) as consumer:
        records = await consumer.read_to_end()
    return [msgspec.json.decode(record.value or b"", type=DeadLetter) for record in records]


def _id(model: Model, remote_id: int) -> str:
    return ids.entity_id(INTEGRATION, model, str(remote_id))


async def _record(bridge: Installation, model: Model, remote_id: int) -> Mapping[str, Any]:
    """The record on the topics, once it is there."""

    async def there() -> bool:
        return _id(model, remote_id) in (await bridge.read()).state[model]

    await until(there)
    return bridge.topics.state[model][_id(model, remote_id)]


def _small(bridge: Installation, max_message_bytes: int) -> None:
    limited = msgspec.structs.replace(bridge.settings.kafka, max_message_bytes=max_message_bytes)
    bridge.settings = msgspec.structs.replace(bridge.settings, kafka=limited)


# --- the account ------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _stranger(status: int, body: str, content_type: str) -> AsyncIterator[str]:
    """The URL of a server that is no TrackerRMS."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    served = web.Application()
    served.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(served)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "content_type", "words"),
    [
        (
            200,
            "<html>Log in</html>",
            "text/html",
            "answered 200 with a web page: there is no TrackerRMS API at this address",
        ),
        (
            404,
            "<html>Not found</html>",
            "text/html",
            "answered 404 with a web page: there is no TrackerRMS API at this address",
        ),
        (404, "{}", "application/json", "answered 404: there is no TrackerRMS API at this address"),
        (200, '{"hello": 1}', "application/json", "/api/Auth/ExchangeToken"),
    ],
)
async def test_another_server_at_the_address_is_told_and_nothing_ends(
    make: Install, db: Database, status: int, body: str, content_type: str, words: str
) -> None:
    async with _stranger(status, body, content_type) as url:
        bridge = await make(integration={"base_url": url})
        bridge.start()
        said = await _error(db)
        assert words in said
        assert ("set base_url" in said) == ("no TrackerRMS" in words)
        bridge.check()


async def test_no_server_at_the_address_is_told_and_nothing_ends(make: Install, db: Database) -> None:
    async with _stranger(200, "", "text/html") as url:
        pass
    bridge = await make(integration={"base_url": url})
    bridge.start()
    assert f"{url}/api/Auth/ExchangeToken: can't connect" in await _error(db, "statuses")
    bridge.check()


async def test_a_dead_bearer_token_is_told_and_its_mending_is_noticed(
    bridge: Installation, db: Database
) -> None:
    account = bridge.server.site
    account.tokens = IssuedTokens(Options(bearer_tokens=("another",)), account.world.clock)
    bridge.start()
    said = await _error(db)
    assert "rejects the bearer token" in said
    assert "set it as bearer_token" in said
    token = bridge.settings.integrations[0].bearer_token
    assert token is not None
    assert token.reveal() not in said
    account.tokens = IssuedTokens(account.options, account.world.clock)
    await bridge.agree()


async def test_a_token_that_dies_at_work_holds_up_and_loses_nothing(
    bridge: Installation, db: Database
) -> None:
    bridge.start()
    await bridge.agree()
    account = bridge.server.site
    account.tokens = IssuedTokens(Options(bearer_tokens=("another",)), account.world.clock)
    assert "bearer token" in await _error(db)
    await bridge.simulator.change("update", "resource", _CANDIDATE, surname="Changed")
    await bridge.simulator.change("delete", "resource", _OTHER)
    account.tokens = IssuedTokens(account.options, account.world.clock)
    await bridge.agree()
    for resource in _RESOURCES:
        await until(partial(_is_well, db, resource))


async def _is_well(db: Database, resource: str) -> bool:
    return (await cursors.load_cursor(db, INTEGRATION, resource)).error is None


async def test_a_refused_exchange_is_tried_again(bridge: Installation, db: Database) -> None:
    await bridge.simulator.fault("/api/Auth/ExchangeToken", "status", status=401, times=1)
    bridge.start()
    assert "ExchangeToken" in await _error(db)
    await bridge.agree()


# --- records ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        {"resourceId": _CANDIDATE, "surname": {"not": "a text"}},
        {"detail": {"resourceId": _CANDIDATE, "surname": ["not", "a", "text"]}},
        {"detail": ["no", "object"]},
        {"detail": "no object"},
        {"row": "no object"},
        {"row": {"surname": "without an id"}},
    ],
    ids=str,
)
async def test_a_wrong_shape_is_one_dead_letter_and_holds_up_nobody(
    bridge: Installation, db: Database, raw: dict[str, Any]
) -> None:
    bridge.start()
    await bridge.agree()
    await bridge.simulator.change("update", "resource", _CANDIDATE, raw=raw)
    [found] = await _parked(db, 1)
    await bridge.simulator.change("update", "resource", _OTHER, surname="Unharmed")
    await until(lambda: _differs_alone(bridge, _CANDIDATE))
    await _sweeps(db, "candidates", 2)
    letters = await _dead_letters(bridge)
    assert len(letters) == 1, letters
    [letter] = letters
    assert isinstance(letter.data, ParkedRecord)
    assert letter.data.reason == found.reason
    assert letter.data.path == found.path
    assert "Resource" in letter.data.path
    await bridge.simulator.change("update", "resource", _CANDIDATE, raw=None)
    await bridge.simulator.change("update", "resource", _CANDIDATE, surname="Readable")
    await bridge.agree()
    assert await _parked(db, 0) == []
    assert len(await _dead_letters(bridge)) == 1


async def test_a_record_that_a_hint_names_and_nobody_can_read_is_parked(make: Install, db: Database) -> None:
    bridge = await make(capture={"poll_seconds": 3600, "sweep_minutes": 3600})
    bridge.start()
    await bridge.agree()
    raw = {"detail": {"id": _CANDIDATE, "firstName": "Ada", "surname": {"not": "a text"}}}
    await bridge.simulator.change("update", "resource", _CANDIDATE, raw=raw)
    request = ReadRequest(
        integration_id=INTEGRATION, resource="candidates", row_id=_CANDIDATE, cause="command"
    )
    async with db.transaction() as tx:
        await read_requests.add_read_requests(tx, [request])
    [found] = await _parked(db, 1)
    assert found.path.endswith(f"/api/v1/Resource/{_CANDIDATE}")
    assert "surname" in found.reason
    bridge.check()


async def _differs_alone(bridge: Installation, candidate: int) -> bool:
    """Whether the topics say all that is true, but for when this one was saved."""
    found = oracle.differences(await bridge.read(), INTEGRATION, await bridge.simulator.truth())
    return all(line.startswith(f"candidate {candidate}.remote_updated_at") for line in found)


async def test_a_record_that_was_never_readable_arrives_once_it_is(
    bridge: Installation, db: Database
) -> None:
    raw = {"detail": {"id": _CANDIDATE, "firstName": "Ada", "surname": {"not": "a text"}}}
    await bridge.simulator.change("update", "resource", _CANDIDATE, raw=raw)
    bridge.start()
    [found] = await _parked(db, 1)
    assert (found.resource, found.row_id) == ("candidates", _CANDIDATE)
    new = await bridge.simulator.change("create", "resource", surname="New")
    assert (await _record(bridge, Model.CANDIDATE, new))["last_name"] == "New"
    assert _id(Model.CANDIDATE, _CANDIDATE) not in bridge.topics.state[Model.CANDIDATE]
    await bridge.simulator.change("update", "resource", _CANDIDATE, raw=None)
    await bridge.agree()
    assert await _parked(db, 0) == []


async def test_a_description_of_five_megabytes_arrives(bridge: Installation) -> None:
    bridge.start()
    [job, *_] = bridge.server.world.live["opportunity"].ids()
    bridge.server.world.change("update", "opportunity", job, opportunityDescription="x" * 5_000_000)
    await bridge.agree()
    assert len((await _record(bridge, Model.JOB, job))["description"]) == 5_000_000


async def test_what_is_larger_than_kafka_takes_is_parked_and_harms_nobody(
    bridge: Installation, db: Database
) -> None:
    _small(bridge, 1_000_000)
    bridge.start()
    await bridge.agree()
    job, other, *_ = bridge.server.world.live["opportunity"].ids()
    before = await _record(bridge, Model.JOB, job)
    bridge.server.world.change("update", "opportunity", job, opportunityDescription="x" * 5_000_000)
    [found] = await _parked(db, 1)
    assert (found.resource, found.row_id) == ("jobs", job)
    assert "kafka.max_message_bytes" in found.reason
    await bridge.simulator.change("update", "opportunity", other, opportunityDescription="small")
    await _sweeps(db, "jobs", 2)
    await until(lambda: _is_described(bridge, other, "small"))
    assert await _record(bridge, Model.JOB, job) == before
    assert len(await _dead_letters(bridge)) == 1
    await bridge.simulator.change("update", "opportunity", job, opportunityDescription="fits")
    await bridge.agree()
    assert await _parked(db, 0) == []


async def _is_described(bridge: Installation, job: int, description: str) -> bool:
    return bool((await _record(bridge, Model.JOB, job))["description"] == description)


# --- characters -------------------------------------------------------------------------------------------


def _as_unicode(model: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The truth as far as UTF-8 can tell it: U+FFFD for a lone surrogate; no NUL in the name of a tag."""
    text = json.dumps(lines).replace("\\ud800", "\\ufffd")
    return list(orjson.loads(text.replace("\\u0000", "") if "tag" in model else text))


def _odd_differences(bridge: Installation) -> list[str]:
    world = bridge.server.world
    truth = {
        str(model): _as_unicode(
            model, [{"remote_id": found, "record": record} for found, record in world.truth(model)]
        )
        for model in Model
    }
    return oracle.differences(bridge.topics, INTEGRATION, truth)


@pytest.mark.parametrize("odd", ["a\x00b", "lone \ud800 surrogate"], ids=["nul", "surrogate"])
async def test_odd_characters_arrive_as_valid_json_and_harm_nobody(
    bridge: Installation, db: Database, odd: str
) -> None:
    world = bridge.server.world
    [job, *_] = world.live["opportunity"].ids()
    world.change("update", "resource", _CANDIDATE, surname=odd, tagText=f"{odd}, fine")
    bridge.start()
    await _record(bridge, Model.CANDIDATE, _CANDIDATE)
    world.change("update", "opportunity", job, opportunityName=odd, opportunityDescription=odd)
    world.change("update", "resource", _OTHER, surname="Unharmed", tagText=odd)

    async def agreed() -> bool:
        await bridge.read()
        return not _odd_differences(bridge)

    await until(agreed)
    assert await _parked(db, 0) == []


# --- the clock --------------------------------------------------------------------------------------------


class Clock:
    """The machine's clock, as wrong as it is told to be."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the bridge takes for the time; the simulator and PostgreSQL keep theirs."""
    made = Clock()
    monkeypatch.setattr(record_reader, "utc_now", made)
    monkeypatch.setattr(change_writer, "event_time", made)
    defaults = Client.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock", made)
    return made


async def test_a_clock_that_jumps_a_day_and_back_loses_no_change(make: Install, clock: Clock) -> None:
    # No sweep will find what the polls should have.
    bridge = await make(capture={"sweep_minutes": 600.0, "overlap_seconds": 5.0})
    bridge.start()
    await bridge.agree()
    for number, days in enumerate((1, 0, -1, 0)):
        await bridge.simulator.change("update", "resource", _CANDIDATE, surname=f"Before {number}")
        clock.ahead = timedelta(days=days)
        await bridge.simulator.change("update", "resource", _OTHER, surname=f"After {number}")
        await bridge.agree()


async def test_a_clock_that_was_wrong_at_the_start_loses_no_change(make: Install, clock: Clock) -> None:
    clock.ahead = timedelta(days=1)
    bridge = await make(capture={"sweep_minutes": 600.0, "overlap_seconds": 5.0})
    bridge.start()
    await bridge.agree()
    clock.ahead = timedelta()
    await bridge.simulator.change("update", "resource", _CANDIDATE, surname="Changed")
    await bridge.agree()
