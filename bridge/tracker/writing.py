"""The writes: one function for each action of the table, by the call that the table chooses.

Nothing is read back here and nothing is repeated: a lost answer is ``EffectUnknown``, the caller's to judge.
"""

from typing import Any

from msgspec import Struct

from bridge.tracker import pages
from bridge.tracker.client import Client
from bridge.tracker.problems import CredentialsRefused, Refused, Unreadable
from bridge.tracker.shapes import Action, Call
from bridge.tracker.wire import Answer

_DONE = (200, 201, 202, 204)
_NO_USER = (1, 2)
_EXISTS = 3


class Written(Struct, frozen=True, kw_only=True):
    """A write that TrackerRMS took: the call and its answer in words, and the id in it, if there is one."""

    said: str
    record_id: str | None


async def create_candidate(
    client: Client, *, first_name: str, last_name: str, title: str, email: str, note: str
) -> Written:
    """A new candidate; one that is known already is refused, never overwritten."""
    rest = {
        "firstName": first_name,
        "surname": last_name,
        "jobTitle": title,
        "contactDetails": {"email": email},
        "note": note,
    }
    widget = {
        "instructions": {"overwriteresource": False},
        "resource": {
            "firstname": first_name,
            "lastname": last_name,
            "jobtitle": title,
            "email": email,
            "note": note,
        },
    }
    return await _write(client, "create_candidate", rest, widget)


async def attach_document(
    client: Client, candidate: str, *, filename: str, document_type: str, content_base64: str
) -> Written:
    """A file of a candidate; ``document_type`` is TrackerRMS's word, such as ``general`` or ``resume``."""
    rest = {
        "resourceId": int(candidate),
        "filename": filename,
        "documentType": document_type,
        "filecontent": content_base64,
    }
    file = {
        "filename": filename,
        "recordType": "R",
        "recordId": int(candidate),
        "documentType": document_type,
        "primary": "n",
        "data": content_base64,
    }
    return await _write(client, "attach_document", rest, {"file": file})


async def add_to_job(client: Client, job: str, candidate: str) -> Written:
    """A candidate onto a job's shortlist; the id in the answer is the application's, as far as is known."""
    instructions = {
        "opportunityid": job,
        "resourceid": candidate,
        "assigntolist": "short",
        "shortlistedby": "user",
    }
    return await _write(
        client, "add_to_job", {}, {"instructions": instructions}, job=job, candidate=candidate
    )


async def move_stage(client: Client, application: str, stage: str) -> Written:
    """An application to another placement status."""
    return await _update(client, "move_stage", application, {"opportunityResourceStatusId": stage})


async def reject(client: Client, application: str, stage: str, note: str) -> Written:
    """An application to a status that rejects it, with a note."""
    values = {"opportunityResourceStatusId": stage, "rejectionReason": note}
    return await _update(client, "reject", application, values)


def delete_call(client: Client) -> Call:
    """How a candidate is deleted: the by-id path, used so by others' code."""
    return Call(method="DELETE", path=_candidate_path(client), sure="code")


def documents_call(client: Client) -> Call:
    """How a candidate's documents are listed: below the by-id path."""
    return Call(method="GET", path=_candidate_path(client) + "/Documents", sure="code")


def _candidate_path(client: Client) -> str:
    by_id = client.settings["candidates"].by_id
    if by_id is None:
        raise Refused("candidates can't be read by id", 405)
    return by_id.path


async def _update(client: Client, name: str, application: str, values: dict[str, str]) -> Written:
    rest = {key: int(value) if key.endswith("Id") else value for key, value in values.items()}
    widget = {
        "instructions": {"recordtype": "X", "recordid": int(application)},
        "updates": [{"column": key.lower(), "value": value} for key, value in values.items()],
    }
    return await _write(client, name, rest, widget, application=application)


async def _write(
    client: Client, name: str, rest: dict[str, Any], widget: dict[str, Any], **parts: str
) -> Written:
    action = client.settings.actions[name]
    if action.via == "widget" and action.widget is not None:
        return await _by_widget(client, action, action.widget, widget)
    path = action.rest.filled(**parts)
    answer = await client.request(action.rest.method, path, data=rest)
    said = f"{action.rest.method} {path} answered {answer.status}"
    if answer.status not in _DONE:
        raise Refused(said, answer.status)
    reply = _object(said, answer) if answer.body.strip() else {}
    if reply.get("success") is False:
        raise Refused(f"{said}, with success false", 400)
    return Written(said=said, record_id=_id(reply.get("id")))


async def _by_widget(client: Client, action: Action, call: Call, inner: dict[str, Any]) -> Written:
    function = call.path.rpartition("/")[2]
    body = {"trackerrms": {function: inner}}
    answer = await client.request(call.method, call.path, data=body, generation="widget")
    said = f"{call.method} {call.path} answered {answer.status}"
    if answer.status not in _DONE:
        raise Refused(said, answer.status)
    reply = _object(said, answer)
    status = reply.get("status")
    said = f"{call.method} {call.path} answered status {status}"
    if status in _NO_USER:
        raise CredentialsRefused(
            f"{said}: the widget API does not know this token's user, or the user is not active; give the "
            "integration oauth_client_id, oauth_client_secret and oauth_refresh_token, or set "
            f'actions.{action.name} = "rest"'
        )
    if status != 0:
        why = ": a record that is there already" if status == _EXISTS else ""
        raise Refused(f"{said}{why}", 400)
    return Written(said=said, record_id=_id(reply.get("recordId")))


def _object(said: str, answer: Answer) -> dict[str, Any]:
    try:
        reply = pages.decode(answer.body)
    except Unreadable as error:
        raise type(error)(f"{said}: {error}") from None
    if not isinstance(reply, dict):
        raise Unreadable(f"{said}, with no object")
    return reply


def _id(value: object) -> str | None:
    found = str(value) if type(value) in (int, str) else ""
    return found if found.isdecimal() and found != "0" else None
