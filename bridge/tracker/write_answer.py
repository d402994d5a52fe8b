"""What a write was answered: which record was made, however the answer tells it. Pure."""

from collections.abc import Mapping
from typing import Any

from bridge.tracker import answers, pages, server_words, values
from bridge.tracker.errors import BadJson, Refused, Unreadable
from bridge.tracker.http import HttpResponse

_MOST_WORDS = 200
_OF_VALUES = (400, 409, 422)
"""Refusals of what was sent, and not of the call."""


def write_refusal(said: str, answer: HttpResponse, sent: Any, cure: str) -> Refused:
    """Return the error of a write that was not taken, with ``cure`` where it may be the wrong call."""
    said += server_words.quote_server_words(answer, sent)
    if answer.status >= 500:
        said += ": trouble of TrackerRMS's own, which passes"
    elif answer.status not in _OF_VALUES:
        said += f"; {cure}"
    return Refused(said, answer.status)


def describe_write(answer: HttpResponse) -> str:
    """What a success holds that is no object."""
    if not answer.body.strip():
        return "with an empty body"
    return f"with {values.kind(pages.decode_leniently(answer.utf8))}"


def parse_write_answer(
    said: str, answer: HttpResponse, cure: str, *, sets_values: bool = False
) -> Mapping[str, Any]:
    """What a write was answered: an object, or nothing; a bare number, or ``Location``, is a new record's id.

    A few words of text are as good as nothing where a record was made (201), or ``sets_values``: whoever
    writes reads back. Raises ``Unreadable`` for a web page and for what is neither; ``cure`` is what to set.
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
    """The id of the record that was made, under one of ``keys`` (in lower case), or in ``Location``."""
    inner = [value for key, value in reply.items() if key.casefold() in ("data", "result")]
    for one in (reply, *(value for value in inner if isinstance(value, Mapping))):
        found = find_id(one, keys)
        if found is not None:
            return found
    return next(filter(None, map(_id, inner)), None) or _in_location(answer)


def find_id(reply: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first id under one of ``keys`` (in lower case)."""
    there = {key.casefold(): value for key, value in reply.items()}
    return next(filter(None, (_id(there.get(key)) for key in keys)), None)


def _in_location(answer: HttpResponse) -> str | None:
    path = answer.headers.get("Location", "").partition("?")[0].rstrip("/")
    return _id(path.rpartition("/")[2]) if answer.status == 201 else None


def _id(value: object) -> str | None:
    found = str(value).strip() if type(value) in (int, str) else ""
    return found if found.isdecimal() and found.isascii() and found != "0" else None
