"""Texts that a server has written as HTML writes them: ``R&amp;D`` for ``R&D``. Pure."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct

TextForm = Literal["auto", "plain", "html"]
"""``auto``: as they stand, and a text without tags that holds such a sign is doubtful; ``plain``: as they
stand; ``html``: every text is written as HTML writes it, and read back."""

_ENTITY = re.compile(rb"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NAMES = r"(?:amp|lt|gt|quot|apos|#0?3[49]|#38|#6[02]|#x2[267]|#x3[ce]);"
_WRITTEN = re.compile(f"&{_NAMES}", re.IGNORECASE)
_PLAIN = re.compile(f'[<>"]|&(?!{_NAMES})', re.IGNORECASE)
_TAG = re.compile(r"&lt;/?[a-z]", re.IGNORECASE)
_MARKUP = re.compile("description|html|note", re.IGNORECASE)


class Signs(Struct, frozen=True, kw_only=True):
    """How many texts hold a sign as HTML writes it, and how many hold one as it is."""

    written: int
    plain: int


def is_doubtful_text(name: str, text: str) -> bool:
    """Return whether a text of this name may stand for another: it has signs as HTML writes them alone.

    What is HTML itself has such signs all the time: there a tag must be written so.
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
    """Return a JSON body in which every text is read back."""
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
