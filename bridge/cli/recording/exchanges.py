"""What is heard while a check is recorded: each exchange with the account, in memory only."""

import codecs
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from bridge.tracker.http import HttpResponse, Sent

GUARD = ")]}',"
"""What some servers write before JSON, so that no script can load it."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class NoJson(msgspec.Struct, frozen=True):
    """Stands where an answer has no JSON value."""


NO_JSON = NoJson()


class Exchange(Struct, frozen=True, kw_only=True):
    """One request and its answer. ``asked`` is the decoded body, or the query of a GET; ``said`` the decoded
    answer, or ``NO_JSON``."""

    method: str
    path: str
    asked: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]
    raw: bytes
    said: Any

    @property
    def content_type(self) -> str:
        """The Content-Type, in small letters."""
        return self.headers.get("Content-Type", "").lower()

    @property
    def is_page(self) -> bool:
        """Whether a web page was answered."""
        return self.said is NO_JSON and self.raw.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


class Tape:
    """Hears every exchange of a client; give ``hear`` to the client as its ``observe``."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.asides: dict[str, Exchange] = {}

    def hear(self, sent: Sent, answer: HttpResponse) -> None:
        """Keep one exchange."""
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
        """Keep the last exchange under a name of its own: it was no ordinary question."""
        self.asides[name] = self.exchanges.pop()
        return self.asides[name]

    def forget(self) -> None:
        """Forget everything."""
        self.exchanges.clear()
        self.asides.clear()


def text_of(body: bytes, content_type: str) -> str:
    """Return a body as text, by its mark or what it declares, or by what fits."""
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
    """JSON in a JSON string, where it is an object or a list; else the text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict | list) else text
