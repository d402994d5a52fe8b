"""Tokens, pages, records by id, metadata: the shapes of docs/assumptions.md."""

import pytest

from tests.simulator.account import Account
from tests.simulator.conftest import Opener

ROWS = {
    "Opportunity": ("opportunities", "opportunityId", 20),
    "Resource": ("resources", "resourceId", 35),
    "OpportunityResource": ("opportunityResources", "opportunityResourceId", 60),
    "User": ("users", "userId", 6),
}


@pytest.mark.parametrize("entity", ROWS)
async def test_pages_cover_every_record_once(account: Account, entity: str) -> None:
    key, id_name, count = ROWS[entity]
    first = await account.page(entity)
    pages = [await account.page(entity, pageNumber=n + 1) for n in range(first["totalPages"])]
    ids = [row[id_name] for page in pages for row in page[key]]
    assert len(ids) == len(set(ids)) == count == first["totalCount"]
    assert ids == sorted(ids, reverse=True)
    assert [page["hasNextPage"] for page in pages] == [True] * (len(pages) - 1) + [False]


async def test_a_page_past_the_end_is_empty(account: Account) -> None:
    page = await account.page("Resource", pageNumber=99)
    assert page["rows"] == []
    assert page["hasNextPage"] is False


async def test_search_is_the_page_as_a_bare_array(account: Account) -> None:
    status, rows = await account.call("POST", "/api/v1/Resource/Search", {"pageNumber": 2})
    assert status == 200
    assert rows == (await account.page("Resource", pageNumber=2))["rows"]


async def test_states_divide_the_jobs(account: Account) -> None:
    pages = [await account.page("Opportunity", state=state) for state in ("open", "won", "closed")]
    assert sum(page["totalCount"] for page in pages) == 20
    assert all(page["totalCount"] for page in pages)


async def test_updated_after_lists_what_changed_since_last_changed_first(account: Account) -> None:
    account.clock.advance(60)
    await account.change("update", "resource", 105, jobTitle="Baker")
    account.clock.advance(60)
    await account.change("update", "resource", 130, jobTitle="Cook")
    page = await account.page("Resource", updatedAfter="2026-11-23T12:00:30")
    assert [row["resourceId"] for row in page["rows"]] == [130, 105]


async def test_updated_after_lists_a_record_once_and_a_deleted_one_never(account: Account) -> None:
    for title in ("Baker", "Cook", "Chef"):
        account.clock.advance(60)
        await account.change("update", "resource", 105, jobTitle=title)
        await account.change("update", "resource", 106, jobTitle=title)
    await account.change("delete", "resource", 106)
    page = await account.page("Resource", updatedAfter="2026-11-23T12:00:00")
    assert [(row["resourceId"], row["jobTitle"]) for row in page["rows"]] == [(105, "Chef")]
    assert page["totalCount"] == 1


async def test_updated_after_is_strict_and_compares_local_digits(open_account: Opener) -> None:
    account = await open_account(time_zone="America/New_York")
    await account.change("update", "resource", 105, jobTitle="Baker")
    assert (await account.page("Resource", updatedAfter="2026-11-23T06:59:59Z"))["totalCount"] == 1
    assert (await account.page("Resource", updatedAfter="2026-11-23T07:00:00"))["totalCount"] == 0


async def test_updated_after_reaches_back_into_the_base(account: Account) -> None:
    everything = [await account.page("Resource", pageNumber=n) for n in (1, 2, 3, 4)]
    times = sorted(row["lastUpdatedDateTime"] for page in everything for row in page["rows"])
    found = await account.page("Resource", updatedAfter=times[20])
    assert found["totalCount"] == 14
    assert {row["lastUpdatedDateTime"] for row in found["rows"]} == set(times[-10:])


async def test_a_record_reads_the_same_by_id_and_in_the_list(account: Account) -> None:
    row = (await account.page("Opportunity", state="open"))["rows"][0]
    detail = await account.get(f"/api/v1/Opportunity/{row['opportunityId']}")
    assert detail["name"] == row["opportunityName"]
    assert detail["advertDetails"]["advertStatus"] == row["advertStatus"]
    assert [owner["ownerId"] for owner in detail["owners"]][:1] == [row["opportunityOwnerId"]]


async def test_metadata_gives_the_statuses_in_order(account: Account) -> None:
    await account.change("update", "status", 13, position=0)
    statuses = (await account.get("/api/v1/MetaData"))["opportunityResourceStatuses"]
    assert statuses[0] == {"id": 13, "name": "Rejected – Salary", "group": "Rejected"}
    assert statuses[1]["id"] == 1


async def test_a_bad_bearer_token_is_refused(account: Account) -> None:
    assert await account.exchange("wrong") == 401


async def test_a_call_needs_a_jwt(account: Account) -> None:
    assert (await account.call("GET", "/api/v1/MetaData", jwt="nonsense"))[0] == 401


async def test_a_jwt_expires(open_account: Opener) -> None:
    account = await open_account(jwt_seconds=600)
    account.clock.advance(601)
    assert (await account.call("GET", "/api/v1/MetaData"))[0] == 401


async def test_a_refresh_token_works_once_and_gives_its_successor(account: Account) -> None:
    form = {
        "client_id": "EvoApi_1.0",
        "client_secret": "simulator-client-secret",
        "grant_type": "refresh_token",
        "refresh_token": "simulator-refresh-token",
    }
    async with account.http.post("/oAuth2/Token", data=form) as answer:
        issued = await answer.json()
    assert await account.exchange(issued["access_token"]) == 200
    async with account.http.post("/oAuth2/Token", data=form) as again:
        assert again.status == 400
    async with account.http.post(
        "/oAuth2/Token", data={**form, "refresh_token": issued["refresh_token"]}
    ) as next_one:
        assert next_one.status == 200


async def test_a_wrong_method_is_told_the_right_ones(account: Account) -> None:
    async with account.http.delete("/api/v1/MetaData") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET"


async def test_an_unknown_path_is_not_found(account: Account) -> None:
    assert (await account.call("GET", "/api/v1/Nothing"))[0] == 404


async def test_a_million_records_answer(open_account: Opener) -> None:
    account = await open_account(candidates=1_000_000, jobs=20_000, applications=1_000_000)
    page = await account.page("Resource", pageNumber=50_000)
    assert page["totalCount"] == 1_000_000
    assert page["rows"][0]["resourceId"] == 1_000_100 - 499_990
    changed = await account.page("OpportunityResource", updatedAfter="2026-11-20", pageNumber=7)
    assert len(changed["rows"]) == 10
    await account.change("delete", "opportunity", 1500)
    assert len([entry for entry in await account.journal() if entry[1] == "application"]) == 50
