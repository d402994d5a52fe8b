"""Looks at a simulated account: a request or two, and what little of the answers a dialect shows in."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.simulator.account import Account

#: What is seen, as a JSON value.
Look = Callable[[Account], Awaitable[Any]]


async def raw(account: Account, method: str, path: str, body: Any = None) -> tuple[int, str, bytes]:
    """Return an answer as it came: status, Content-Type, body. Redirects are not followed."""
    headers = {"Authorization": f"Bearer {account.jwt}"}
    request = account.http.request(method, path, json=body, headers=headers, allow_redirects=False)
    async with request as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.read()


async def search(account: Account, entity: str, **body: Any) -> Any:
    """Return what PagedSearch answers, whatever its form."""
    return (await account.call("POST", f"/api/v1/{entity}/PagedSearch", body))[1]


async def rows(account: Account, entity: str, **body: Any) -> list[Any]:
    """Return the rows of one page, as ``Search`` answers them."""
    found: list[Any] = (await account.call("POST", f"/api/v1/{entity}/Search", body))[1] or []
    return found


async def ids(account: Account, entity: str, **body: Any) -> list[int]:
    """Return the ids of one page's rows."""
    key = {"Opportunity": "opportunityId", "Resource": "resourceId", "User": "userId"}
    return [row[key.get(entity, "opportunityResourceId")] for row in await rows(account, entity, **body)]


async def row(account: Account, entity: str, record_id: int) -> Any:
    """Return one record's row."""
    key = {"Opportunity": "opportunityId", "Resource": "resourceId", "User": "userId"}
    for page in range(1, 9):
        for one in await rows(account, entity, pageNumber=page):
            if one.get(key.get(entity, "opportunityResourceId")) == record_id:
                return one
    raise AssertionError(f"{entity} {record_id} is in no page")


async def record(account: Account, entity: str, record_id: int) -> Any:
    """Return one by-id answer."""
    return (await account.call("GET", f"/api/v1/{entity}/{record_id}"))[1]


def some(found: Any, *keys: str) -> dict[str, Any]:
    """Return those of an object's keys that it has, in this order."""
    return {key: found[key] for key in keys if key in found}


async def widget(account: Account, function: str, **given: Any) -> Any:
    """Return the reply of a widget function, asked with the bearer token."""
    body = {"trackerrms": {function: {"credentials": {"apikey": "simulator-api-key"}, **given}}}
    return (await account.call("POST", f"/api/widget/{function}", body))[1]
