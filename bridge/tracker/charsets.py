"""The charset of an answer: declared, configured, or shown by its first bytes. Pure.

What is decoded here goes on as UTF-8. Bytes that a charset has no letters for are refused: no letter is ever
put in their place.
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
    """Whether it names a charset that text can be decoded from."""
    return _codec(name) is not None


def declared(content_type: str) -> str | None:
    """Return the charset that a Content-Type header declares."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset() or None


def as_utf8(body: bytes, content_type: str, configured: str | None) -> bytes:
    """Return a body as UTF-8, without a byte order mark.

    A mark counts before what is configured, that before what is declared; with none of them it is UTF-8, and
    comes back as it is, valid or not: ``pages`` tells what can't be read. Raises ``BadCharset``.
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
        raise BadCharset(f"the answer declares the charset {name[:40]!r}, which is unknown: set charset")
    if codec == "utf-8":
        return body
    if configured is None and codec in _ONE_BYTE and not body.isascii() and is_utf8(body):
        # Such bytes have a letter for everything; a text in one of them is hardly ever valid UTF-8 by chance.
        raise BadCharset(
            f"the answer declares {codec} and is valid UTF-8: set charset to which of them it is"
        )
    wide = _WIDE.match(body)
    if codec == "utf-16" and wide is not None:
        codec = "utf-16-le" if wide["le"] else "utf-16-be"
    if codec == "iso8859-1" and not _C1_ALONE.search(body):
        codec = "cp1252"  # what calls itself Latin 1 is Windows's, by the web's own rule
    return _decoded(body, codec, "charset" if configured else "what it declares")


def is_utf8(body: bytes) -> bool:
    """Whether bytes are valid UTF-8."""
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
        raise BadCharset(f"the answer is no {codec}, as {whose} says: set charset") from None


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name)
        # Some codecs are no charsets: they make bytes of bytes.
        "".encode(name)
    except (LookupError, ValueError, TypeError):
        return None
    return found.name
