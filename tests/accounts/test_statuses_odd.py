"""Placement statuses that are not as assumed: what is sure is published, what is not is left out and told."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.simulator.world import World
from bridge.store import gaps, holds, overview, remarks
from bridge.store.database import Database
from tests.accounts.odd_answers import Odd, odd_answers
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until

_APPLICATIONS = 40


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    """A proxy that nothing is behind yet."""
    async with odd_answers() as made:
        yield made


async def _start(install: Install, odd: Odd, tracker: dict[str, Any] | None = None) -> Installation:
    bridge = await install(
        world=World(seed=5, candidates=20, jobs=4, applications=_APPLICATIONS, users=3, index_lag_seconds=0),
        capture={"poll_seconds": 0.2},
        integration={"base_url": odd.url, "tracker": tracker or {}},
    )
    odd.upstream = bridge.simulator.url
    bridge.start()
    return bridge


def _statuses(change: Any) -> Any:
    """A change of the list of statuses alone: its rows become what ``change`` makes of them."""

    def changed(path: str, sent: Any, answered: Any) -> Any:
        if path.endswith("/MetaData"):
            answered["opportunityResourceStatuses"] = change(answered["opportunityResourceStatuses"])
        return answered

    return changed


def _regrouped(old: str, new: Any) -> Any:
    return _statuses(
        lambda rows: [row | {"group": new} if row["group"] == old or old == "*" else row for row in rows]
    )


async def _outcomes(bridge: Installation) -> set[str | None]:
    async def all_there() -> bool:
        bridge.check()
        return len((await bridge.read()).state["application"]) == _APPLICATIONS

    await until(all_there, 40)
    return {one["outcome"] for one in bridge.topics.state["application"].values()}


async def _remarked(db: Database) -> dict[str, str]:
    return {
        one.code: one.text
        for one in await remarks.load_remarks(db, INTEGRATION)
        if one.resource == "statuses"
    }


async def test_without_groups_no_outcome_is_guessed(install: Install, odd: Odd, db: Database) -> None:
    odd.change = _regrouped("*", None)
    bridge = await _start(install, odd)
    assert await _outcomes(bridge) == {None}
    assert bridge.topics.types["rejection_reason.created"] == 0
    assert "set fields.status.group" in (await _remarked(db))["statuses_without_group"]
    counted = {one.field: one.records for one in await gaps.count_gaps(db, INTEGRATION)}
    assert counted["outcome"] == _APPLICATIONS
    # Healed by itself.
    odd.change = lambda path, sent, answered: answered
    await bridge.agree()

    async def settled() -> bool:
        left = [one for one in await gaps.count_gaps(db, INTEGRATION) if one.field == "outcome"]
        return not left and not await _remarked(db)

    await until(settled, 20)


async def test_a_group_by_another_name_is_told_and_mapped(install: Install, odd: Odd, db: Database) -> None:
    odd.change = _regrouped("Rejected", {"id": 9, "name": "Unsuccessful"})
    bridge = await _start(install, odd)
    assert "DECLINED" not in await _outcomes(bridge)
    assert '"Unsuccessful"' in (await _remarked(db))["statuses_without_rejected"]
    await bridge.stop()


async def test_a_list_by_group_in_an_envelope_is_read(install: Install, odd: Odd) -> None:
    def by_group(rows: list[dict[str, Any]]) -> dict[str, Any]:
        groups: dict[str, Any] = {}
        for place, row in enumerate(rows):
            groups.setdefault(row["group"], []).append({"id": row["id"], "name": row["name"], "place": place})
        return groups

    change = _statuses(by_group)
    odd.change = lambda path, sent, answered: (
        {"data": change(path, sent, answered)} if path.endswith("/MetaData") else answered
    )
    bridge = await _start(install, odd)
    assert None not in await _outcomes(bridge)
    assert (await bridge.read()).types["rejection_reason.created"] > 0


async def test_with_the_map_a_group_by_another_name_is_right(install: Install, odd: Odd) -> None:
    odd.change = _regrouped("Rejected", {"id": 9, "name": "Unsuccessful"})
    bridge = await _start(install, odd, {"maps": {"status_group": {"Unsuccessful": "Rejected"}}})
    topics = await bridge.agree()
    assert topics.types["rejection_reason.created"] > 0


async def test_a_group_that_vanishes_later_changes_nothing(install: Install, odd: Odd, db: Database) -> None:
    bridge = await _start(install, odd)
    await bridge.agree()
    odd.change = _regrouped("*", None)

    async def told() -> bool:
        error = (await overview.polls(db, INTEGRATION))["statuses"].error or ""
        return "set fields.status.group" in error and "continue with the previous list" in error

    await until(told, 20)
    # Neither now nor after a restart: what moves meanwhile is told by the list before.
    await bridge.stop()
    bridge.start()
    world = bridge.server.world
    number = min(world.live["opportunity_resource"].ids())
    rejecting = next(n for n, status in world.statuses.items() if status["group"] == "Rejected")
    world.change("update", "opportunity_resource", number, opportunityResourceStatusId=rejecting)
    topics = await bridge.agree()
    assert topics.types["rejection_reason.deleted"] == 0


async def test_an_application_at_a_status_outside_the_list_moves_all_the_same(
    install: Install, odd: Odd, db: Database
) -> None:
    bridge = await _start(install, odd)
    await bridge.agree()
    world = bridge.server.world
    hidden = world.change("create", "status", name="Parked", group="Internal")
    odd.change = _statuses(lambda rows: [row for row in rows if row["id"] != hidden])
    number = min(world.live["opportunity_resource"].ids())
    world.change("update", "opportunity_resource", number, opportunityResourceStatusId=hidden)

    async def moved() -> bool:
        bridge.check()
        found = (await bridge.read()).state["application"].values()
        (one,) = [record for record in found if record["remote_id"] == str(number)]
        return one["outcome"] is None

    await until(moved, 30)
    (gap,) = [one for one in await gaps.count_gaps(db, INTEGRATION) if one.field == "outcome"]
    assert (gap.example, gap.records) == (number, 1)
    assert f"placement status {hidden} is not in the list" in gap.reason
    # And once the list has it, it is read again.
    odd.change = lambda path, sent, answered: answered
    await bridge.agree()


async def test_a_list_in_another_order_each_time_moves_no_stage(
    install: Install, odd: Odd, db: Database
) -> None:
    rng = random.Random(3)
    odd.change = _statuses(lambda rows: rng.sample(rows, len(rows)))
    bridge = await _start(install, odd)
    await _outcomes(bridge)

    async def told() -> bool:
        return "statuses_in_changing_order" in await _remarked(db)

    await until(told, 30)
    calls = (await overview.polls(db, INTEGRATION))["statuses"].poll_calls

    async def read_on() -> bool:
        return (await overview.polls(db, INTEGRATION))["statuses"].poll_calls > calls + 10

    await until(read_on, 40)
    assert (await bridge.read()).types["application_stage.updated"] == 0


async def test_a_list_that_shrinks_changes_nothing_while_it_is_held_nor_after_a_restart(
    install: Install, odd: Odd, db: Database
) -> None:
    bridge = await install(
        world=World(seed=5, candidates=20, jobs=4, applications=_APPLICATIONS, users=3, index_lag_seconds=0),
        capture={"poll_seconds": 0.2, "deletion_limit_percent": 10},
        integration={"base_url": odd.url},
    )
    odd.upstream = bridge.simulator.url
    bridge.start()
    before = dict((await bridge.agree()).types)
    odd.change = _statuses(lambda rows: rows[::3])

    async def is_held() -> bool:
        bridge.check()
        return any(one.resource == "statuses" for one in await holds.load_waiting_holds(db, INTEGRATION))

    await until(is_held)
    await bridge.stop()
    await db.execute("UPDATE leases SET expires_at = '-infinity'")
    bridge.start()
    # One is moved to a status that is hidden now; the others mean what they meant.
    world = bridge.server.world
    hidden = list(world.statuses)[1]
    number = min(world.live["opportunity_resource"].ids())
    world.change("update", "opportunity_resource", number, opportunityResourceStatusId=hidden)
    topics = await bridge.agree()
    assert await is_held()
    for kind in ("application_stage.deleted", "application_stage.updated", "rejection_reason.deleted"):
        assert topics.types[kind] == before.get(kind, 0), kind
    assert topics.types["application.updated"] <= before.get("application.updated", 0) + 1
    odd.change = lambda path, sent, answered: answered

    async def is_over() -> bool:
        bridge.check()
        return not any(one.resource == "statuses" for one in await holds.load_waiting_holds(db, INTEGRATION))

    await until(is_over)
    await bridge.agree()
