"""Detects the switches of documents and the widget API that a read-only check can see."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.cli.recording.exchanges import NO_JSON, Exchange
from bridge.cli.recording.seen import SeenAccount, normalize_keys

_DOCUMENTS: Final = re.compile(r"/api/v1/Resource/\d+/Documents", re.IGNORECASE)
_DOCUMENT: Final = re.compile(r"/api/v1/Resource/\d+/Document/\d+", re.IGNORECASE)
_WIDGET: Final = "/api/widget/"
INVALID: Final = "invalid widget call"
"""The name of the exchange with an incomplete call of the widget API."""
_LINKS: Final = (
    (r"/Resource/\d+", "path"),
    (r"https?://\S+\?type=\w&resourceid=\d+", "query"),
    (r"<a .*", "anchor"),
    (r"\d+", "number"),
    (r"https?://\S+/#/\S*", "hash"),
    (r"https?://[^/]+/\d+/resources/\d+", "two_numbers"),
    (r"\w+\.aspx\?id=\d+", "relative"),
)


def detect_documents(seen: SeenAccount) -> str | None:
    """Detect from the form of a candidate's documents."""
    found = [one.said for one in seen.exchanges if _DOCUMENTS.fullmatch(one.path) and one.status == 200]
    for said in found:
        if isinstance(said, dict):
            keys = {str(key).lower() for key in said}
            return next((key for key in ("items", "documents", "$values") if key in keys), None)
        if isinstance(said, list):
            for row in said:
                if isinstance(row, dict):
                    return _document_keys(row)
    return None


def _document_keys(row: Mapping[str, Any]) -> str:
    if "DocumentId" in row:
        return "pascal"
    if "resourceDocumentId" in row:
        return "resource"
    return "array" if "documentId" in row else "id_name"


def document_answer(seen: SeenAccount) -> str | None:
    """Detect from the form of a document."""
    for one in seen.exchanges:
        if not _DOCUMENT.fullmatch(one.path) or one.status != 200:
            continue
        keys = normalize_keys(one.said) if isinstance(one.said, dict) else {}
        if "content" in keys:
            return "content"
        if "filecontent" in keys:
            return "data_url" if str(keys["filecontent"]).startswith("data:") else "filecontent"
        return "binary"
    return None


def shortlist_path(seen: SeenAccount) -> str | None:
    """Detect if the path of the shortlist exists."""
    asked = [one for one in seen.exchanges if one.method == "OPTIONS" and "/shortlist/" in one.path.lower()]
    statuses = {one.status for one in asked}
    return None if not statuses else "longlist" if statuses == {404} else "shortlist"


def widget_reply(seen: SeenAccount) -> str | None:
    """Detect from the form of a reply."""
    for one in _widget(seen):
        if one.raw.lstrip().startswith(b"<?xml"):
            return "xml"
        if not isinstance(one.said, dict):
            continue
        if "d" in one.said and isinstance(one.said["d"], str):
            return "d"
        if "trackerrms" in one.said:
            return "wrapped"
        if "Status" in one.said:
            return "pascal"
        if "status" in one.said:
            return "status_text" if isinstance(one.said["status"], str) else "plain"
    return None


def widget_errors(seen: SeenAccount) -> str | None:
    """Detect from the answer to an incomplete call."""
    one = seen.asides.get(INVALID)
    if one is None:
        return None
    if one.status in (400, 500):
        return str(one.status)
    fields = _fields(one)
    return (
        "dotnet" if str(fields.get("message", "")).startswith("Object variable") else "99" if fields else None
    )


def detect_person_link(seen: SeenAccount) -> str | None:
    """Detect from the link to a person that was found."""
    for one in seen.of("POST", f"{_WIDGET}checkPerson"):
        fields = _fields(one)
        if not fields.get("count"):
            continue
        link = str(fields.get("recordlink") or "")
        if not link:
            return "absent"
        return next((name for form, name in _LINKS if re.fullmatch(form, link)), None)
    return None


def person_search(seen: SeenAccount) -> str | None:
    """Detect if a candidate's own address finds a person."""
    asked = seen.of("POST", f"{_WIDGET}checkPerson")
    if asked and all(one.status == 404 for one in asked):
        return "absent"
    replies = [_fields(one) for one in asked if "bridge-check@example.com" not in json.dumps(one.asked)]
    if not replies:
        return None
    # A person that is found may be old; new ones may not be found yet.
    return None if any(fields.get("count") for fields in replies) else "nobody"


def _widget(seen: SeenAccount) -> list[Exchange]:
    found = [one for one in seen.exchanges if one.path.lower().startswith(_WIDGET) and one.method == "POST"]
    return [
        one
        for one in found
        if one.raw.startswith(b"<?xml") or (one.status == 200 and one.said is not NO_JSON)
    ]


def _fields(one: Exchange) -> dict[str, Any]:
    """Return the fields of a reply of any form, with plain keys."""
    said = one.said
    if isinstance(said, dict) and isinstance(said.get("d"), str):
        said = json.loads(said["d"])
    if isinstance(said, dict) and isinstance(said.get("trackerrms"), dict):
        said = next(iter(said["trackerrms"].values()), {})
    if one.raw.lstrip().startswith(b"<?xml"):
        found = re.findall(r"<(\w+)>([^<]*)</\1>", one.raw.decode("utf-8", "replace"))
        said = {key: int(text) if text.isdecimal() else text for key, text in found}
    return normalize_keys(said) if isinstance(said, dict) else {}


DETECTORS: Final[Mapping[str, Any]] = {
    "documents": detect_documents,
    "document_answer": document_answer,
    "shortlist_path": shortlist_path,
    "widget_reply": widget_reply,
    "widget_errors": widget_errors,
    "person_link": detect_person_link,
    "person_search": person_search,
}
