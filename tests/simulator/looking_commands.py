"""Where to look for what a dialect makes of tokens, limits and commands."""

from typing import Any

from bridge.simulator.calls import CallLimiter
from bridge.simulator.options import BEARER_TOKEN
from tests.simulator.account import Account
from tests.simulator.probing import Look, raw, widget

_EXCHANGE = "/api/Auth/ExchangeToken"
_FILE = {"resourceId": 101, "documentType": "resume"}


async def _exchange_path(account: Account) -> Any:
    paths = (_EXCHANGE, _EXCHANGE.lower(), "/api/v1/Auth/ExchangeToken")
    return [(await account.call("POST", path, {"bearerToken": BEARER_TOKEN}))[0] for path in paths]


async def _exchange_body(account: Account) -> Any:
    keys = ("bearerToken", "token", "accessToken")
    found = [(await account.call("POST", _EXCHANGE, {key: BEARER_TOKEN}))[0] for key in keys]
    return [*found, (await account.call("POST", _EXCHANGE, {}, jwt=BEARER_TOKEN))[0]]


async def _token_answer(account: Account) -> Any:
    status, kind, body = await raw(account, "POST", _EXCHANGE, {"bearerToken": BEARER_TOKEN})
    return status, kind.partition(";")[0], body.decode().partition("eyJ")[0]


async def _token_expiration(account: Account) -> Any:
    return {
        key: value
        for key, value in (await account.call("POST", _EXCHANGE, {"bearerToken": BEARER_TOKEN}))[1].items()
        if key != "token"
    }


async def _token_refused(account: Account) -> Any:
    kept, account.jwt = account.jwt, "over"
    status, _, body = await raw(account, "GET", "/api/v1/MetaData")
    account.jwt = kept
    return status, body.decode()[:34]


async def _exchange_refused(account: Account) -> Any:
    status, _, body = await raw(account, "POST", _EXCHANGE, {"bearerToken": "wrong"})
    return status, body.decode()[:34]


async def _old_jwts(account: Account) -> Any:
    await account.exchange()
    first = account.jwt
    await account.exchange()
    return (await account.call("GET", "/api/v1/MetaData", jwt=first))[0], first == account.jwt


async def _limited(account: Account) -> tuple[int, str, str | None]:
    site = account.server.site
    site.timer, site.limiter = account.clock.seconds, CallLimiter(1)
    for _ in range(2):
        async with account.http.get("/api/v1/MetaData") as answer:
            body, status, after = await answer.text(), answer.status, answer.headers.get("Retry-After")
    site.limiter = CallLimiter(0)
    return status, body[:34], after


async def _throttled(account: Account) -> Any:
    return (await _limited(account))[:2]


async def _retry_after(account: Account) -> Any:
    return (await _limited(account))[2]


async def _create_answer(account: Account) -> Any:
    body = {"firstName": "Ann", "surname": "Lee"}
    headers = {"Authorization": f"Bearer {account.jwt}"}
    async with account.http.post("/api/v1/Resource", json=body, headers=headers) as answer:
        said, number = await answer.text(), str(account.world.live["resource"].next_id - 1)
        shown = answer.status, said.replace(number, "N")[:28], answer.headers.get("Location", "")[:17]
    await account.change("delete", "resource", int(number))
    return shown


async def _patch_answer(account: Account) -> Any:
    await account.change("update", "resource", 101, jobTitle="Old", firstName="Ann")
    status, _, body = await raw(account, "PATCH", "/api/v1/Resource/101", {"jobTitle": "New"})
    return status, body.decode()[:26], (await account.get("/api/v1/Resource/101"))["jobTitle"]


async def _write_absent(account: Account) -> Any:
    status, _, body = await raw(account, "PATCH", "/api/v1/Resource/99999", {"jobTitle": "New"})
    return status, body.decode()[:26]


async def _duplicate_candidates(account: Account) -> Any:
    if not account.world.lookup.resources("twice@example.org"):
        await account.change("create", "resource", surname="Lee", email="twice@example.org")
    given = {"resource": {"lastname": "Lea", "email": "twice@example.org"}}
    before = account.world.live["resource"].next_id
    said = await widget(account, "createResource", **given)
    return said["status"], said["message"], account.world.live["resource"].next_id - before


async def _duplicate_applications(account: Account) -> Any:
    held = account.world.live["opportunity_resource"].get(501) or {}
    job, candidate = held["opportunityId"], held["resourceId"]
    status, said = await account.call("POST", f"/api/v1/Opportunity/{job}/shortlist/resource/{candidate}", {})
    given = {"instructions": {"opportunityid": job, "resourceid": candidate}}
    return status, said.get("id") == 501, (await widget(account, "resourceApplication", **given))["status"]


