"""Each fault, seen to strike the requests it is meant for and no others; and the count of calls."""

import asyncio
import json

import aiohttp
import pytest

from tests.simulator.account import Account
from tests.simulator.conftest import Opener
from tests.waiting import until


def _ids(page: dict[str, list[dict[str, int]]]) -> list[int]:
    return [row["resourceId"] for row in page["rows"]]


async def test_a_status_with_its_retry_after_strikes_as_often_as_told(account: Account) -> None:
    await account.fault("/API/V1/metadata", "status", status=503, retry_after=7, after=1, times=2)
    statuses = [(await account.call("GET", "/api/v1/MetaData"))[0] for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    await account.fault("/api/v1/MetaData", "status", status=429, retry_after=7)
    async with account.http.get("/api/v1/MetaData") as answer:
        assert answer.headers["Retry-After"] == "7"


async def test_a_glob_and_a_method_narrow_a_fault(account: Account) -> None:
    await account.fault("/api/v1/resource/*", "status", method="GET", times=None)
    assert (await account.call("GET", "/api/v1/Resource/101"))[0] == 500
    assert (await account.call("PATCH", "/api/v1/Resource/101", {"note": "x"}))[0] == 200
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 200


async def test_faults_are_listed_and_cleared(account: Account) -> None:
    await account.fault("/api", "status", times=None)
    await account.call("GET", "/api/v1/MetaData")
    assert [fault["matched"] for fault in await account.control("GET", "/__faults")] == [1]
    await account.control("DELETE", "/__faults")
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 200


async def test_an_unknown_kind_is_refused(account: Account) -> None:
    assert (await account.call("POST", "/__faults", {"path": "/", "kind": "earthquake"}))[0] == 400


async def test_a_hanging_request_gets_no_answer(account: Account) -> None:
    await account.fault("/api/v1/MetaData", "hang")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(account.call("GET", "/api/v1/MetaData"), 0.2)
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 200


async def test_a_cut_connection_breaks_off_the_body(account: Account) -> None:
    await account.fault("/api/v1/MetaData", "cut")
    with pytest.raises(aiohttp.ClientPayloadError):
        await account.call("GET", "/api/v1/MetaData")


async def test_a_cut_write_was_carried_out(account: Account) -> None:
    await account.fault("/api/v1/Resource", "cut", method="POST")
    with pytest.raises(aiohttp.ClientPayloadError):
        await account.call("POST", "/api/v1/Resource", {"surname": "Ghost"})
    assert (await account.page("Resource"))["rows"][0]["surname"] == "Ghost"


async def test_an_empty_body(account: Account) -> None:
    await account.fault("/api/v1/MetaData", "empty_body")
    assert await account.call("GET", "/api/v1/MetaData") == (200, None)


async def test_bad_json(account: Account) -> None:
    await account.fault("/api/v1/MetaData", "bad_json")
    with pytest.raises(json.JSONDecodeError):
        await account.call("GET", "/api/v1/MetaData")


async def test_a_repeated_page_is_the_one_before(account: Account) -> None:
    await account.fault("/api/v1/Resource/PagedSearch", "repeat_page", after=1)
    first, second = await account.page("Resource"), await account.page("Resource", pageNumber=2)
    assert second["rows"] == first["rows"]
    assert second["pageNumber"] == 2


async def test_a_shifted_page_leaves_rows_out(account: Account) -> None:
    await account.fault("/api/v1/Resource/PagedSearch", "shift_page", rows=3)
    assert _ids(await account.page("Resource", pageNumber=2)) == list(range(122, 112, -1))
    assert _ids(await account.page("Resource", pageNumber=2)) == list(range(125, 115, -1))


async def test_a_short_page_still_promises_more(account: Account) -> None:
    await account.fault("/api/v1/Resource/PagedSearch", "short_page", rows=4)
    page = await account.page("Resource")
    assert len(page["rows"]) == 6
    assert page["hasNextPage"] is True


async def test_a_stale_page_is_from_before_the_latest_changes(account: Account) -> None:
    before = await account.page("Resource")
    await account.change("update", "resource", 134, surname="Newer")
    await account.change("delete", "resource", 133)
    await account.change("create", "resource", surname="New")
    await account.fault("/api/v1/Resource/PagedSearch", "stale")
    stale = await account.page("Resource")
    assert {row["resourceId"]: row for row in stale["rows"]} == {
        row["resourceId"]: row for row in before["rows"]
    }
    assert "Newer" in [row["surname"] for row in (await account.page("Resource"))["rows"]]


async def test_a_stale_page_of_one_state_has_no_job_of_another(account: Account) -> None:
    won = (await account.page("Opportunity", state="won"))["rows"][0]["opportunityId"]
    await account.change("delete", "opportunity", won)
    await account.fault("/api/v1/Opportunity/PagedSearch", "stale", times=2)
    assert won not in [
        row["opportunityId"] for row in (await account.page("Opportunity", state="open"))["rows"]
    ]
    assert won in [row["opportunityId"] for row in (await account.page("Opportunity", state="won"))["rows"]]


async def test_jwts_can_be_revoked(account: Account) -> None:
    await account.control("POST", "/__revoke")
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 401


async def test_calls_are_counted_by_path_and_minute_without_control_calls(account: Account) -> None:
    for _ in range(3):
        await account.call("GET", "/api/v1/Resource/101")
    account.clock.advance(61)
    await account.call("GET", "/api/v1/Resource/102")
    report = await account.control("GET", "/__calls")
    assert report["total"] == 5
    assert sum(report["by_path"]["GET /api/v1/Resource/{id}"].values()) == 4
    assert len(report["by_path"]["GET /api/v1/Resource/{id}"]) == 2
    assert report["max_in_60_seconds"] == 5  # by the machine's clock, not the world's
    assert report["by_status"] == {"200": 5}
    await account.control("DELETE", "/__calls")
    assert (await account.control("GET", "/__calls"))["total"] == 0


async def test_the_limiter_lets_requests_pass_again_after_a_minute(open_account: Opener) -> None:
    account = await open_account(rate_limit_per_minute=2)
    limiter = account.server.site.limiter
    now = account.server.site.timer()
    assert limiter.admit(now) is None
    assert limiter.admit(now + 1) is not None
    assert limiter.admit(now + 61) is None


async def _journal_grows_beyond(account: Account, n: int) -> bool:
    return len(await account.journal()) > n


async def test_random_change_goes_on_by_itself_until_stopped(open_account: Opener) -> None:
    account = await open_account(changes_per_minute=60_000)
    await until(lambda: _journal_grows_beyond(account, 20))
    await account.control("POST", "/__pace", {"changes_per_minute": 0})
    stopped_at = len(await account.journal())
    await account.control("POST", "/__random", {"changes": 0})
    assert len(await account.journal()) == stopped_at
    await account.control("POST", "/__pace", {"changes_per_minute": 60_000})
    await until(lambda: _journal_grows_beyond(account, stopped_at))


async def test_random_changes_on_request_are_the_same_for_the_same_seed(open_account: Opener) -> None:
    one, other = await open_account(), await open_account()
    for account in (one, other):
        await account.control("POST", "/__random", {"changes": 50, "seed": 3})
    assert await one.journal() == await other.journal() != []
