"""Everything read over HTTP and normalised is what the simulator, by its own means, says is true."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from bridge.tracker.client import Client, Detail
from bridge.tracker.families import Family, Member
from bridge.tracker.normalise import Normaliser
from bridge.tracker.shapes import ResourceName
from contracts import ids
from contracts.entities import UNHASHED, Model
from tests.flow.tracker_account import Account, account

ZONE = "America/New_York"
_REFERS_TO = {
    "job_id": Model.JOB,
    "candidate_id": Model.CANDIDATE,
    "current_stage_id": Model.APPLICATION_STAGE,
    "tag_id": Model.TAG,
    "user_id": Model.USER,
    "role_id": Model.ROLE,
    "job_user_id": Model.JOB_HIRING_TEAM_MEMBER,
}


@pytest.fixture(params=[3, 4])
async def acme(store_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    sizes = {"candidates": 120, "jobs": 60, "applications": 150, "seed": request.param}
    async with account(store_url, time_zone=ZONE, sizes=sizes, changes=1500) as found:
        yield found


async def rows_of(client: Client, resource: ResourceName) -> list[tuple[str | None, int, dict[str, Any]]]:
    found = []
    for state in client.settings[resource].states:
        number, more = 1, True
        while more:
            page = await client.pages(resource, state=state, number=number)
            assert not page.bad_rows
            found += [(state, row.place, row.decode()) for row in page.rows]
            number, more = number + 1, page.has_next
    return found


async def families(client: Client) -> list[Family]:
    n = Normaliser("acme", client.settings, ZONE)
    statuses = await rows_of(client, "statuses")
    table = n.status_table([row for _, _, row in statuses])
    found = [n.status(row, place) for _, place, row in statuses]
    found += [n.user(row) for _, _, row in await rows_of(client, "users")]
    found += [n.application(row, table) for _, _, row in await rows_of(client, "applications")]
    for state, _, row in await rows_of(client, "jobs"):
        found.append(n.job(row, await by_id(client, "jobs", row["opportunityId"]), state))
    for _, _, row in await rows_of(client, "candidates"):
        found.append(n.candidate(row, await by_id(client, "candidates", row["resourceId"])))
    return found


async def by_id(client: Client, resource: ResourceName, remote_id: int) -> dict[str, Any]:
    detail = await client.detail(resource, str(remote_id))
    assert isinstance(detail, Detail)
    return detail.record


async def truth(url: str, model: Model) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession(url) as session,
        session.get("/__truth", params={"model": model}) as answer,
    ):
        lines = (await answer.text()).splitlines()
    return {line["remote_id"]: line["record"] for line in map(json.loads, lines)}


def plain(member: Member, keys: set[str]) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(msgspec.json.encode(member.record))
    return {key: _comparable(key, value) for key, value in record.items() if key in keys}


def _comparable(key: str, value: Any) -> Any:
    """Times as times, and the truth's ``remote:<id>`` as the id that it refers to."""
    if value and key.endswith("_at"):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and key in _REFERS_TO and value.startswith("remote:"):
        return ids.entity_id("acme", _REFERS_TO[key], value.removeprefix("remote:"))
    return value


async def test_every_model_is_as_the_simulator_says(acme: Account) -> None:
    async with acme.client() as client:
        members = [member for family in await families(client) for member in family.members]
    for model in Model:
        told = await truth(acme.url, model)
        assert told, model
        keys = {key for record in told.values() for key in record} - UNHASHED
        found = {m.remote_id: plain(m, keys) for m in members if m.model is model}
        expected = {
            i: {k: _comparable(k, v) for k, v in record.items() if k in keys} for i, record in told.items()
        }
        assert found.keys() == expected.keys(), model
        assert {i: _differences(found[i], expected[i]) for i in found if found[i] != expected[i]} == {}, model


def _differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {key: (found.get(key), told) for key, told in expected.items() if found.get(key) != told}
