"""Detects and unescapes texts that a server has HTML-escaped: ``R&amp;D`` for ``R&D``. Pure."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct

TextForm = Literal["auto", "plain", "html"]
"""``auto``: texts are taken literally, and a text with entities but without tags is ambiguous; ``plain``:
texts are taken literally; ``html``: every text is unescaped."""

_ENTITY = re.compile(rb"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NAMES = r"(?:amp|lt|gt|quot|apos|#0?3[49]|#38|#6[02]|#x2[267]|#x3[ce]);"
_WRITTEN = re.compile(f"&{_NAMES}", re.IGNORECASE)
_PLAIN = re.compile(f'[<>"]|&(?!{_NAMES})', re.IGNORECASE)
_TAG = re.compile(r"&lt;/?[a-z]", re.IGNORECASE)
_MARKUP = re.compile("description|html|note", re.IGNORECASE)


class Signs(Struct, frozen=True, kw_only=True):
    """The numbers of texts with escaped special characters, and with literal ones."""

    written: int
    plain: int


def is_doubtful_text(name: str, text: str) -> bool:
    """Return true if a text of this name may be HTML-escaped: it has only escaped special characters.

    A text that is HTML itself always has such entities, so there only an escaped tag counts.
    """
    return "&" in text and _is_written(name, text) and _PLAIN.search(text) is None


def signs(records: Iterable[Any]) -> Signs:
    """Count the distinct texts in records, at any depth, that hold ``&``, ``<``, ``>`` or a quote."""
    texts = {found for record in records for found in _texts("", record)}
    return Signs(
        written=len({text for name, text in texts if _is_written(name, text)}),
        plain=len({text for _, text in texts if _PLAIN.search(text)}),
    )


def _is_written(name: str, text: str) -> bool:
    return (_TAG if _MARKUP.search(name) else _WRITTEN).search(text) is not None


def unescaped(body: bytes) -> bytes:
    """Return a JSON body with every text unescaped."""
    return _ENTITY.sub(_letter, body) if b"&" in body else body


def _letter(found: re.Match[bytes]) -> bytes:
    written = found[0].decode("ascii")
    text = html.unescape(written)
    return found[0] if text == written else json.dumps(text)[1:-1].encode("ascii")


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(key, part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(name, part)
