"""The read-only scope test: checks what works with this account without writing anything.

Reading is tested by reading. An action is tested by asking its path for the allowed methods (``OPTIONS``):
405 or ``Allow`` shows that the path exists, 404 that it does not, 401 and 403 that this account may not use
it. The widget API is asked with ``checkLogon`` if it accepts the credentials; finding a person is really
tried.
"""

from collections.abc import Awaitable, Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bridge.errors import BridgeError, Fatal
from bridge.json_types import JsonObject
from bridge.tracker import absence, record_lookups
from bridge.tracker.by_id import Detail, RecordGone
from bridge.tracker.client import Client
from bridge.tracker.errors import AccountFault, Refused
from bridge.tracker.hosts import Generation
from bridge.tracker.http import HttpResponse
from bridge.tracker.schema import Action, CallSpec, FieldPlace, Resource, ResourceName

ReadResult = Literal["works", "refused", "not_found", "error"]
ABSENT_ID = absence.ABSENT_ID
NOBODY = "bridge-check@example.com"
_NO_ID = "0"
# One API gives a user's name in two parts, the other as one. Either is enough.
_INSTEAD = {
    "full_name": ("first_name", "last_name"),
    "first_name": ("full_name",),
    "last_name": ("full_name",),
}


class ReadVerdict(Struct, frozen=True, kw_only=True):
    """A line of the scope test. ``reason`` says what was seen, and what to correct after a failure."""

    name: str
    result: ReadResult
    reason: str
    absent: tuple[str, ...] = ()
    """Our fields whose key no sampled record has: their path is probably wrong."""


async def exchange(client: Client) -> ReadVerdict:
    """Exchange the configured credential, even if a valid token is stored. The new token replaces it."""
    ends = await client.exchange()
    until = "valid until an unknown time" if ends is None else f"valid until {ends:%Y-%m-%d %H:%M} UTC"
    call = client.settings.exchange
    reason = f"{call.method} {call.path} at {client.hosts.where} gave a new token, {until}"
    return ReadVerdict(name="exchange", result="works", reason=reason)


async def resource(client: Client, name: ResourceName) -> ReadVerdict:
    """Test if a resource can be listed and read by id. Its models depend on it."""
    return await judge_trial(name, _read(client, name))


async def absent_id(client: Client, name: ResourceName) -> ReadVerdict:
    """Test how an absent id is answered. A deletion can be proved only if that answer is recognized."""
    return await judge_trial(f"{name}: absent id", _read_absent(client, name))


async def action(client: Client, name: str) -> ReadVerdict:
    """Test if the call of an action exists and is allowed."""
    return await judge_trial(name, _ask(client, client.settings.actions[name]))


async def judge_trial(name: str, trial: Awaitable[ReadVerdict]) -> ReadVerdict:
    """Return the trial's verdict, or a verdict for its error. Raises only ``Fatal``."""
    try:
        return await trial
    except Fatal:
        raise
    except BridgeError as error:
        return failed_verdict(name, error)


def failed_verdict(name: str, error: BridgeError) -> ReadVerdict:
    """Return the verdict for an error."""
    result: ReadResult = "error"
    if isinstance(error, Refused):
        result = _by_status(error.status)
    elif isinstance(error, AccountFault):
        result = "refused"
    return ReadVerdict(name=name, result=result, reason=str(error))


def _by_status(status: int) -> ReadResult:
    if status in (401, 403):
        return "refused"
    return "not_found" if status in (404, 405, 501) else "error"


async def _read(client: Client, name: ResourceName) -> ReadVerdict:
    table = client.settings[name]
    rows: list[JsonObject] = []
    bad = 0
    for state in table.states:
        page = await client.pages(name, state=state)
        rows += [row.decode() for row in page.rows]
        bad += len(page.bad_rows)
        found = page.rows[0].remote_id if page.rows else None
        if found is not None:
            break
    else:
        found = None
    if bad and not rows:
        key = table.fields["id"][0]
        return ReadVerdict(
            name=name,
            result="error",
            reason=f"no row has an id under {key}; correct fields.{table.entity}.id",
        )
    detail = await _read_first(client, table, found)
    seen = f"{len(rows)} rows on the first page"
    if isinstance(detail, RecordGone):
        reason = (
            f"{seen}; {table.entity} {found} is in the list and is {detail} by id; set paths.{name}_by_id "
            "in [integrations.tracker] if the path differs"
        )
        return ReadVerdict(name=name, result="error", reason=reason)
    record = detail.record if detail else None
    return ReadVerdict(
        name=name,
        result="works",
        reason=seen if record is None else f"{seen}; {table.entity} {found} read by id",
        absent=_absent(table, rows, record),
    )


