"""Switches for the wire: the charset of a body, and its headers."""

import codecs
import json
from collections.abc import Mapping
from typing import Final

from bridge.simulator.dialects.switches import LISTS, Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "charset": switch(
        "The charset of an answer.",
        f"{LISTS} statuses tokens",
        {
            "utf-8": "UTF-8, declared in Content-Type.",
            "undeclared": "UTF-8; Content-Type has no charset.",
            "bom": "UTF-8 with a byte order mark.",
            "iso-8859-1": "ISO-8859-1, declared in Content-Type; other letters are escaped.",
            "windows-1252": "windows-1252, declared in Content-Type; other letters are escaped.",
            "windows-1252_undeclared": "windows-1252; Content-Type has no charset.",
            "windows-1252_as_utf-8": "windows-1252, although Content-Type declares UTF-8.",
            "utf-16": "UTF-16 with a byte order mark, declared in Content-Type.",
            "ascii": "ASCII: every other letter is escaped.",
            "unknown": "UTF-8, but Content-Type has charset=x-unknown.",
        },
    ),
    "content_type": switch(
        "The Content-Type of JSON.",
        f"{LISTS} statuses tokens",
        {
            "json": "application/json.",
            "html": "text/html.",
            "text": "text/plain.",
            "problem": "application/problem+json.",
            "octets": "application/octet-stream.",
        },
    ),
    "json_text": switch(
        "What surrounds the JSON of an answer.",
        f"{LISTS} statuses tokens",
        {
            "compact": "Nothing.",
            "indented": "White space between everything.",
            "padded": "Line breaks before and after it.",
            "string": "Quotes: the answer is a JSON string of the JSON.",
            "guarded": "An anti-hijacking prefix before it: )]}', and a line break.",
        },
    ),
}

_TYPES: Final = {
    "json": "application/json",
    "html": "text/html",
    "text": "text/plain",
    "problem": "application/problem+json",
    "octets": "application/octet-stream",
}
_CHARSETS: Final = {
    "utf-8": ("utf-8", "utf-8"),
    "undeclared": ("utf-8", ""),
    "bom": ("utf-8-sig", "utf-8"),
    "iso-8859-1": ("iso-8859-1", "ISO-8859-1"),
    "windows-1252": ("cp1252", "windows-1252"),
    "windows-1252_undeclared": ("cp1252", ""),
    "windows-1252_as_utf-8": ("cp1252", "utf-8"),
    "utf-16": ("utf-16", "utf-16"),
    "ascii": ("ascii", "utf-8"),
    "unknown": ("utf-8", "x-unknown"),
}


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """Escape the letters that a charset lacks, as in JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[place : place + 2].hex() for place in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


codecs.register_error("simulator.json_escape", _escape)


def encode_body(dialect: Dialect, body: bytes) -> tuple[bytes, str]:
    """Return a JSON body in this dialect, and its Content-Type."""
    text = _around(dialect, body.decode("utf-8"))
    codec, declared = _CHARSETS[dialect["charset"]]
    kind = _TYPES[dialect["content_type"]]
    content_type = f"{kind}; charset={declared}" if declared else kind
    return text.encode(codec, "simulator.json_escape"), content_type


def _around(dialect: Dialect, text: str) -> str:
    match dialect["json_text"]:
        case "indented":
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        case "padded":
            return f"\r\n\r\n{text}\r\n"
        case "string":
            return json.dumps(text, ensure_ascii=False)
        case "guarded":
            return f")]}}',\n{text}"
        case _:
            return text


def is_plain(dialect: Dialect) -> bool:
    """Return true if bodies have the default form."""
    return not dialect.any_set(*SWITCHES)
