"""Parses e-mail addresses as people type them into one field. Pure.

An address with letters beyond ASCII keeps its spelling, with the domain in lower case. The ASCII form of a
domain (``xn--…``) differs between the versions of that rule.
"""

import re
import unicodedata

from msgspec import Struct

from bridge.tracker.values import INVISIBLE

# The rule of the unified models, extended to the letters and digits of every script.
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_TOP = r"(?:[^\W\d_]{2,}|xn--[a-z0-9-]+)"
_EMAIL = re.compile(rf"(?!\.)(?!.*\.\.)[\w\u0300-\u036f'+.-]*[\w+-]@(?:{_LABEL}\.)+{_TOP}")
_LONGEST = 320
_SCHEME = re.compile(r"(?:mailto|e-?mail)\s*:\s*", re.IGNORECASE)
_LINK = re.compile(r"<a\s[^<>]*>([^<>]*)</a\s*>", re.IGNORECASE)
_BETWEEN = re.compile(r"[;,\r\n]+")
_ANGLED = re.compile(r"<([^<>]*)>")
_AROUND = INVISIBLE + "\"'()[]"


class Addresses(Struct, frozen=True, kw_only=True):
    """The distinct addresses in one field, in order. ``whole``: the field held nothing else that looked like
    one."""

    found: tuple[str, ...]
    whole: bool


_NONE = Addresses(found=(), whole=True)


def parse_email(value: str | None) -> str | None:
    """Return an e-mail address with its domain in lower case, or ``None`` if it is not one."""
    if value is None or len(value) > _LONGEST:
        return None
    local, at, domain = value.rpartition("@")
    domain = domain if domain.isascii() else unicodedata.normalize("NFC", domain)
    address = f"{local}{at}{domain.lower()}"
    return address if _EMAIL.fullmatch(address) else None


def emails(value: str | None) -> Addresses:
    """Return the addresses in a field: one or several, with names, ``mailto:`` or invisible characters."""
    if value is None:
        return _NONE
    alone = parse_email(value)
    if alone is not None:
        return Addresses(found=(alone,), whole=True)
    # Zero-width characters come with pasted text and are not part of an address.
    text = _SCHEME.sub("", _LINK.sub(r"\1", value.translate(_NO_WIDTH)))
    found = [parse_email(word) for part in _BETWEEN.split(text) if "@" in part for word in _words(part)]
    addresses = tuple(dict.fromkeys(address for address in found if address))
    return Addresses(found=addresses, whole=None not in found and bool(addresses))


def _words(part: str) -> list[str | None]:
    """Return the candidate addresses in a part of a field; ``None`` if a misspelled one may
    contain a space."""
    words = _ANGLED.findall(part) or part.split()
    if not all("@" in word for word in words):
        return [None]
    return [word.strip(_AROUND).rstrip(".").partition("?")[0] for word in words]


_NO_WIDTH = {ord(letter): None for letter in INVISIBLE if not letter.isspace()}