async def _read_first(client: Client, table: Resource, found: str | None) -> Detail | RecordGone | None:
    if found is None or table.by_id is None:
        return None
    return await client.detail(table.name, found)


def _absent(table: Resource, rows: list[JsonObject], detail: JsonObject | None) -> tuple[str, ...]:
    if not rows:
        return ()
    details = [detail] if detail is not None else []
    return tuple(
        name
        for name, reads in table.fields.items()
        if any(_readable(read, details) for read in reads)
        and not _found(table, name, rows, details)
        and not all(_found(table, other, rows, details) for other in _INSTEAD.get(name, (name,)))
    )


def _found(table: Resource, name: str, rows: list[JsonObject], details: list[JsonObject]) -> bool:
    reads = table.fields.get(name, ())
    return any(_has(record, read.path) for read in reads for record in _sample(read, rows, details))


def _readable(read: FieldPlace, details: list[JsonObject]) -> bool:
    return read.source != "detail" or bool(details)


def _sample(read: FieldPlace, rows: list[JsonObject], details: list[JsonObject]) -> Iterable[JsonObject]:
    return {"row": rows, "detail": details, "any": [*details, *rows]}[read.source]


def _has(record: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if record is None:
            return True  # the object is absent in this record, so its keys are unknown
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


async def _read_absent(client: Client, name: ResourceName) -> ReadVerdict:
    label = f"{name}: absent id"
    facts = await absence.absence_of(client, name)
    if facts.recognized:
        return ReadVerdict(name=label, result="works", reason=facts.evidence)
    reason = f"{facts.evidence}: deletions can't be proved"
    for table, keys in facts.settings.items():
        for key, value in keys.items():
            spelled = msgspec.json.encode(value).decode()
            reason += (
                f"; if the account answers absent ids like this, set {table}.{key} = {spelled} in "
                "[integrations.tracker]"
            )
    return ReadVerdict(name=label, result="error", reason=reason)


async def _ask(client: Client, wanted: Action) -> ReadVerdict:
    call = wanted.call
    if call is None:
        return ReadVerdict(name=wanted.name, result="works", reason="switched off")
    if wanted.name == "find_person":
        found = await record_lookups.person_by_email(client, NOBODY)
        said = "no one" if found is None else "a person"
        return ReadVerdict(
            name=wanted.name, result="works", reason=f"{call.method} {call.path} finds {said} with {NOBODY}"
        )
    path = call.filled(job=_NO_ID, candidate=_NO_ID, application=_NO_ID)
    generation: Generation = "widget" if wanted.via == "widget" else "rest"
    answer = await client.request("OPTIONS", path, repeatable=True, generation=generation)
    verdict = _allowed(wanted.name, call, answer)
    if generation == "rest" or verdict.result != "works":
        return verdict
    return msgspec.structs.replace(verdict, reason=verdict.reason + await _logon(client, wanted))


async def _logon(client: Client, wanted: Action) -> str:
    """Return if the widget API accepts the credentials, in words. Raises ``NoCredentials`` if it does not."""
    logon = client.settings.calls["check_logon"]
    try:
        await client.call_widget(
            logon, {}, "set paths.check_logon in [integrations.tracker]", action=wanted.name, repeatable=True
        )
    except Refused as error:
        return f"; can't determine if it accepts the credentials: {error}"
    return ", and it accepts the credentials"


def _allowed(name: str, call: CallSpec, answer: HttpResponse) -> ReadVerdict:
    asked = f"OPTIONS {call.path} answered {answer.status}"
    if answer.status not in (200, 204, 405):
        return ReadVerdict(name=name, result=_by_status(answer.status), reason=asked)
    said = answer.headers.get("Allow") or answer.headers.get("Access-Control-Allow-Methods") or ""
    methods = {method.strip().upper() for method in said.split(",")} - {""}
    if methods and call.method not in methods and "*" not in methods:
        reason = f"{asked}: it allows {', '.join(sorted(methods))}, not {call.method}"
        return ReadVerdict(name=name, result="not_found", reason=reason)
    reason = f"{asked}: the path exists" + (
        "" if methods else f"; the answer does not say if it allows {call.method}"
    )
    return ReadVerdict(name=name, result="works", reason=reason)
