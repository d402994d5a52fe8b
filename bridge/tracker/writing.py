"""The writes: one function for each action of the table, by the call that the table chooses.

Nothing is read back here and nothing is repeated. Whether a write was carried out is not known, and the
caller's to find out by ``bridge.tracker.finding``, after ``EffectUnknown`` (the answer was lost),
``Unreadable`` (it says nothing), ``Refused`` with a status of 500 or more, and REST's 204, which may mean
that there is no such record. After any other error nothing was written, but by ``update_candidate``, whose
first call of two may have been.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bridge.tracker import answers, pages, placing
from bridge.tracker.client import Client
from bridge.tracker.placing import Fields, Placed
from bridge.tracker.problems import AlreadyThere, BadJson, Refused, Unreadable
from bridge.tracker.shapes import Action, Call
from bridge.tracker.wire import Answer

_DONE = (200, 201, 202, 204)
_STAGE = "opportunityResourceStatusId"
_REASON = "rejectionReason"

__all__ = [
    "Fields",
    "Written",
    "add_to_job",
    "attach_document",
    "can_repeat",
    "create_candidate",
    "move_stage",
    "reject",
    "update_candidate",
]


class Written(Struct, frozen=True, kw_only=True):
    """A write that TrackerRMS took: the call and its answer in words, the id in it, if there is one, and
    the names of those of the given fields that the call carried."""

    said: str
    record_id: str | None
    stored: frozenset[str] = frozenset()


def can_repeat(client: Client, action: str) -> bool:
    """Whether carrying this action out twice is known, or guessed, to be harmless."""
    chosen = client.settings.actions[action]
    return chosen.via != "off" and chosen.via in chosen.repeatable


async def create_candidate(client: Client, fields: Fields) -> Written:
    """A new candidate; one that is known already is ``AlreadyThere``, never overwritten.

    The API that does it has no place for some of the fields: give ``update_candidate`` what is not in
    ``stored``.
    """
    action = client.settings.actions["create_candidate"]
    if action.via == "widget":
        placed = placing.place(client.settings, "create", fields)
        inner = {"instructions": {"overwriteresource": False}, "resource": placed.values}
        return await _by_widget(client, action, inner, placed.stored)
    placed = placing.place(client.settings, "rest", fields)
    return await _by_rest(client, action.rest, placed.values, placed.stored)


async def update_candidate(client: Client, candidate: str, fields: Fields) -> Written:
    """Set the given fields of a candidate and no others.

    By one call where all have a place there, by two where some have one only in the other API; without a
    place for any, nothing is sent.
    """
    action = client.settings.actions["update_candidate"]
    number = placing.record_id("candidate", candidate)
    columns = placing.place(client.settings, "column", fields)
    body = placing.place(client.settings, "rest", fields)
    if action.via == "widget":
        body = placing.place(client.settings, "rest", _without(fields, columns))
    else:
        columns = placing.place(client.settings, "column", _without(fields, body))
    done = []
    if columns.stored:
        inner = {
            "instructions": {"recordtype": "R", "recordid": number},
            "updates": placing.updates(columns.values),
        }
        done.append(await _by_widget(client, action, inner, columns.stored))
    if body.stored:
        done.append(await _by_rest(client, action.rest, body.values, body.stored, {"candidate": str(number)}))
    return Written(
        said="; ".join(one.said for one in done) or "there is no place for any of the fields",
        record_id=str(number),
        stored=columns.stored | body.stored,
    )


async def attach_document(
    client: Client, candidate: str, *, filename: str, document_type: str, content_base64: str
) -> Written:
    """A file of a candidate; ``document_type`` is TrackerRMS's word, such as ``general`` or ``resume``."""
    action = client.settings.actions["attach_document"]
    number = placing.record_id("candidate", candidate)
    if action.via == "widget":
        file = {
            "filename": filename,
            "recordType": "R",
            "recordId": number,
            "documentType": document_type,
            "primary": "n",
            "data": content_base64,
        }
        return await _by_widget(client, action, {"file": file})
    body = {
        "resourceId": number,
        "filename": filename,
        "documentType": document_type,
        "filecontent": content_base64,
    }
    return await _by_rest(client, action.rest, body)


