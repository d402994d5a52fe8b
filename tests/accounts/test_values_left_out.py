"""What an account writes oddly arrives right, or is left out and told; it withholds no record."""

import io
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from bridge import app
from bridge.cli import installation_status, status
from bridge.simulator.world import World
from bridge.store import gaps, parked
from bridge.store.database import Database
from tests.accounts.odd_answers import Odd, odd_answers, rows_of
from tests.installation import INTEGRATION, Install, Installation
from tests.oracle import Topics
from tests.waiting import until


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    """A proxy that nothing is behind yet."""
    async with odd_answers() as made:
        yield made


async def _start(install: Install, odd: Odd, tracker: dict[str, Any] | None = None) -> Installation:
    bridge = await install(
        world=World(seed=7, candidates=6, jobs=3, applications=4, users=2, index_lag_seconds=0),
        capture={"poll_seconds": 0.3},
        integration={"base_url": odd.url, "tracker": tracker or {}},
    )
    odd.upstream = bridge.simulator.url
    bridge.start()
    return bridge


async def _all_candidates(bridge: Installation) -> Topics:
    async def arrived() -> bool:
        bridge.check()
        return len((await bridge.read()).state["candidate"]) == 6

    await until(arrived, 30)
    return bridge.topics


def _everywhere(key: str, value: Any) -> Any:
    def change(path: str, sent: Any, answered: Any) -> Any:
        for record in [answered, *rows_of(answered)]:
            if isinstance(record, dict) and key in record:
                record[key] = value(record[key]) if callable(value) else value
        return answered

    return change


async def test_dates_that_cant_be_read_are_left_out_and_told(
    install: Install, odd: Odd, db: Database
) -> None:
    odd.change = _everywhere("creationDate", "11/04/2026 09:14:00 AM")
    bridge = await _start(install, odd)
    candidates = (await _all_candidates(bridge)).state["candidate"].values()
    assert {one["remote_created_at"] for one in candidates} == {None}
    assert await parked.list_parked(db, INTEGRATION) == []

    async def told(records: int) -> bool:
        found = [one for one in await gaps.count_gaps(db, INTEGRATION) if one.resource == "candidates"]
        gap = [one for one in found if one.field == "created_at"]
        assert all("fits day-first or month-first: set date_format" in one.reason for one in gap)
        return sum(one.records for one in gap) == records

    await until(lambda: told(6), 10)
    async with app.open_installation(bridge.settings) as here:
        shown = io.StringIO()
        Console(file=shown, width=400).print(
            status.rendered(await installation_status.read_installation_status(here))
        )
    assert "candidates: created_at is left out of 6 records" in shown.getvalue()
    assert "set date_format" in shown.getvalue()
    # Healed by itself, once they are written as configured.
    odd.change = _everywhere("creationDate", "2026-11-04T09:14:00")
    for number in sorted(bridge.server.world.live["resource"].ids()):
        bridge.server.world.change("update", "resource", number, jobTitle="Engineer")
    await until(lambda: told(0), 30)


async def test_a_configured_format_is_read_and_a_last_update_that_is_not_is_parked(
    install: Install, odd: Odd, db: Database
) -> None:
    def american(local: str) -> str:
        day, _, clock = local.partition("T")
        year, month, number = day.split("-")
        return f"{month}/{number}/{year} {clock}" if local else local

    keys = ("creationDate", "lastUpdatedDateTime")

    def change(path: str, sent: Any, answered: Any) -> Any:
        for key in keys:
            answered = _everywhere(key, american)(path, sent, answered)
        return answered

    odd.change = change
    bridge = await _start(install, odd, {"date_format": "month-first"})
    await bridge.agree()
    assert await parked.list_parked(db, INTEGRATION) == []


