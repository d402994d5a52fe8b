"""Each quirk of TrackerRMS, seen on and off."""

import asyncio
from typing import Any

from aiohttp import web

from bridge.simulator.quirks import QUIRKS
from tests.simulator.account import Account
from tests.simulator.conftest import Opener
from tests.waiting import patient


async def test_quirks_are_listed_with_what_they_mean(account: Account) -> None:
    listed = await account.control("GET", "/__quirks")
    assert listed.keys() == QUIRKS.keys()
    assert all(quirk["on"] and quirk["means"] for quirk in listed.values())


async def test_an_unknown_quirk_is_refused(account: Account) -> None:
    assert (await account.call("POST", "/__quirks", {"nonsense": True}))[0] == 400


async def test_fixed_page_size(account: Account) -> None:
    assert len((await account.page("Resource", pageSize=25))["rows"]) == 10
    await account.quirk("fixed_page_size", False)
    assert len((await account.page("Resource", pageSize=25))["rows"]) == 25


async def test_ignored_sort_and_filters(account: Account) -> None:
    await account.change("update", "resource", 107, jobTitle="Falconer")
    assert (await account.page("Resource", searchTerm="falconer"))["totalCount"] == 35
    await account.quirk("ignored_sort_and_filters", False)
    assert [row["resourceId"] for row in (await account.page("Resource", searchTerm="falconer"))["rows"]] == [
        107
    ]
    assert (await account.page("Resource", sortDir="asc"))["rows"][0]["resourceId"] == 101


async def test_updated_after_needs_state(account: Account) -> None:
    await account.change("update", "opportunity", 1003, opportunityName="X")
    assert (await account.page("Opportunity", updatedAfter="2026-11-23"))["totalCount"] == 0
    await account.quirk("updated_after_needs_state", False)
    assert (await account.page("Opportunity", updatedAfter="2026-11-23"))["totalCount"] == 1


async def test_stale_index_lags_behind_the_live_record(open_account: Opener) -> None:
    account = await open_account(index_lag_seconds=30)
    new = await account.change("create", "resource", surname="Fresh")
    assert (await account.page("Resource"))["rows"][0]["resourceId"] != new
    assert (await account.get(f"/api/v1/Resource/{new}"))["surname"] == "Fresh"
    account.clock.advance(31)
    assert (await account.page("Resource"))["rows"][0]["resourceId"] == new


async def test_without_a_stale_index_search_is_live(open_account: Opener) -> None:
    account = await open_account(index_lag_seconds=30)
    await account.quirk("stale_index", False)
    new = await account.change("create", "resource", surname="Fresh")
    assert (await account.page("Resource"))["rows"][0]["resourceId"] == new


async def test_the_index_catches_up_on_request(open_account: Opener) -> None:
    account = await open_account(index_lag_seconds=3600)
    new = await account.change("create", "resource", surname="Fresh")
    assert (await account.control("GET", "/__index"))["pending"] == 1
    assert (await account.control("POST", "/__index", {"flush": True})) == {"lag_seconds": 3600, "pending": 0}
    assert (await account.page("Resource"))["rows"][0]["resourceId"] == new


async def test_flat_lists(account: Account) -> None:
    assert "resourceId" in (await account.page("Resource"))["rows"][0]
    await account.quirk("flat_lists", False)
    assert "contactDetails" in (await account.page("Resource"))["rows"][0]


async def test_yes_and_no_in_lists(account: Account) -> None:
    assert (await account.page("User"))["rows"][0]["active"] in ("y", "n")
    row = (await account.page("Opportunity"))["rows"][0]
    assert row["publishOnline"] in ("y", "n")
    detail = await account.get(f"/api/v1/Opportunity/{row['opportunityId']}")
    assert isinstance(detail["advertDetails"]["publishOnline"], bool)
    await account.quirk("yes_no_in_lists", False)
    assert isinstance((await account.page("Opportunity"))["rows"][0]["publishOnline"], bool)


async def test_one_live_jwt(account: Account) -> None:
    first = account.jwt
    await account.exchange()
    assert (await account.call("GET", "/api/v1/MetaData", jwt=first))[0] == 401
    await account.quirk("one_live_jwt", False)
    second = account.jwt
    await account.exchange()
    assert (await account.call("GET", "/api/v1/MetaData", jwt=second))[0] == 200


async def test_no_content_for_unknown(account: Account) -> None:
    assert await account.call("GET", "/api/v1/Resource/9") == (204, None)
    assert await account.call("PATCH", "/api/v1/Resource/9", {"surname": "X"}) == (204, None)
    await account.quirk("no_content_for_unknown", False)
    assert (await account.call("GET", "/api/v1/Resource/9"))[0] == 404


async def test_local_times(open_account: Opener) -> None:
    account = await open_account(time_zone="America/New_York")
    await account.change("update", "resource", 101, surname="Now")
    assert (await account.get("/api/v1/Resource/101"))["lastUpdatedDateTime"] == "2026-11-23T07:00:00"
    await account.quirk("local_times", False)
    assert (await account.get("/api/v1/Resource/101"))["lastUpdatedDateTime"] == "2026-11-23T12:00:00Z"