async def _shortlist_path(account: Account) -> Any:
    paths = (f"/api/v1/Opportunity/1001/{name}/resource/101" for name in ("shortlist", "longlist"))
    return [(await account.call("POST", path, {}))[0] < 300 for path in paths]


async def _attach_keys(account: Account) -> Any:
    named = (("filename", "filecontent"), ("fileName", "content"), ("name", "data"))
    bodies = ({**_FILE, name: "cv.pdf", content: "YWJj"} for name, content in named)
    return [(await account.call("POST", "/api/v1/Resource/AttachDocument", body))[0] for body in bodies]


async def _attached(account: Account) -> None:
    account.server.site.documents[102] = [
        {"documentId": 7, "filename": "cv.pdf", "documentType": "resume", "filecontent": "YWJj"}
    ]


async def _documents(account: Account) -> Any:
    await _attached(account)
    said = await account.get("/api/v1/Resource/102/Documents")
    key, listed = ("list", said) if isinstance(said, list) else next(iter(said.items()))
    return key, list(listed[0])[:2]


async def _document_answer(account: Account) -> Any:
    await _attached(account)
    return (await raw(account, "GET", "/api/v1/Resource/102/Document/7"))[2].decode()


async def _widget_record_id(account: Account) -> Any:
    given = {"instructions": {"opportunityid": 1002, "resourceid": 103}}
    placed = account.world.lookup.placement_of(1002, 103)
    if placed is not None:
        await account.change("delete", "opportunity_resource", placed)
    said = await widget(account, "resourceApplication", **given)
    updated = await widget(
        account,
        "updateRecord",
        instructions={"recordtype": "R", "recordid": 103},
        updates=[{"column": "jobtitle", "value": "X"}],
    )
    number = said.get("recordId", "absent")
    return number if number in ("absent", 0) else type(number).__name__, updated.get("recordId", "absent")


async def _widget_reply(account: Account) -> Any:
    body = {"trackerrms": {"checkLogon": {"credentials": {"apikey": "simulator-api-key"}}}}
    return (await raw(account, "POST", "/api/widget/checkLogon", body))[2].decode()[:60]


async def _widget_errors(account: Account) -> Any:
    status, _, said = await raw(account, "POST", "/api/widget/updateRecord", _update("nonsense", "R", 101))
    return status, said.decode()[:60]


def _update(column: str, kind: str, number: int) -> dict[str, Any]:
    inner = {
        "credentials": {"apikey": "simulator-api-key"},
        "instructions": {"recordtype": kind, "recordid": number},
        "updates": [{"column": column, "value": "3"}],
    }
    return {"trackerrms": {"updateRecord": inner}}


async def _columns(account: Account, *names: str, kind: str = "X", number: int = 501) -> list[int]:
    bodies = (_update(name, kind, number) for name in names)
    return [(await account.call("POST", "/api/widget/updateRecord", body))[1]["status"] for body in bodies]


async def _widget_columns(account: Account) -> Any:
    return await _columns(account, "nonsense", "jobtitle", kind="R", number=101)


async def _rejection_column(account: Account) -> Any:
    return await _columns(account, "rejectionreason", "reasonforrejection", "note")


async def _stage_column(account: Account) -> Any:
    return await _columns(account, "opportunityresourcestatusid", "statusid", "placementstatusid")


async def _person(account: Account) -> Any:
    await account.change("update", "resource", 101, email="found@example.org")
    said = await widget(account, "checkPerson", details={"email": "found@example.org"})
    return said.get("recordLink"), said.get("recordTypes")


async def _person_link(account: Account) -> Any:
    return (await _person(account))[0]


async def _person_search(account: Account) -> Any:
    new = await account.change("create", "resource", surname="New", email="new@example.org")
    old = await _person(account)
    said = await widget(account, "checkPerson", details={"email": "new@example.org"})
    await account.change("delete", "resource", new)
    return old[1], said.get("recordTypes")


LOOKS: dict[str, Look] = {
    "exchange_path": _exchange_path,
    "exchange_body": _exchange_body,
    "token_answer": _token_answer,
    "token_expiration": _token_expiration,
    "token_refused": _token_refused,
    "exchange_refused": _exchange_refused,
    "old_jwts": _old_jwts,
    "throttled": _throttled,
    "retry_after": _retry_after,
    "create_answer": _create_answer,
    "patch_answer": _patch_answer,
    "write_absent": _write_absent,
    "duplicate_candidates": _duplicate_candidates,
    "duplicate_applications": _duplicate_applications,
    "shortlist_path": _shortlist_path,
    "attach_keys": _attach_keys,
    "documents": _documents,
    "document_answer": _document_answer,
    "widget_record_id": _widget_record_id,
    "widget_reply": _widget_reply,
    "widget_errors": _widget_errors,
    "widget_columns": _widget_columns,
    "rejection_column": _rejection_column,
    "stage_column": _stage_column,
    "person_link": _person_link,
    "person_search": _person_search,
}
