"""The writes: one function for each action of the table, by the call that the table chooses.

Nothing is read back here and nothing is repeated. Whether a write was carried out is not known, and the
caller's to find out by ``bridge.tracker.record_lookups``, after ``EffectUnknown`` (the answer was lost),
``Unreadable`` (it says nothing), ``Refused`` with a status of 500 or more, and REST's 204, which may mean
that there is no such record. After any other error nothing was written, but by ``update_candidate``, whose
first call of two may have been.

Some places that values are written to are guesses. Where TrackerRMS refuses a write that sets values, and so
may be sent twice, ``update_candidate`` and ``reject`` write what they can without the place that is refused,
and say which that was (``Written.refused``).
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
# A place that is not there is answered so; 401, 403, 404 and 405 are about the call, 5xx about nothing known.
_INVALID = (400, 422)
_ATTACH_CURE = (
    "where it takes a file under other names, correct writes.document under [integrations.tracker], or set "
    'actions.attach_document = "widget"'
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
    """A write that TrackerRMS took: the call and its answer in words, the id in it, if there is one, and
    the names of those of the given fields that the call carried."""

    said: str
    record_id: str | None
    stored: frozenset[str] = frozenset()
    refused: Mapping[str, str] = {}
    """Our names of what TrackerRMS refused to write, and what it said; all else was written."""


def can_repeat(client: Client, action: str) -> bool:
    """Whether carrying this action out twice is known, or guessed, to be harmless."""
    chosen = client.settings.actions[action]
    return chosen.via != "off" and chosen.via in chosen.repeatable


async def create_candidate(client: Client, fields: FieldValues) -> WriteReceipt:
    """A new candidate; one that is known already is ``AlreadyThere``, never overwritten.

    The API that does it has no place for some of the fields: give ``update_candidate`` what is not in
    ``stored``.
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

    By one call where all have a place there, by two where some have one only in the other API; without a
    place for any, nothing is sent. Where a call is refused, each of its fields is tried for itself.
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
        said="; ".join(one.said for one in done) or "there is no place for any of the fields",
        record_id=str(field_writer.numeric_id("candidate", candidate)),
        stored=frozenset[str]().union(*(one.stored for one in done)),
        refused={name: said for one in done for name, said in one.refused.items()},
    )


async def _set_fields(client: Client, candidate: str, door: Door, fields: FieldValues) -> WriteReceipt:
    """Set fields by one call, or each by its own where that is refused. Raises where all of them are."""
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
    """A file of a candidate; ``document_type`` is TrackerRMS's word, such as ``general`` or ``resume``."""
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
    """A candidate onto a job's shortlist; the id in the answer is the application's, as far as is known.

    ``AlreadyThere`` where the widget API says so; REST is guessed to answer 200 with the one there is.
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
    # Not resourceId: that is the candidate's.
    ids = ("id", "recordid", "opportunityresourceid", "applicationid")
    return await _by_rest(client, action, {}, parts=parts, ids=ids)


async def move_stage(client: Client, application: str, stage: str) -> WriteReceipt:
    """An application to another placement status."""
    return await _place(client, "move_stage", application, {"stage": stage})


async def reject(client: Client, application: str, stage: str, reason: str) -> WriteReceipt:
    """An application to a status that rejects it, with the reason to show, where there is a place for one.

    Where TrackerRMS refuses that, the stage alone.
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
    """An application to a status that rejects it, and nothing else of it."""
    return await _place(client, "reject", application, {"stage": stage})


async def set_reason(client: Client, application: str, reason: str) -> WriteReceipt:
    """The reason to show of an application that is rejected already."""
    return await _place(client, "reject", application, {REASON: reason})


def can_write_reason(client: Client) -> bool:
    """Whether the call that rejects has a place for the reason to show."""
    door = _door(client.settings.actions["reject"])
    return any(write.door == door for write in client.settings.writes["application"][REASON])


def place_to_correct(name: str, entity: str = "application") -> str:
    """The key of the configuration that says where a value is written."""
    return f"integrations.tracker.writes.{entity}.{name}"


async def _place(client: Client, name: str, application: str, fields: FieldValues) -> WriteReceipt:
    action = client.settings.actions[name]
    number = field_writer.numeric_id("application", application)
    placed = field_writer.place_fields(client.settings, _door(action), fields, "application")
    if "stage" in fields and "stage" not in placed.stored:
        raise Refused(f"there is no place for the stage; set {place_to_correct('stage')}", 405)
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
        raise Refused(f"{error}; {key} says where the stage is written", error.status) from error


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
        raise AssertionError("REST is chosen only where it has a call for the action")
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
        raise AssertionError("the widget API is chosen only where it has a call for the action")
    reply = await client.call_widget(action.widget, inner, action.cure, action=action.name)
    record_id = write_answer.find_id(reply.fields, ("recordid",))
    return WriteReceipt(said=reply.said, record_id=record_id, stored=stored)
