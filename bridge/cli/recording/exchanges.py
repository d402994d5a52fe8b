"""Collects each exchange with the account while a check is recorded, only in memory."""

import codecs
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from bridge.tracker.http import HttpResponse, Sent

GUARD = ")]}',"
"""A prefix with which some servers protect JSON from being loaded as a script."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class NoJson(msgspec.Struct, frozen=True):
    """Represents an answer without a JSON value."""


NO_JSON = NoJson()


class Exchange(Struct, frozen=True, kw_only=True):
    """A request and its answer. ``asked`` is the decoded body, or the query of a GET; ``said`` is the
    decoded answer, or ``NO_JSON``."""

    method: str
    path: str
    asked: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]
    raw: bytes
    said: Any

    @property
    def content_type(self) -> str:
        """Return the Content-Type in lower case."""
        return self.headers.get("Content-Type", "").lower()

    @property
    def is_page(self) -> bool:
        """Return true if the answer is a web page."""
        return self.said is NO_JSON and self.raw.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


class Tape:
    """Collects the exchanges of a client; pass ``hear`` to the client as ``observe``."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.asides: dict[str, Exchange] = {}

    def hear(self, sent: Sent, answer: HttpResponse) -> None:
        """Store one exchange."""
        asked = _decoded(sent.body or b"", "")
        self.exchanges.append(
            Exchange(
                method=sent.method,
                path=urlsplit(sent.url).path,
                asked=asked if isinstance(asked, dict) else dict(sent.params or {}),
                status=answer.status,
                headers=answer.headers,
                raw=answer.body,
                said=_decoded(answer.body, answer.headers.get("Content-Type", "")),
            )
        )

    def put_aside(self, name: str) -> Exchange:
        """Move the last exchange aside under a name, because it was not an ordinary request."""
        self.asides[name] = self.exchanges.pop()
        return self.asides[name]

    def forget(self) -> None:
        """Forget everything."""
        self.exchanges.clear()
        self.asides.clear()


def text_of(body: bytes, content_type: str) -> str:
    """Return a body as text, by its byte order mark, by its declared charset, or by the first one
    that fits."""
    declared = content_type.lower().partition("charset=")[2].split(";")[0].strip(' "')
    marked = next((codec for mark, codec in _MARKS if body.startswith(mark)), "")
    for codec in (marked, declared, "utf-8", "cp1252"):
        if codec:
            try:
                return body.decode(codec)
            except (LookupError, UnicodeError):
                continue
    return body.decode("latin-1")


def _decoded(body: bytes, content_type: str) -> Any:
    text = text_of(body, content_type).strip().removeprefix(GUARD)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return NO_JSON
    return _inner(found) if isinstance(found, str) else found


def _inner(text: str) -> Any:
    """Return the JSON in a JSON string if it is an object or a list; otherwise the text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict | list) else text
