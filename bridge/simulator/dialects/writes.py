"""Switches for writes: the answers to creating, changing and attaching, by REST and by the widget API."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from bridge.json_types import MutableObject
from bridge.simulator.dialects.absence import Raw, Said, web_page
from bridge.simulator.dialects.naming import all_cased
from bridge.simulator.dialects.switches import Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "create_answer": switch(
        "What creating a candidate by REST answers.",
        "writes",
        {
            "201": "201 with id and success.",
            "200": "200 with id and success.",
            "text": "201 with the id as plain text.",
            "location": "201 without a body; Location has the id.",
            "record": "201 with the record.",
            "named": "201 with resourceId.",
            "data": "201 with the id in data.",
            "id_text": "201 with the id as a text.",
            "none": "204, without the id.",
        },
    ),
    "patch_answer": switch(
        "What changing a candidate or an application by REST answers.",
        "writes",
        {
            "200": "200 with id and success.",
            "204": "204 without a body.",
            "empty": "200 without a body.",
            "record": "200 with the record.",
            "true": "200 with true.",
            "ignored": "200 with id and success, but nothing is changed.",
        },
    ),
    "write_absent": switch(
        "What changing a record that does not exist answers by REST.",
        "writes deletions",
        {
            "204": "204 without a body.",
            "404": "404.",
            "400": "400.",
            "200": "200 with its id and success.",
            "false": "200 with success false.",
        },
    ),
    "duplicate_candidates": switch(
        "What the widget API does with a candidate whose e-mail address is known.",
        "widget",
        {
            "refused": "It answers status 3.",
            "accepted": "It creates a second candidate.",
            "updated": "It overwrites the existing candidate, whatever was requested.",
        },
    ),
    "duplicate_applications": switch(
        "What adding a candidate to a job does if the candidate is already on it.",
        "writes widget",
        {
            "known": "By REST 200 with the existing application; by the widget API status 3.",
            "conflict": "By REST 409; by the widget API status 99.",
            "accepted": "It creates a second application.",
            "success": "By REST 200 with the existing application; by the widget API status 0.",
        },
    ),
    "shortlist_path": switch(
        "The REST path for a job's shortlist.",
        "writes",
        {
            "shortlist": "POST /api/v1/Opportunity/{job}/shortlist/resource/{candidate}.",
            "longlist": "Only POST /api/v1/Opportunity/{job}/longlist/resource/{candidate} exists.",
        },
    ),
    "attach_keys": switch(
        "The keys of the file's content and name when attaching a document by REST.",
        "documents writes",
        {
            "filecontent": "filecontent and filename.",
            "content": "content and fileName.",
            "data": "data and name.",
        },
    ),
    "documents": switch(
        "How a candidate's documents are listed.",
        "documents",
        {
            "array": "A bare array of objects with documentId and filename.",
            "items": "Under items.",
            "documents": "Under documents.",
            "$values": "Under $values.",
            "id_name": "A bare array of objects with id and name.",
            "pascal": "A bare array of objects with DocumentId and FileName.",
            "resource": "A bare array of objects with resourceDocumentId and originalFilename.",
        },
    ),
    "document_answer": switch(
        "How a document is answered.",
        "documents",
        {
            "filecontent": "filename and filecontent, in base64.",
            "content": "fileName and content, in base64.",
            "data_url": "filename and filecontent, a data: URL.",
            "binary": "The file itself.",
        },
    ),
    "widget_record_id": switch(
        "If a widget reply has the id of the record.",
        "widget",
        {
            "present": "It does.",
            "absent_for_application": "That of resourceApplication does not.",
            "absent": "None does.",
            "zero": "recordId is 0 in that of resourceApplication.",
            "text": "It does, as a text.",
        },
    ),
    "widget_reply": switch(
        "The form of a widget reply.",
        "widget",
        {
            "plain": "status, message, count and so on.",
            "pascal": "Status, Message, Count and so on.",
            "status_text": 'status is a text, such as "0".',
            "wrapped": "In trackerrms, then in reply.",
            "d": "In d, as a JSON string, as .NET's script services do.",
            "xml": "XML.",
        },
    ),
    "widget_errors": switch(
        "How the widget API reports an invalid request.",
        "widget",
        {
            "99": 'Status 99 with "invalid request".',
            "dotnet": "Status 99 with a .NET message, and recordId 0.",
            "400": "HTTP 400 with the same reply.",
            "500": "HTTP 500 with a web page.",
        },
    ),
    "widget_columns": switch(
        "What updateRecord does with an unknown column.",
        "widget",
        {
            "refused": "It refuses the request.",
            "ignored": "It omits it and answers success.",
        },
    ),
    "rejection_column": switch(
        "The column of an application's rejection reason.",
        "widget",
        {
            "rejectionreason": "rejectionreason.",
            "reasonforrejection": "reasonforrejection.",
            "note": "note.",
            "none": "There is none.",
        },
    ),
    "stage_column": switch(
        "The column of an application's status.",
        "widget",
        {
            "opportunityresourcestatusid": "opportunityresourcestatusid.",
            "statusid": "statusid.",
            "placementstatusid": "placementstatusid.",
        },
    ),
    "person_link": switch(
        "The form of checkPerson's link to the person it found.",
        "widget",
        {
            "path": "/Resource/101.",
            "query": "https://evo.example/Record.aspx?type=R&resourceid=101.",
            "anchor": "An HTML link to /Resource/101.",
            "number": "101.",
            "absent": "It is omitted.",
            "hash": "https://evo.example/#/resource/view/101?tab=1.",
            "two_numbers": "https://evo.example/7/resources/101.",
            "relative": "Resource.aspx?id=101.",
        },
    ),
    "person_search": switch(
        "What checkPerson finds.",
        "widget",
        {
            "right": "The person with the address.",
            "nobody": "No one.",
            "stale": "The person who had it a while ago, not those created since the start.",
            "absent": "The function answers 404.",
        },
    ),
}

_DOCUMENT_KEYS: Final = {
    "id_name": ("id", "name"),
    "pascal": ("DocumentId", "FileName"),
    "resource": ("resourceDocumentId", "originalFilename"),
}
_DOTNET: Final = "Object variable or With block variable not set."
_LINKS: Final = {
    "path": "/Resource/{0}",
    "query": "https://evo.example/Record.aspx?type=R&resourceid={0}",
    "anchor": '<a href="/Resource/{0}" target="_blank">Open</a>',
    "number": "{0}",
    "absent": "",
    "hash": "https://evo.example/#/resource/view/{0}?tab=1",
    "two_numbers": "https://evo.example/7/resources/{0}",
    "relative": "Resource.aspx?id={0}",
}


def answer_creation(dialect: Dialect, record_id: int, record: MutableObject) -> tuple[Said, dict[str, str]]:
    """Return the answer to a candidate's creation by REST, and its headers."""
    headers = {"Location": f"/api/v1/Resource/{record_id}"} if dialect["create_answer"] == "location" else {}
    said: dict[str, Said] = {
        "201": (201, {"id": record_id, "success": True}),
        "200": (200, {"id": record_id, "success": True}),
        "text": (201, Raw(str(record_id).encode(), "text/plain")),
        "location": (201, Raw(b"")),
        "record": (201, record),
        "named": (201, {"resourceId": record_id, "success": True}),
        "data": (201, {"success": True, "data": {"id": record_id}}),
        "id_text": (201, {"id": str(record_id), "success": True}),
        "none": (204, Raw(b"")),
    }
    return said[dialect["create_answer"]], headers


