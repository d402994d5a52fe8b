"""Every value of every switch: what is seen of it, that it is what the table says, and that the truth stays.

What is seen lies in ``dialects_seen.jsonl``, a line for each value with its meaning, to be read side by side.
``python -m tests.simulator.test_dialects`` writes it; read what it changed before you keep it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from bridge.simulator import server
from bridge.simulator.dialects import DIALECTS, TOUCHES
from bridge.simulator.dialects.switches import switch as made
from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.simulator import looking_answers, looking_commands, looking_lists, looking_records
from tests.simulator.account import Account, Clock
from tests.simulator.conftest import Opener
from tests.simulator.probing import Look, raw

REFRESH = (
    "records show otherwise than tests/simulator/dialects_seen.jsonl says. Should they, as after a new key: "
    "run .venv/bin/python -m tests.simulator.test_dialects and read what git diff shows before you keep it"
)
FILE = Path(__file__).with_name("dialects_seen.jsonl")
GROUPS: Mapping[str, Mapping[str, Look]] = {
    "lists": looking_lists.LOOKS,
    "records": looking_records.LOOKS,
    "answers": looking_answers.LOOKS,
    "commands": looking_commands.LOOKS,
}
LOOKS = {name: look for group in GROUPS.values() for name, look in group.items()}


def told() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the lines of the file by switch and value."""
    lines = map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
    return {(line["switch"], line["value"]): line for line in lines}


@asynccontextmanager
async def small_account(**options: Any) -> AsyncIterator[Account]:
    """Serve a small account in New York, its clock standing still, its counters too."""
    async with AsyncExitStack() as stack:
        clock = Clock()
        world = World(7, 35, 20, 120, 6, "America/New_York", clock, clock.seconds, 0)
        quiet: dict[str, Any] = {
            "rate_limit_per_minute": 0,
            "index_lag_seconds": 0,
            "empty_body_rate": 0,
            "missed_webhook_rate": 0,
        }
        given = Options(**{**quiet, **options}, quirks_off=("moving_counters",))
        running = await server.start_server(world, options=given)
        stack.push_async_callback(running.close)
        http = await stack.enter_async_context(aiohttp.ClientSession(running.url))
        account = Account(running, clock, http)
        await account.exchange()
        yield account


def truth(world: World) -> list[Any]:
    """Return everything that is true of the account."""
    shared = [list(world.truth(model)) for model in ("tag", "role")]
    records = [
        world.unifier.unify(entity, record_id, table.get(record_id))
        for entity, table in world.live.items()
        for record_id in table.ids()
    ]
    return [shared, world.unifier.statuses(), records]


async def seen(account: Account, name: str, value: str, look: Look) -> Any:
    """Return what is seen of a value, as JSON. Whoever looks may change the account; the dialect may not."""
    world = account.world
    before = truth(world)
    await account.control("POST", "/__dialect", {name: value})
    journal = len(world.journal)
    found = await look(account)
    if len(world.journal) == journal:
        assert truth(world) == before, f"{name}={value} changes what is true"
    await account.control("DELETE", "/__dialect")
    return json.loads(json.dumps(found))


async def test_each_value_shows_as_its_meaning_says(subtests: pytest.Subtests) -> None:
    expected = told()
    for looks in GROUPS.values():
        async with small_account() as account:
            for name, look in looks.items():
                for value in DIALECTS[name].values:
                    with subtests.test(f"{name}={value}"):
                        found = await seen(account, name, value, look)
                        assert found == expected[name, value]["seen"], REFRESH


def test_each_value_is_looked_at_and_shows_otherwise_than_the_default() -> None:
    lines = told()
    table = [(name, value) for name, one in DIALECTS.items() for value in one.values]
    assert LOOKS.keys() == DIALECTS.keys()
    assert list(lines) == table
    for name, value in table:
        switch = DIALECTS[name]
        assert lines[name, value]["means"] == switch.values[value].meaning
        if value != switch.default:
            shown, usual = (json.dumps(lines[name, one]["seen"]) for one in (value, switch.default))
            assert shown != usual, f"{name}={value} shows as the default does"


def test_the_table_can_be_enumerated() -> None:
    pairs = [(name, value) for name, one in DIALECTS.items() for value in one.others]
    assert len(pairs) >= 100
    assert len(pairs) == len(set(pairs))
    for one in DIALECTS.values():
        assert one.meaning.endswith(".")
        assert one.default in one.values
        for value in one.values.values():
            assert value.touches
            assert value.touches <= TOUCHES.keys()


def test_a_switch_touches_known_parts_only() -> None:
    with pytest.raises(ValueError, match="weather"):
        made("A point.", "weather", {"a": "A.", "b": "B."})


