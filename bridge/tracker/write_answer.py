"""Reads the answer of a write: which record was created, in any form of the answer. Pure."""

from collections.abc import Mapping
from typing import Any

from bridge.tracker import answers, pages, server_words, values
from bridge.tracker.errors import BadJson, Refused, Unreadable
from bridge.tracker.http import HttpResponse

_MOST_WORDS = 200
_OF_VALUES = (400, 409, 422)
"""Refusals of the values, not of the call."""


def write_refusal(said: str, answer: HttpResponse, sent: Any, cure: str) -> Refused:
    """Return the error of a refused write, with ``cure`` if it may be the wrong call."""
    said += server_words.quote_server_words(answer, sent)
    if answer.status >= 500:
        said += ": a temporary error of TrackerRMS"
    elif answer.status not in _OF_VALUES:
        said += f"; {cure}"
    return Refused(said, answer.status)


def describe_write(answer: HttpResponse) -> str:
    """Describe a success that is not an object."""
    if not answer.body.strip():
        return "with an empty body"
    return f"with {values.kind(pages.decode_leniently(answer.utf8))}"


def parse_write_answer(
    said: str, answer: HttpResponse, cure: str, *, sets_values: bool = False
) -> Mapping[str, Any]:
    """Return the answer of a write as an object, which may be empty. A bare number, or ``Location``, is a new
    record's id.

    A few words of text count as empty if a record was created (201) or with ``sets_values``, because the
    caller reads back. Raises ``Unreadable`` for a web page and for other answers. ``cure`` is what to set.
    """
    if not answer.body.strip():
        return {}
    if answers.is_page(answer):
        raise BadJson(f"{said}: {cure}")
    try:
        reply = pages.decode_leniently(answer.utf8)
    except Unreadable as error:
        words = len(answer.body) <= _MOST_WORDS and answer.body.lstrip()[:1] not in (b"{", b"[", b'"')
        if _in_location(answer) is not None or (words and (sets_values or answer.status == 201)):
            return {}
        raise type(error)(f"{said}: {error}; {cure}") from None
    if isinstance(reply, dict):
        return reply
    if _id(reply) is not None:
        return {"id": reply}
    if _in_location(answer) is not None:
        return {}
    raise Unreadable(f"{said} {describe_write(answer)}, expected an object; {cure}")


def find_record_id(reply: Mapping[str, Any], answer: HttpResponse, keys: tuple[str, ...]) -> str | None:
    """Return the id of the created record, from one of ``keys`` (in lower case) or from ``Location``."""
    inner = [value for key, value in reply.items() if key.casefold() in ("data", "result")]
    for one in (reply, *(value for value in inner if isinstance(value, Mapping))):
        found = find_id(one, keys)
        if found is not None:
            return found
    return next(filter(None, map(_id, inner)), None) or _in_location(answer)


def find_id(reply: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return the first id under one of ``keys`` (in lower case)."""
    there = {key.casefold(): value for key, value in reply.items()}
    return next(filter(None, (_id(there.get(key)) for key in keys)), None)


def _in_location(answer: HttpResponse) -> str | None:
    path = answer.headers.get("Location", "").partition("?")[0].rstrip("/")
    return _id(path.rpartition("/")[2]) if answer.status == 201 else None


def _id(value: object) -> str | None:
    found = str(value).strip() if type(value) in (int, str) else ""
    return found if found.isdecimal() and found.isascii() and found != "0" else None