def patched(dialect: Dialect, record_id: int, record: MutableObject) -> Said:
    """Return the answer to a change by REST."""
    said: dict[str, Said] = {
        "204": (204, Raw(b"")),
        "empty": (200, Raw(b"")),
        "record": (200, record),
        "true": (200, True),
    }
    return said.get(dialect["patch_answer"], (200, {"id": record_id, "success": True}))


def write_absent(dialect: Dialect, record_id: int) -> Said | None:
    """Return the answer to a change of a record that does not exist; ``None`` for the default."""
    match dialect["write_absent"]:
        case "204":
            return None
        case "200":
            return 200, {"id": record_id, "success": True}
        case "false":
            return 200, {"success": False, "message": "Record not found"}
        case status:
            return int(status), {"title": "Record not found", "status": int(status)}


def file_given(dialect: Dialect, body: MutableObject) -> tuple[Any, Any]:
    """Return the name and the content in a request to attach a document."""
    match dialect["attach_keys"]:
        case "content":
            return body.get("fileName"), body.get("content")
        case "data":
            return body.get("name"), body.get("data")
        case _:
            return body.get("filename"), body.get("filecontent", body.get("data"))


def documents_listed(dialect: Dialect, held: list[MutableObject]) -> Any:
    """Return the answer that lists a candidate's documents."""
    how = dialect["documents"]
    if how in _DOCUMENT_KEYS:
        number, name = _DOCUMENT_KEYS[how]
        return [
            {number: one["documentId"], name: one["filename"], "documentType": one["documentType"]}
            for one in held
        ]
    return held if how == "array" else {how: held}