async def add_to_job(client: Client, job: str, candidate: str) -> Written:
    """A candidate onto a job's shortlist; the id in the answer is the application's, as far as is known.

    ``AlreadyThere`` where the widget API says so; REST is guessed to answer 200 with the one there is.
    """
    action = client.settings.actions["add_to_job"]
    numbers = {"job": placing.record_id("job", job), "candidate": placing.record_id("candidate", candidate)}
    parts = {name: str(number) for name, number in numbers.items()}
    if action.via == "widget":
        instructions = {
            "opportunityid": parts["job"],
            "resourceid": parts["candidate"],
            "assigntolist": "short",
            "shortlistedby": "user",
        }
        return await _by_widget(client, action, {"instructions": instructions})
    return await _by_rest(client, action.rest, {}, parts=parts)


async def move_stage(client: Client, application: str, stage: str) -> Written:
    """An application to another placement status."""
    return await _place(client, "move_stage", application, stage, {})


async def reject(client: Client, application: str, stage: str, reason: str) -> Written:
    """An application to a status that rejects it, with the reason to show."""
    return await _place(client, "reject", application, stage, {_REASON: reason})


async def _place(client: Client, name: str, application: str, stage: str, more: Mapping[str, str]) -> Written:
    action = client.settings.actions[name]
    number = placing.record_id("application", application)
    given = {_STAGE: placing.record_id("stage", stage), **more}
    if action.via == "widget":
        columns = {key.lower(): value for key, value in given.items()}
        inner = {
            "instructions": {"recordtype": "X", "recordid": number},
            "updates": placing.updates(columns),
        }
        return await _by_widget(client, action, inner)
    return await _by_rest(client, action.rest, given, parts={"application": str(number)})


def _without(fields: Fields, placed: Placed) -> Fields:
    return {name: value for name, value in fields.items() if name not in placed.stored}


async def _by_rest(
    client: Client,
    call: Call | None,
    body: Mapping[str, Any],
    stored: frozenset[str] = frozenset(),
    parts: Mapping[str, str] | None = None,
) -> Written:
    if call is None:
        raise AssertionError("REST is chosen only where it has a call for the action")
    path = call.filled(**(parts or {}))
    answer = await client.request(call.method, path, data=body)
    said = f"{call.method} {path} {answers.described(answer)}"
    if answer.status == 409:
        raise AlreadyThere(said)
    if answer.status not in _DONE:
        raise Refused(said, answer.status)
    reply = _object(said, answer) if answer.body.strip() else {}
    if reply.get("success") is False:
        raise Refused(f"{said}, with success false", 400)
    return Written(said=said, record_id=_id(reply.get("id")), stored=stored)


async def _by_widget(
    client: Client, action: Action, inner: Mapping[str, Any], stored: frozenset[str] = frozenset()
) -> Written:
    if action.widget is None:
        raise AssertionError("the widget API is chosen only where it has a call for the action")
    reply = await client.call_widget(action.widget, inner, action=action.name)
    return Written(said=reply.said, record_id=_id(reply.fields.get("recordId")), stored=stored)


def _object(said: str, answer: Answer) -> dict[str, Any]:
    if answers.is_page(answer):
        raise BadJson(f"{said}: correct the call's path in [integrations.tracker.paths]")
    try:
        reply = pages.decode(answer.utf8)
    except Unreadable as error:
        raise type(error)(f"{said}: {error}") from None
    if not isinstance(reply, dict):
        raise Unreadable(f"{said}, with no object")
    return reply


def _id(value: object) -> str | None:
    found = str(value) if type(value) in (int, str) else ""
    return found if found.isdecimal() and found != "0" else None
