"""The writes: one function for each action of the table, by the call that the table selects.

Nothing is read back or repeated here. The effect of a write is unknown after ``EffectUnknown`` (the answer
was lost), ``Unreadable`` (the answer says nothing), ``Refused`` with a status of 500 or more, and REST's 204,
which may mean that there is no such record; the caller determines it with ``bridge.tracker.record_lookups``.
After any other error nothing was written, except by ``update_candidate``, which may have carried out the
first of its two calls.

Some places for values are guesses. If TrackerRMS refuses a write that sets values, and that may be repeated,
``update_candidate`` and ``reject`` write what they can without the refused place, and report it
(``WriteReceipt.refused``).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bridge.tracker import answers, field_writer, server_words, write_answer
from bridge.tracker.client import Client
from bridge.tracker.errors import AlreadyThere, Refused
from bridge.tracker.field_writer import FieldValues
from bridge.tracker.schema import Action, Door

_DONE = (200, 201, 202, 204)
# The answers for a place that does not exist. 401, 403, 404 and 405 are about the call; after a 5xx the cause
# is unknown.
_INVALID = (400, 422)
_ATTACH_CURE = (
    "if it expects other names for a file, correct writes.document under [integrations.tracker], or set "
)

REASON = "rejection_reason"

__all__ = [
    "REASON",
    "FieldValues",
    "WriteReceipt",
    "add_to_job",
    "attach_document",
    "can_repeat",
    "can_write_reason",
    "create_candidate",
    "move_stage",
    "place_to_correct",
    "reject",
    "reject_without_reason",
    "set_reason",
    "update_candidate",
]


class WriteReceipt(Struct, frozen=True, kw_only=True):
    """An accepted write: the call and its answer in words, the id in it, if there is one, and the names of
    the given fields that the call carried."""

    said: str
    record_id: str | None
    stored: frozenset[str] = frozenset()
    refused: Mapping[str, str] = {}
    """Our names of the fields that TrackerRMS refused, and its messages. All others were written."""


def can_repeat(client: Client, action: str) -> bool:
    """Return true if repeating this action is harmless, as known or guessed."""
    chosen = client.settings.actions[action]
    return chosen.via != "off" and chosen.via in chosen.repeatable


async def create_candidate(client: Client, fields: FieldValues) -> WriteReceipt:
    """Create a candidate. Raises ``AlreadyThere`` for a known one, which is never overwritten.

    The API has no place for some fields: pass those that are not in ``stored`` to ``update_candidate``.
    """
    action = client.settings.actions["create_candidate"]
    if action.via == "widget":
        placed = field_writer.place_fields(client.settings, "create", fields)
        inner = {"instructions": {"overwriteresource": False}, "resource": placed.values}
        return await _by_widget(client, action, inner, placed.stored)
    placed = field_writer.place_fields(client.settings, "rest", fields)
    ids = ("id", "recordid", "resourceid")
    return await _by_rest(client, action, placed.values, placed.stored, ids=ids)


async def update_candidate(client: Client, candidate: str, fields: FieldValues) -> WriteReceipt:
    """Set the given fields of a candidate and no others.

    Uses one call if all fields have a place in it, or two if some have a place only in the other API. Without
    a place for any field, nothing is sent. If a call is refused, each of its fields is tried separately.
    """
    action = client.settings.actions["update_candidate"]
    field_writer.numeric_id("candidate", candidate)
    columns = field_writer.place_fields(client.settings, "column", fields).stored
    body = field_writer.place_fields(client.settings, "rest", fields).stored
    if action.via == "widget":
        body -= columns
    else:
        columns -= body
    doors: tuple[tuple[Door, frozenset[str]], ...] = (("column", columns), ("rest", body))
    done = [
        await _set_fields(client, candidate, door, {name: fields[name] for name in fields if name in names})
        for door, names in doors
        if names
    ]
    return WriteReceipt(
        said="; ".join(one.said for one in done) or "no field has a place",
        record_id=str(field_writer.numeric_id("candidate", candidate)),
        stored=frozenset[str]().union(*(one.stored for one in done)),
        refused={name: said for one in done for name, said in one.refused.items()},
    )


async def _set_fields(client: Client, candidate: str, door: Door, fields: FieldValues) -> WriteReceipt:
    """Set fields with one call, or one by one if that is refused. Raises if all of them are refused."""
    try:
        return await _update(client, candidate, door, fields)
    except AlreadyThere:
        raise
    except Refused as error:
        if error.status not in _INVALID or len(fields) == 1 or not can_repeat(client, "update_candidate"):
            raise
        first = error
    said, stored, refused = "", frozenset[str](), {}
    for name, value in fields.items():
        try:
            written = await _update(client, candidate, door, {name: value})
        except Refused as error:
            if error.status not in _INVALID:
                raise
            refused[name] = str(error)
        else:
            said, stored = written.said, stored | written.stored
    if not stored:
        raise first
    return WriteReceipt(said=f"{said}, field by field", record_id=None, stored=stored, refused=refused)


async def _update(client: Client, candidate: str, door: Door, fields: FieldValues) -> WriteReceipt:
    action = client.settings.actions["update_candidate"]
    number = field_writer.numeric_id("candidate", candidate)
    placed = field_writer.place_fields(client.settings, door, fields)
    if door == "rest":
        parts = {"candidate": str(number)}
        return await _by_rest(client, action, placed.values, placed.stored, parts)
    inner = {
        "instructions": {"recordtype": "R", "recordid": number},
        "updates": field_writer.updates(placed.values),
    }
    return await _by_widget(client, action, inner, placed.stored)


async def attach_document(
    client: Client, candidate: str, *, filename: str, document_type: str, content_base64: str
) -> WriteReceipt:
    """Attach a file to a candidate. ``document_type`` is TrackerRMS's word, such as ``general`` or
    ``resume``."""
    action = client.settings.actions["attach_document"]
    if action.via == "widget":
        file = {
            "filename": filename,
            "recordType": "R",
            "recordId": field_writer.numeric_id("candidate", candidate),
            "documentType": document_type,
            "primary": "n",
            "data": content_base64,
        }
        return await _by_widget(client, action, {"file": file})
    given = {
        "candidate": candidate,
        "filename": filename,
        "document_type": document_type,
        "content": content_base64,
    }
    placed = field_writer.place_fields(client.settings, "rest", given, "document")
    try:
        return await _by_rest(client, action, placed.values)
    except Refused as error:
        if error.status not in _INVALID:
            raise
        raise Refused(f"{error}; {_ATTACH_CURE}", error.status) from None


async def add_to_job(client: Client, job: str, candidate: str) -> WriteReceipt:
    """Add a candidate to a job's shortlist. The id in the answer is the application's, as far as known.

    Raises ``AlreadyThere`` if the widget API reports it; REST is assumed to answer 200 with the existing one.
    """
    action = client.settings.actions["add_to_job"]
    numbers = {
        "job": field_writer.numeric_id("job", job),
        "candidate": field_writer.numeric_id("candidate", candidate),
    }
    parts = {name: str(number) for name, number in numbers.items()}
    if action.via == "widget":
        instructions = {
            "opportunityid": parts["job"],
            "resourceid": parts["candidate"],
            "assigntolist": "short",
            "shortlistedby": "user",
        }
        return await _by_widget(client, action, {"instructions": instructions})
    # Not resourceId, which is the candidate's.
    ids = ("id", "recordid", "opportunityresourceid", "applicationid")
    return await _by_rest(client, action, {}, parts=parts, ids=ids)


async def move_stage(client: Client, application: str, stage: str) -> WriteReceipt:
    """Move an application to another placement status."""
    return await _place(client, "move_stage", application, {"stage": stage})


async def reject(client: Client, application: str, stage: str, reason: str) -> WriteReceipt:
    """Move an application to a status that rejects it, with the reason to show if there is a place for it.

    If TrackerRMS refuses the reason, set only the status.
    """
    try:
        return await _place(client, "reject", application, {"stage": stage, REASON: reason})
    except AlreadyThere:
        raise
    except Refused as error:
        if error.status not in _INVALID or not can_write_reason(client) or not can_repeat(client, "reject"):
            raise
        refused = str(error)
    written = await reject_without_reason(client, application, stage)
    return msgspec.structs.replace(written, refused={REASON: refused})


async def reject_without_reason(client: Client, application: str, stage: str) -> WriteReceipt:
    """Move an application to a status that rejects it, without a reason."""
    return await _place(client, "reject", application, {"stage": stage})


async def set_reason(client: Client, application: str, reason: str) -> WriteReceipt:
    """Set the reason of an application that is already rejected."""
    return await _place(client, "reject", application, {REASON: reason})


def can_write_reason(client: Client) -> bool:
    """Return true if the call that rejects has a place for the reason."""
    door = _door(client.settings.actions["reject"])
    return any(write.door == door for write in client.settings.writes["application"][REASON])


def place_to_correct(name: str, entity: str = "application") -> str:
    """Return the configuration key for the place of a value."""
    return f"integrations.tracker.writes.{entity}.{name}"


async def _place(client: Client, name: str, application: str, fields: FieldValues) -> WriteReceipt:
    action = client.settings.actions[name]
    number = field_writer.numeric_id("application", application)
    placed = field_writer.place_fields(client.settings, _door(action), fields, "application")
    if "stage" in fields and "stage" not in placed.stored:
        raise Refused(f"no place for the stage; set {place_to_correct('stage')}", 405)
    try:
        if action.via == "rest":
            parts = {"application": str(number)}
            return await _by_rest(client, action, placed.values, placed.stored, parts)
        inner = {
            "instructions": {"recordtype": "X", "recordid": number},
            "updates": field_writer.updates(placed.values),
        }
        return await _by_widget(client, action, inner, placed.stored)
    except AlreadyThere:
        raise
    except Refused as error:
        if error.status not in _INVALID or placed.stored != {"stage"}:
            raise
        key = place_to_correct("stage")
        raise Refused(f"{error}; {key} sets the place of the stage", error.status) from error


def _door(action: Action) -> Door:
    return "column" if action.via == "widget" else "rest"


async def _by_rest(
    client: Client,
    action: Action,
    body: Mapping[str, Any],
    stored: frozenset[str] = frozenset(),
    parts: Mapping[str, str] | None = None,
    ids: tuple[str, ...] = ("id", "recordid"),
) -> WriteReceipt:
    call = action.rest
    if call is None:
        raise AssertionError("REST is chosen only if it has a call for the action")
    path = call.filled(**(parts or {}))
    answer = await client.request(call.method, path, data=body)
    said = f"{call.method} {path} {answers.describe_answer(answer)}"
    if answer.status == 409:
        raise AlreadyThere(said)
    if answer.status not in _DONE:
        raise write_answer.write_refusal(said, answer, body, action.cure)
    reply = write_answer.parse_write_answer(
        said, answer, action.cure, sets_values=call.method in ("PATCH", "PUT")
    )
    if reply.get("success") is False:
        raise Refused(f"{said}, with success false{server_words.quote_server_words(answer, body)}", 400)
    return WriteReceipt(said=said, record_id=write_answer.find_record_id(reply, answer, ids), stored=stored)


async def _by_widget(
    client: Client, action: Action, inner: Mapping[str, Any], stored: frozenset[str] = frozenset()
) -> WriteReceipt:
    if action.widget is None:
        raise AssertionError("the widget API is chosen only if it has a call for the action")
    reply = await client.call_widget(action.widget, inner, action.cure, action=action.name)
    record_id = write_answer.find_id(reply.fields, ("recordid",))
    return WriteReceipt(said=reply.said, record_id=record_id, stored=stored)