async def test_flat_email_is_dropped(account: Account) -> None:
    given = {"email": "flat@example.com", "contactDetails": {"mobilePhone": "+44 7700 900123", "fax": "1"}}
    assert (await account.call("PATCH", "/api/v1/Resource/101", given))[0] == 200
    kept = (await account.get("/api/v1/Resource/101"))["contactDetails"]
    assert kept["mobilePhone"] == "+44 7700 900123"
    assert kept["email"] != "flat@example.com"
    await account.quirk("flat_email_dropped", False)
    await account.call("PATCH", "/api/v1/Resource/101", given)
    assert (await account.get("/api/v1/Resource/101"))["contactDetails"]["email"] == "flat@example.com"


async def test_unknown_skills_are_dropped(account: Account) -> None:
    given = {"quickSkills": [{"id": 180}, {"id": 99999, "name": "X"}, {"id": 0, "name": "Free text"}]}
    await account.call("PATCH", "/api/v1/Resource/101", given)
    kept = (await account.get("/api/v1/Resource/101"))["quickSkills"]
    assert kept == [{"id": 180, "name": "Python"}, {"id": 0, "name": "Free text"}]
    await account.quirk("unknown_skills_dropped", False)
    assert (await account.call("PATCH", "/api/v1/Resource/101", given))[0] == 400


async def _listen(account: Account) -> tuple[asyncio.Queue[Any], web.AppRunner]:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        received.put_nowait(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    registration = {"url": url, "action": "Updated", "recordType": "Resource"}
    assert (await account.call("POST", "/api/v1/Webhook", registration))[0] == 201
    return received, runner


async def test_webhooks_ping_with_ids_only(account: Account) -> None:
    received, runner = await _listen(account)
    await account.quirk("webhooks", False)
    await account.change("update", "resource", 101, surname="Silent")
    await account.quirk("webhooks", True)
    await account.change("update", "resource", 102, surname="Heard")
    ping = await asyncio.wait_for(received.get(), patient(10))
    assert ping == {"recordType": "Resource", "action": "Updated", "recordId": 102}
    assert len(await account.get("/api/v1/Webhook/List")) == 1
    await runner.cleanup()


async def test_some_webhooks_are_missed(open_account: Opener) -> None:
    account = await open_account(missed_webhook_rate=1.0)
    received, runner = await _listen(account)
    await account.change("update", "resource", 101, surname="Missed")
    await account.quirk("missed_webhooks", False)
    await account.change("update", "resource", 102, surname="Heard")
    assert (await asyncio.wait_for(received.get(), patient(10)))["recordId"] == 102
    await runner.cleanup()


async def test_a_webhook_never_leaves_the_machine(account: Account) -> None:
    registration = {"url": "http://192.0.2.1/hook", "action": "Updated", "recordType": "Resource"}
    await account.call("POST", "/api/v1/Webhook", registration)
    await account.change("update", "resource", 101, surname="X")
    assert not account.server.site.webhooks.pending


async def test_rate_limit(open_account: Opener) -> None:
    account = await open_account(rate_limit_per_minute=3, send_retry_after=True)
    statuses = [(await account.call("GET", "/api/v1/MetaData"))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]  # the exchange was the first of the three
    async with account.http.get("/api/v1/MetaData") as answer:
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
    await account.quirk("rate_limit", False)
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 200


async def test_empty_bodies_strike_reads_only(open_account: Opener) -> None:
    account = await open_account(empty_body_rate=1.0)
    assert await account.call("GET", "/api/v1/MetaData") == (200, None)
    assert (await account.call("PATCH", "/api/v1/Resource/101", {"note": "x"}))[1] is not None
    await account.quirk("empty_bodies", False)
    assert (await account.call("GET", "/api/v1/MetaData"))[1] is not None


async def test_case_insensitive_paths(account: Account) -> None:
    assert (await account.call("GET", "/API/v1/metadata"))[0] == 200
    await account.quirk("case_insensitive_paths", False)
    assert (await account.call("GET", "/API/v1/metadata"))[0] == 404
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 200


async def _views(account: Account) -> list[tuple[Any, Any]]:
    pages = [await account.page("Opportunity") for _ in range(30)]
    rows = [row for page in pages for row in page["rows"] if row["opportunityId"] == 1020]
    return [(row["publishViewCount"], row["lastUpdatedDateTime"]) for row in rows]


async def test_moving_counters(account: Account) -> None:
    moving = await _views(account)
    assert len({views for views, _ in moving}) > 1
    assert len({updated for _, updated in moving}) == 1
    await account.quirk("moving_counters", False)
    assert len(set(await _views(account))) == 1


async def test_owner_role_names(account: Account) -> None:
    given = {"opportunityOwnerId": 21, "ownerRoleId": 2}
    await account.change("update", "opportunity", 1001, **given)
    assert (await account.get("/api/v1/Opportunity/1001"))["owners"][0]["roleName"] == "Recruiter"
    assert (await account.truth("role"))["2"]["unified_type"] == "RECRUITER"
    await account.quirk("owner_role_names", False)
    assert "roleName" not in (await account.get("/api/v1/Opportunity/1001"))["owners"][0]
    assert (await account.truth("role"))["2"]["remote_label"] == "Owner"
    assert ("updated", "role", "2") in await account.journal()