_PLAIN = (
    *(("POST", f"/api/v1/{name}/PagedSearch") for name in ("Opportunity", "Resource", "User")),
    *(("POST", "/api/v1/OpportunityResource/Search"), ("GET", "/api/v1/MetaData")),
    *(("GET", "/api/v1/Opportunity/1001"), ("GET", "/api/v1/Resource/101")),
    *(
        ("GET", "/api/v1/OpportunityResource/501"),
        ("GET", "/api/v1/Resource/9"),
        ("GET", "/api/v1/User/List"),
    ),
)


async def _said(account: Account) -> list[tuple[int, str, bytes]]:
    return [await raw(account, method, path, {} if method == "POST" else None) for method, path in _PLAIN]


async def test_set_to_the_default_it_answers_as_before() -> None:
    async with small_account() as account:
        before = await _said(account)
        others = {name: one.others[0] for name, one in DIALECTS.items()}
        await account.control("POST", "/__dialect", others)
        assert await _said(account) != before
        defaults = {name: one.default for name, one in DIALECTS.items()}
        assert await account.control("POST", "/__dialect", defaults) == {}
        assert await _said(account) == before


async def test_two_switches_speak_together() -> None:
    spoken = {"rows_key": "data_items", "row_case": "snake", "dates": "epoch_ms", "row_id": "id"}
    async with small_account(dialect=spoken) as account:
        _, said = await account.call("POST", "/api/v1/Resource/PagedSearch", {})
        row = said["data"]["items"][0]
        assert (row["id"], type(row["last_updated_date_time"])) == (135, int)
        assert {name: one["value"] for name, one in (await account.control("GET", "/__dialect")).items()} == {
            name: spoken.get(name, one.default) for name, one in DIALECTS.items()
        }


_BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"pageNumber": 2},
    {"pageNumber": 99, "pageSize": 25},
    {"state": "open", "updatedAfter": "2026-11-22T00:00:00Z"},
    {"state": "closed"},
    {"updatedAfter": "2026-11-22"},
)
_ENTITIES = ("Opportunity", "Resource", "OpportunityResource", "User")


async def test_many_switches_speak_together_without_failing() -> None:
    pairs = [(name, value) for name, one in DIALECTS.items() for value in one.others]
    chance = Random(11)
    async with small_account() as account:
        await account.change("delete", "resource", 102)
        for _ in range(25):
            spoken = dict(chance.sample(pairs, chance.choice((2, 3, 30))))
            await account.control("POST", "/__dialect", spoken)
            searches = [
                ("POST", f"/api/v1/{name}/PagedSearch", body) for name in _ENTITIES for body in _BODIES
            ]
            reads = [("GET", path, None) for method, path in _PLAIN if method == "GET"]
            for method, path, body in (*searches, *reads, ("GET", "/api/v1/Resource/102", None)):
                _, _, said = await raw(account, method, path, body)
                assert b"Server got itself in trouble" not in said, (spoken, method, path, body)
            await account.control("DELETE", "/__dialect")


async def test_what_is_no_value_is_refused_and_sets_nothing(account: Account) -> None:
    for wrong in ({"dates": "utc_z", "weather": "fine"}, {"dates": "utc_z", "first_page": "2"}):
        status, said = await account.call("POST", "/__dialect", wrong)
        assert status == 400
        assert "weather" in said["title"] or "0" in said["title"]
    assert account.server.site.dialect.plain


async def test_options_name_what_is_no_value(open_account: Opener) -> None:
    with pytest.raises(ValueError, match="first_page has no value '2'; use one of 1, 0"):
        await open_account(dialect={"first_page": "2"})


async def test_a_listed_deletion_is_found_by_updated_after() -> None:
    async with small_account(dialect={"deletions": "listed_flagged"}) as account:
        account.clock.advance(60)
        await account.change("delete", "opportunity", 1003)
        found = [
            await account.page("Opportunity", state=state, updatedAfter="2026-11-23")
            for state in ("open", "won")
        ]
        assert [[row["opportunityId"] for row in page["rows"]] for page in found] == [[], [1003]]


async def test_a_raw_record_is_served_as_it_is() -> None:
    async with small_account(dialect={"row_case": "snake", "record_shape": "data"}) as account:
        await account.control("POST", "/__change", {"entity": "resource", "id": 135, "raw": {"oddKey": 1}})
        assert (await account.page("Resource"))["rows"][0] == {"oddKey": 1}
        assert await account.get("/api/v1/Resource/135") == {"oddKey": 1}


async def _write() -> None:
    lines = []
    for looks in GROUPS.values():
        async with small_account() as account:
            for name, look in looks.items():
                for value, said in DIALECTS[name].values.items():
                    shown = await seen(account, name, value, look)
                    lines.append({"switch": name, "value": value, "means": said.meaning, "seen": shown})
    order = list(DIALECTS)
    lines.sort(key=lambda line: order.index(line["switch"]))
    FILE.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