async def test_local_times_with_a_z_are_parked_with_the_key_to_set(
    install: Install, odd: Odd, db: Database
) -> None:
    odd.change = _everywhere("lastUpdatedDateTime", "2026-07-01T09:00:00Z")
    await _start(install, odd)

    async def told() -> bool:
        found = await parked.list_parked(db, INTEGRATION)
        return any(one.resource == "candidates" and 'times = "tenant"' in one.reason for one in found)

    await until(told, 30)


async def test_a_body_in_another_charset_arrives_by_its_letters(install: Install, odd: Odd) -> None:
    odd.content_type = "application/json; charset=ISO-8859-1"

    def change(path: str, sent: Any, answered: Any) -> Any:
        if path.startswith("/api/v1/Resource/") and "jobTitle" in answered:
            answered["jobTitle"] = "Zoë Müller – £"
        return json.dumps(answered, ensure_ascii=False).encode("cp1252", "xmlcharrefreplace")

    odd.change = change
    bridge = await _start(install, odd)
    candidates = (await _all_candidates(bridge)).state["candidate"].values()
    assert {one["title"] for one in candidates} == {"Zoë Müller – £"}


async def test_addresses_are_trimmed_and_split(install: Install, odd: Odd, db: Database) -> None:
    def change(path: str, sent: Any, answered: Any) -> Any:
        if path.startswith("/api/v1/Resource/") and "contactDetails" in answered:
            answered["contactDetails"] |= {
                "email": "Grace <mailto:grace@example.org>\u200b; jörg@müller.example",
                "email2": "ann lee@example.org",
            }
        return answered

    odd.change = change
    bridge = await _start(install, odd)
    candidates = (await _all_candidates(bridge)).state["candidate"].values()
    found = {tuple(mail["email_address"] for mail in one["email_addresses"]) for one in candidates}
    assert found == {("grace@example.org", "jörg@müller.example")}
    (gap,) = [one for one in await gaps.count_gaps(db, INTEGRATION) if one.resource == "candidates"]
    assert (gap.field, gap.records) == ("additional_email", 6)


async def test_a_tag_is_not_let_go_of_while_a_record_that_may_carry_it_was_never_read(
    install: Install, odd: Odd, db: Database
) -> None:
    unreadable = True

    def change(path: str, sent: Any, answered: Any) -> Any:
        for record in [answered, *rows_of(answered)]:
            if unreadable and isinstance(record, dict) and record.get("resourceId", record.get("id")) == 106:
                record["lastUpdatedDateTime"] = "some day"
        return answered

    odd.change = change
    bridge = await install(
        world=World(seed=7, candidates=6, jobs=3, applications=4, users=2, index_lag_seconds=0),
        capture={"poll_seconds": 0.1, "sweep_minutes": 0.01},
        integration={"base_url": odd.url},
    )
    odd.upstream = bridge.simulator.url
    world = bridge.server.world
    world.change("update", "resource", 101, tagText="rare")
    world.change("update", "resource", 106, tagText="rare")
    bridge.start()
    await until(lambda: _is_parked(db))
    await until(lambda: _has_tag(bridge))
    await _is_told(bridge, partial(world.change, "update", "resource", 101, tagText=""))
    for title in ("Welder", "Rigger", "Fitter"):
        # Whole polls, one after the other: any of them would let go of the tag.
        await _is_told(bridge, partial(world.change, "update", "resource", 102, jobTitle=title))
    assert await _has_tag(bridge)
    unreadable = False
    await bridge.agree()
    assert await _has_tag(bridge)


async def _is_parked(db: Database) -> bool:
    return bool(await parked.list_parked(db, INTEGRATION))


async def _has_tag(bridge: Installation) -> bool:
    bridge.check()
    return any(tag["name"] == "rare" for tag in (await bridge.read()).state["tag"].values())


async def _is_told(bridge: Installation, change: Callable[[], object]) -> None:
    sent = len(bridge.topics.sent)
    change()

    async def more() -> bool:
        bridge.check()
        return len((await bridge.read()).sent) > sent

    await until(more)
