"""Quotes TrackerRMS's error messages without what they may say about people. Pure.

Plain words, technical words and the names of fields in the call are kept. Values that were sent, addresses,
long numbers, quoted text and every other word that may be a name are replaced with ``…`` (invariant 9).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.tracker import answers, pages
from bridge.tracker.errors import Unreadable
from bridge.tracker.http import HttpResponse

_LONGEST = 200
_LONGEST_SAID = 2000
_KEYS = ("message", "exceptionmessage", "error", "errormessage", "title", "detail", "errors")
_QUOTED = re.compile(r"(?<!\w)(['\"“‘«])(.{0,200}?)['\"”’»](?!\w)")
_WORD = re.compile(r"[^\s,;:()\[\]{}<>=|/]+")
_PLAIN = re.compile(r"[a-z]+(?:['’-][a-z]+)*|[a-z]+(?:[A-Z][a-z]*)+|\d{1,3}|…")
_TYPE = re.compile(r"(?:System|Microsoft)(?:\.\w{1,40})+|[A-Z][A-Za-z]{0,40}Exception")
_GAPS = re.compile(r"…(?:[\s,;]*…)+")
_WORDS = """
a activity an api application argument arithmetic array bad block boolean can candidate cannot cast column
command conflict contact conversion could data database date datetime decimal does double duplicate error
exception execution expected failed field for forbidden foreign id in incorrect index input insert int
integer internal invalid is it json key length line long mandatory missing must name no not null nullable
number object one only operation opportunity or overflow parameter parse permission placement please primary
procedure property reason record reference rejected request required resource server sql stage status string
syntax table the there this timeout token type unable unauthorized unknown unexpected update updated user
validation value variable violation was with xml you your
"""
_TECHNICAL = frozenset(_WORDS.split())


def quote_server_words(answer: HttpResponse, sent: Any = None) -> str:
    """Return ``: "…"`` to append to an answer's status; empty if nothing may be quoted.

    ``sent`` is the body of the call: its keys are known names, its values are left out.
    """
    said = "; ".join(dict.fromkeys(_said(answer)))[:_LONGEST_SAID]
    words = _scrubbed(said, sent)
    return f': "{words}"' if re.search("[A-Za-z]{2}", words) else ""


def _said(answer: HttpResponse) -> Iterator[str]:
    if answers.is_page(answer) or not answer.body.strip():
        return
    try:
        reply = pages.decode_leniently(answer.utf8)
    except Unreadable:
        reply = answer.utf8[:_LONGEST_SAID].decode("utf-8", "replace")
    yield from _texts(reply if isinstance(reply, str) else _chosen(reply))


def _chosen(reply: Any) -> list[Any]:
    if not isinstance(reply, Mapping):
        return []
    found = {key.casefold(): value for key, value in reply.items()}
    return [found[key] for key in _KEYS if key in found]


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts in a part of an answer. ``errors`` lists messages by field."""
    if isinstance(value, str) and value.strip():
        yield " ".join(value.split())
    elif isinstance(value, Mapping) and depth < 3:
        for key, inner in value.items():
            for text in _texts(inner, depth + 1):
                yield f"{key} {text}"
    elif isinstance(value, list) and depth < 3:
        for inner in value:
            yield from _texts(inner, depth + 1)


def _scrubbed(said: str, sent: Any) -> str:
    names, texts = _parts(sent)
    for text in sorted(texts, key=len, reverse=True):
        said = re.sub(re.escape(text), "…", said, flags=re.IGNORECASE)
    said = _QUOTED.sub(lambda found: found[0] if found[2].casefold() in names else "…", said)
    kept = _WORD.sub(lambda found: found[0] if _may_be_told(found[0], names) else "…", said)
    return _GAPS.sub("…", kept).strip()[:_LONGEST]


def _may_be_told(word: str, names: frozenset[str]) -> bool:
    bare = word.strip(".!?'\"“”‘’«»*_-")
    if not bare:
        return True
    known = bare.casefold() in names or bare.casefold() in _TECHNICAL
    return bool(known or _PLAIN.fullmatch(bare) or _TYPE.fullmatch(bare))


def _parts(sent: Any) -> tuple[frozenset[str], set[str]]:
    """Return the names in what was sent, and the values that are long enough to be distinguished from plain
    words."""
    names: set[str] = set()
    texts: set[str] = set()

    def collect(value: Any, *, is_name: bool = False) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                names.add(str(key).casefold())
                collect(inner, is_name=key == "column")
        elif isinstance(value, list | tuple):
            for inner in value:
                collect(inner)
        elif is_name:
            names.add(str(value).casefold())
        elif isinstance(value, str | int | float) and 2 < len(str(value).strip()) <= _LONGEST:
            texts.add(str(value).strip())

    collect(sent)
    return frozenset(names), texts