def document_answered(dialect: Dialect, name: str, content: str, data: bytes) -> Said:
    """Return the answer with one document; ``content`` is ``data`` in base64."""
    said: dict[str, Any] = {
        "content": {"fileName": name, "content": content},
        "data_url": {"filename": name, "filecontent": f"data:application/octet-stream;base64,{content}"},
        "binary": Raw(data, "application/octet-stream"),
    }
    return 200, said.get(dialect["document_answer"], {"filename": name, "filecontent": content})


def shape_person_link(dialect: Dialect, record_id: int) -> str:
    """Return the link to a candidate in the answer of checkPerson."""
    return _LINKS[dialect["person_link"]].format(record_id)


def with_columns(dialect: Dialect, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of an application under this dialect's names."""
    names = {
        "rejectionreason": dialect["rejection_column"],
        "opportunityresourcestatusid": dialect["stage_column"],
    }
    found = {names.get(column, column): field for column, field in columns.items()}
    found.pop("none", None)
    return found


def widget_invalid(dialect: Dialect) -> tuple[int, MutableObject | Raw]:
    """Return the status and the reply for an invalid request."""
    plain = {"status": 99, "message": "invalid request", "count": 0}
    match dialect["widget_errors"]:
        case "dotnet":
            return 200, {"status": 99, "message": _DOTNET, "count": 0, "recordId": 0}
        case "400":
            return 400, plain
        case "500":
            return 500, web_page("Server Error in '/' Application.")
        case _:
            return 200, plain


def widget_replied(dialect: Dialect, function: str, value: MutableObject) -> Any:
    """Return a widget reply in this dialect: a JSON value, or ``Raw``."""
    ids = dialect["widget_record_id"]
    if "recordId" in value:
        is_application = function == "resourceApplication"
        if ids == "absent" or (ids == "absent_for_application" and is_application):
            value = {key: part for key, part in value.items() if key not in ("recordId", "recordName")}
        elif ids == "zero" and is_application:
            value = {**value, "recordId": 0}
        elif ids == "text":
            value = {**value, "recordId": str(value["recordId"])}
    match dialect["widget_reply"]:
        case "pascal":
            return all_cased(value, "pascal")
        case "status_text":
            return {**value, "status": str(value.get("status"))}
        case "wrapped":
            return {"trackerrms": {"reply": value}}
        case "d":
            return {"d": json.dumps(value)}
        case "xml":
            return Raw(_xml(value), "text/xml; charset=utf-8")
        case _:
            return value


def _xml(value: MutableObject) -> bytes:
    parts = "".join(
        f"<{key}>{escape(str(part))}</{key}>" for key, part in value.items() if isinstance(part, int | str)
    )
    return f'<?xml version="1.0" encoding="utf-8"?><reply>{parts}</reply>'.encode()
