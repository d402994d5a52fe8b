"""Determines the charset of an answer: configured, declared, or evident from its first bytes. Pure.

Decoded bodies continue as UTF-8. Bytes without a letter in the charset are rejected, never replaced.
"""

import codecs
import re
from email.message import Message

from bridge.tracker.errors import BadCharset

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ONE_BYTE = ("iso8859-1", "cp1252", "iso8859-15")
_C1_ALONE = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_WIDE = re.compile(rb"(?P<le>[^\0]\0[^\0]\0)|(?P<be>\0[^\0]\0[^\0])", re.DOTALL)


def is_known(name: str) -> bool:
    """Return true if the name is a charset for decoding text."""
    return _codec(name) is not None


def declared(content_type: str) -> str | None:
    """Return the charset that a Content-Type header declares."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset() or None


def as_utf8(body: bytes, content_type: str, configured: str | None) -> bytes:
    """Return a body as UTF-8, without a byte order mark.

    A byte order mark has precedence over the configured charset, and that over the declared one. Without any
    of them the body is taken as UTF-8 and returned unchanged, valid or not; ``pages`` reports what can't be
    read. Raises ``BadCharset``.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body[3:] if codec == "utf-8-sig" else _decoded(body, codec, "its byte order mark")
    name = configured or declared(content_type)
    if name is None:
        wide = _WIDE.match(body)
        if wide is None:
            return body
        return _decoded(body, "utf-16-le" if wide["le"] else "utf-16-be", "its first bytes")
    codec = _codec(name) or ""
    if not codec:
        raise BadCharset(f"the answer declares the unknown charset {name[:40]!r}: set charset")
    if codec == "utf-8":
        return body
    if configured is None and codec in _ONE_BYTE and not body.isascii() and is_utf8(body):
        # In these charsets every byte is a letter, and text in them is hardly ever valid UTF-8 by chance.
        raise BadCharset(f"the answer declares {codec} but is valid UTF-8: set charset to the right one")
    wide = _WIDE.match(body)
    if codec == "utf-16" and wide is not None:
        codec = "utf-16-le" if wide["le"] else "utf-16-be"
    if codec == "iso8859-1" and not _C1_ALONE.search(body):
        codec = "cp1252"  # browsers, too, read Latin 1 as Windows-1252
    return _decoded(body, codec, "charset" if configured else "its Content-Type")


def is_utf8(body: bytes) -> bool:
    """Return true if the bytes are valid UTF-8."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(body: bytes, codec: str, whose: str) -> bytes:
    try:
        return body.decode(codec).encode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise BadCharset(f"the answer is not {codec}, contrary to {whose}: set charset") from None


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name)
        # Some codecs are not charsets: they transform bytes to bytes.
        "".encode(name)
    except (LookupError, ValueError, TypeError):
        return None
    return found.name
