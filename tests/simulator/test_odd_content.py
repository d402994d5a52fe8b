"""Content that nobody expects: it goes in, and comes out as it went in."""

import json
from typing import Any

import pytest

from tests.simulator.account import Account


async def _send(account: Account, body: str) -> int:
    headers = {"Content-Type": "application/json"}
    async with account.http.post("/__change", data=body, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("odd", ["a\x00b", "lone \ud800 surrogate", "\U0001f600"])
async def test_odd_characters_come_out_as_they_went_in(account: Account, odd: str) -> None:
    change = {"op": "update", "entity": "resource", "id": 135, "surname": odd, "tagText": odd}
    assert await _send(account, json.dumps(change)) == 200
    assert (await account.page("Resource"))["rows"][0]["surname"] == odd
    assert (await account.get("/api/v1/Resource/135"))["tagText"] == odd
    assert (await account.truth("candidate"))["135"]["last_name"] == odd
    assert odd in await account.truth("tag")


async def test_a_field_of_five_megabytes(account: Account) -> None:
    account.world.change("update", "opportunity", 1020, opportunityDescription="x" * 5_000_000)
    assert len((await account.page("Opportunity"))["rows"][0]["opportunityDescription"]) == 5_000_000
    assert len((await account.truth("job"))["1020"]["description"]) == 5_000_000


@pytest.mark.parametrize("shape", [[], "text", 5, None, {"surname": 5}])
async def test_a_wrong_shape_is_served_until_cleared(account: Account, shape: Any) -> None:
    truth = (await account.truth("candidate"))["135"]
    await account.change("update", "resource", 135, raw={"row": shape, "detail": shape})
    assert (await account.page("Resource"))["rows"][0] == shape
    assert (await account.call("GET", "/api/v1/Resource/135"))[1] == shape
    assert (await account.truth("candidate"))["135"]["last_name"] == truth["last_name"]
    await account.change("update", "resource", 135, raw=None)
    assert (await account.page("Resource"))["rows"][0]["resourceId"] == 135


async def test_a_wrong_shape_may_stand_for_row_and_record_at_once(account: Account) -> None:
    await account.change("update", "resource", 135, raw={"firstName": 5})
    assert (await account.page("Resource"))["rows"][0] == {"firstName": 5}
    assert await account.get("/api/v1/Resource/135") == {"firstName": 5}
