"""Where to look for what a dialect makes of lists and filters."""

from typing import Any

from tests.simulator.account import Account
from tests.simulator.probing import Look, ids, rows, search


async def _first_page(account: Account) -> Any:
    return (await ids(account, "Resource", pageNumber=1))[0]


async def _page_parameter(account: Account) -> Any:
    asked = ({"pageNumber": 2}, {"page": 2}, {"pageIndex": 1})
    return [(await ids(account, "Resource", **one))[0] for one in asked]


async def _page_size(account: Account) -> Any:
    return [len(await rows(account, "Resource", pageSize=12)) for _ in range(3)]


async def _unpaged(account: Account) -> Any:
    lists = ("Opportunity", "Resource", "OpportunityResource", "User")
    return [len(await rows(account, name, pageNumber=2)) for name in lists]


async def _past_end(account: Account) -> Any:
    status, said = await account.call("POST", "/api/v1/Resource/PagedSearch", {"pageNumber": 6})
    found = said.get("resources", "none") if said else "none"
    return status, [row["resourceId"] for row in found][:1] if isinstance(found, list) else found


async def _has_next_page(account: Account) -> Any:
    pages = [await search(account, "Resource", pageNumber=number) for number in (1, 4, 5)]
    keys = ("hasNextPage", "hasMore", "nextLink")
    said = [{key: value for key, value in page.items() if key in keys} for page in pages[:2]]
    return said, len(pages[2]["resources"])


async def _total_count(account: Account) -> Any:
    return (await search(account, "Opportunity", state="open")).get("totalCount", "absent")


async def _total_key(account: Account) -> Any:
    (key,) = [key for key, value in (await search(account, "Resource")).items() if value == 35]
    return key


async def _total_pages(account: Account) -> Any:
    return (await search(account, "Resource")).get("totalPages", "absent")


async def _page_echo(account: Account) -> Any:
    said = await search(account, "Resource", pageNumber=2, pageSize=25)
    return {key: value for key, value in said.items() if key in ("pageNumber", "pageSize")}


async def _rows_key(account: Account) -> Any:
    return _path_to_rows(await search(account, "Resource"))


def _path_to_rows(value: Any) -> str | None:
    if isinstance(value, list):
        return "[]"
    if not isinstance(value, dict):
        return None
    if "resourceId" in value.get("0", {}):
        return "{}"
    found = ((key, _path_to_rows(part)) for key, part in value.items())
    return next((f"{key} {path}" for key, path in found if path), None)


async def _envelope_case(account: Account) -> Any:
    return list(await search(account, "Resource"))[1]


async def _search_path(account: Account) -> Any:
    names = ("PagedSearch", "Search")
    return [(await account.call("POST", f"/api/v1/Resource/{name}", {}))[0] for name in names]


async def _states(account: Account) -> Any:
    words = ("open", "Won", "won", "closed", "lost", "placed", "3")
    return [await _total(account, "Opportunity", state=word) for word in words]


async def _total(account: Account, entity: str, **body: Any) -> Any:
    status, said = await account.call("POST", f"/api/v1/{entity}/PagedSearch", body)
    return said["totalCount"] if status == 200 else f"HTTP {status}"


async def _updated_after(account: Account) -> Any:
    """Return what is found around 07:00 in New York: two changes then, a day apart, and a creation."""
    await account.change("update", "resource", 105, jobTitle="Baker")
    account.clock.advance(24 * 3600)
    await account.change("update", "resource", 106, jobTitle="Baker")
    new = await account.change("create", "resource", surname="New")
    account.clock.advance(-24 * 3600)
    days = ("2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25")
    times = ("2026-11-23T06:59:59", "2026-11-23T07:00:00", "2026-11-23T11:30:00", "2026-11-23T11:30:00Z")
    found = [await _total(account, "Resource", updatedAfter=time) for time in days + times]
    await account.change("delete", "resource", new)
    return found


async def _ignored_by(account: Account) -> Any:
    lists: tuple[tuple[str, dict[str, Any]], ...] = (
        ("Opportunity", {"state": "open"}),
        ("Resource", {}),
        ("OpportunityResource", {}),
    )
    return [await _total(account, name, updatedAfter="2026-11-25", **more) for name, more in lists]


async def _order(account: Account) -> Any:
    return [(await ids(account, "Resource"))[:3] for _ in range(2)]


async def _search_cap(account: Account) -> Any:
    totals = [await _total(account, name) for name in ("Resource", "OpportunityResource")]
    return [*totals, len(await rows(account, "OpportunityResource", pageNumber=11))]


LOOKS: dict[str, Look] = {
    "first_page": _first_page,
    "page_parameter": _page_parameter,
    "page_size": _page_size,
    "unpaged": _unpaged,
    "past_end": _past_end,
    "has_next_page": _has_next_page,
    "total_count": _total_count,
    "total_key": _total_key,
    "total_pages": _total_pages,
    "page_echo": _page_echo,
    "rows_key": _rows_key,
    "envelope_case": _envelope_case,
    "search_path": _search_path,
    "states": _states,
    "updated_after": _updated_after,
    "updated_after_ignored_by": _ignored_by,
    "order": _order,
    "search_cap": _search_cap,
}
