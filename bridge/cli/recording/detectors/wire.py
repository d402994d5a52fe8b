"""Detects the switches of the wire from bytes and headers."""

import codecs
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.cli.recording.exchanges import GUARD, NO_JSON, Exchange, text_of
from bridge.cli.recording.seen import SeenAccount

_TYPES: Final = {
    "application/json": "json",
    "text/html": "html",
    "text/plain": "text",
    "application/problem+json": "problem",
    "application/octet-stream": "octets",
}


def detect_charset(seen: SeenAccount) -> str | None:
    """Detect from byte order marks, from the declared charset, and from bytes that only one charset has."""
    answers = list(_json(seen))
    if not answers:
        return None
    first = answers[0]
    if first.raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if first.raw.startswith(codecs.BOM_UTF8):
        return "bom"
    declared = {one.content_type.partition("charset=")[2].strip() for one in answers}
    for name in ("iso-8859-1", "windows-1252"):
        if name in declared:
            return name
    if "x-unknown" in declared:
        return "unknown"
    lettered = [one for one in answers if not one.raw.isascii()]
    is_utf8 = all(_is_utf8(one.raw) for one in lettered)
    if "utf-8" in declared:
        escaped = any(b"\\u" in one.raw for one in answers)
        return "windows-1252_as_utf-8" if not is_utf8 else "ascii" if escaped and not lettered else "utf-8"
    return "undeclared" if is_utf8 else "windows-1252_undeclared"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def content_type(seen: SeenAccount) -> str | None:
    """Detect from the header of JSON answers that are not problems."""
    return next((_TYPES.get(one.content_type.partition(";")[0].strip()) for one in _json(seen)), None)


def json_text(seen: SeenAccount) -> str | None:
    """Detect from the text around it."""
    for one in _json(seen):
        text = text_of(one.raw, one.content_type)
        if text.lstrip("\ufeff").startswith(GUARD):
            return "guarded"
        if isinstance(one.said, dict | list):
            if text.lstrip("\ufeff")[:1] == '"':
                return "string"
            if text[:1].isspace():
                return "padded"
            return "indented" if "\n  " in text else "compact"
    return None


def _json(seen: SeenAccount) -> Iterable[Exchange]:
    """Yield the REST answers that are JSON objects or lists, longest first, because they are the most
    conclusive."""
    found = [
        one
        for one in seen.exchanges
        if one.status in (200, 201)
        and one.said is not NO_JSON
        and isinstance(one.said, dict | list)
        and "/widget/" not in one.path.lower()
    ]
    return sorted(found, key=lambda one: -len(one.raw))


DETECTORS: Final[Mapping[str, Any]] = {
    "charset": detect_charset,
    "content_type": content_type,
    "json_text": json_text,
}
