"""Where to look for what a dialect makes of statuses, absence, paths and the wire."""

from typing import Any

from tests.simulator.account import Account
from tests.simulator.probing import Look, raw, record, rows, some

_META = "/api/v1/MetaData"


async def _status_path(account: Account) -> Any:
    paths = (
        *(_META, f"{_META}/OpportunityResourceStatuses", "/api/v1/OpportunityResource/Statuses"),
        *("/api/v1/OpportunityResourceStatus/List", "/api/v1/Metadata"),
    )
    return [(await account.call("GET", path))[0] for path in paths]


async def _status_form(account: Account) -> Any:
    said = await account.get(_META)
    if isinstance(said, list):
        return "list", said[0]
    key, held = next(iter(said.items()))
    if isinstance(held, dict):
        inner, first = list(held.items())[1 if "$id" in held else 0]
        return key, inner, first if isinstance(first, dict) else first[0]
    return key, held[:1]


async def _status(account: Account) -> Any:
    return (await account.get(_META))["opportunityResourceStatuses"][9]


async def _groups(account: Account) -> Any:
    listed = (await account.get(_META))["opportunityResourceStatuses"]
    return [listed[place]["group"] for place in (1, 7, 8, 9)]


async def _hidden(account: Account) -> Any:
    listed = (await account.get(_META))["opportunityResourceStatuses"]
    marked = [one["id"] for one in listed if one.get("active") is False or one.get("retired")]
    return len(listed), [one["id"] for one in listed if one["name"] == "CV Sent"], marked


async def _status_order(account: Account) -> Any:
    read = [(await account.get(_META))["opportunityResourceStatuses"] for _ in range(2)]
    places = [one.get("sortOrder") for one in read[0][:3]]
    return [[one["id"] for one in listed[:3]] for listed in read], places


async def _absence(account: Account) -> Any:
    status, _, body = await raw(account, "GET", "/api/v1/Resource/99999")
    return status, body.decode()[:48]


async def _deletions(account: Account) -> Any:
    """What lists and by-id reads say of a candidate that was deleted, and by id of one that was not."""
    if 102 in account.world.live["resource"]:
        await account.change("delete", "resource", 102)
    signs = ("id", "active", "isDeleted", "deletedDate", "status")
    status, gone = await account.call("GET", "/api/v1/Resource/102")
    kept = some(await record(account, "Resource", 103), *signs[1:-1])
    listed = [one for page in (1, 2, 3, 4) for one in await rows(account, "Resource", pageNumber=page)]
    in_list = [some(one, "resourceId", *signs[1:-1]) for one in listed if one["resourceId"] == 102]
    return status, some(gone or {}, *signs), kept, in_list


async def _by_id(account: Account) -> Any:
    await account.change("update", "resource", 101, surname="Lee")
    answers = [await raw(account, "GET", "/api/v1/Resource/101") for _ in range(4)]
    assert [answer[2][:10] for answer in answers[:3]] == [b'{"id":101,'] * 3
    status, _, body = answers[3]
    return status, body.decode()[:60]


async def _by_id_refused(account: Account) -> Any:
    assert (await record(account, "Resource", 106))["id"] == 106
    status, _, body = await raw(account, "GET", "/api/v1/Resource/105")
    return status, body.decode()[:20]


async def _users_path(account: Account) -> Any:
    """Return how many users each of the paths gives."""
    calls = (
        *(("POST", "User/PagedSearch"), ("GET", "User/List"), ("GET", "User"), ("GET", "Users")),
        *(("POST", "User/List"), ("GET", "MetaData")),
    )
    shown = {}
    for method, path in calls:
        _, said = await account.call(method, f"/api/v1/{path}", {} if method == "POST" else None)
        shown[f"{method} {path}"] = len(said.get("users", ()) if isinstance(said, dict) else said)
    return shown


async def _applications_by_id(account: Account) -> Any:
    paths = ("OpportunityResource", "Placement")
    return [(await account.call("GET", f"/api/v1/{path}/501"))[0] for path in paths]


async def _applications_path(account: Account) -> Any:
    paths = ("OpportunityResource", "Placement")
    return [(await account.call("POST", f"/api/v1/{path}/PagedSearch", {}))[0] for path in paths]


async def _path_case(account: Account) -> Any:
    return (await account.call("GET", "/API/V1/metadata"))[0]


async def _charset(account: Account) -> Any:
    await account.change("update", "resource", 101, surname="Müller Łuk")
    _, kind, body = await raw(account, "GET", "/api/v1/Resource/101")
    return kind, body[:3].hex(), b"\xfc" in body, "Müller Łuk".encode() in body


async def _content_type(account: Account) -> Any:
    return (await raw(account, "GET", "/api/v1/Resource/101"))[1]


async def _json_text(account: Account) -> Any:
    return (await raw(account, "GET", "/api/v1/Resource/101"))[2][:12].decode()


LOOKS: dict[str, Look] = {
    "status_path": _status_path,
    "status_form": _status_form,
    "status_keys": _status,
    "group_key": _status,
    "group_names": _groups,
    "hidden_statuses": _hidden,
    "status_order": _status_order,
    "absence": _absence,
    "deletions": _deletions,
    "by_id": _by_id,
    "by_id_refused": _by_id_refused,
    "users_path": _users_path,
    "applications_by_id": _applications_by_id,
    "applications_path": _applications_path,
    "path_case": _path_case,
    "charset": _charset,
    "content_type": _content_type,
    "json_text": _json_text,
}
