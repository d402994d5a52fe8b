"""Plain values out of TrackerRMS's JSON: text, numbers, flags, times, ids, e-mails. Pure.

Each function takes what ``json`` decoded and gives a clean value or ``None`` where nothing is there; a
value of the wrong type is a ``WrongType`` that names the type and never the value.
"""

import math
import re
from datetime import UTC, datetime, tzinfo
from hashlib import blake2b
from typing import Any

_EMAIL = re.compile(r"(?!\.)(?!.*\.\.)([\w'+-.]*)[\w+-]@([\da-z][\da-z-]*\.)+[a-z]{2,}", re.ASCII)
_LONGEST_EMAIL = 320
_DEEPEST = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
_AMOUNT = re.compile(
    r"[^\d.,+-]*([+-]?(?:\d{1,3}(?:[ ,]\d{3})+|\d+)(?:\.\d+)?)\s*([kK]?)(?![\w.,]*\d)[^\d]*", re.ASCII
)
_LONGEST_NUMBER = 64
_DECIMAL = re.compile(r"[0-9]{1,30}")
_WORDS = {
    "y": True,
    "yes": True,
    "true": True,
    "1": True,
    "n": False,
    "no": False,
    "false": False,
    "0": False,
}
LONGEST_TAG_ID = 200
_DIGEST_DIGITS = 16


class WrongType(ValueError):
    """A value of a type that its field can't have; the message names the type alone."""


def kind(value: object) -> str:
    """The JSON name of a value's type."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    return "a list" if isinstance(value, list | tuple) else "an object"


def is_blank(value: object) -> bool:
    """Whether nothing is there: ``null`` or text of white space alone."""
    if value is None:
        return True
    return isinstance(value, str) and (not value or value.isspace())


def scrub(text: str) -> str:
    """``text`` with U+FFFD for each lone surrogate, which no encoder would take."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def scrub_tree(value: Any, depth: int = 0) -> Any:
    """A decoded JSON value with every text in it scrubbed; ``WrongType`` beyond 100 levels."""
    if depth > _DEEPEST:
        raise WrongType(f"is nested in over {_DEEPEST} levels")
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(str(key)): scrub_tree(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_tree(item, depth + 1) for item in value]
    return value


def text(value: Any) -> str | None:
    """Text as it stands; a number as its digits; ``None`` for blank."""
    if isinstance(value, str):
        return scrub(value) if value and not value.isspace() else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType(f"is {kind(value)}, expected text")
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    return f"{value:d}" if abs(value) < 10**_LONGEST_NUMBER else None


def number(value: Any) -> float | None:
    """A finite number, or the one amount that a text holds (``£40,000``, ``40k``); ``None`` for no number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WrongType(f"is {kind(value)}, expected a number")
    if isinstance(value, str):
        return _amount(value)
    return _finite(value)


def _amount(words: str) -> float | None:
    found = _AMOUNT.fullmatch(words.strip()) if len(words) <= _LONGEST_NUMBER else None
    if found is None:
        return None
    digits = float(re.sub("[ ,]", "", found[1]))
    return _finite(digits * 1000 if found[2] else digits)


def _finite(value: float) -> float | None:
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None


def flag(value: Any) -> bool | None:
    """``y``/``n``, ``true``/``false``, ``1``/``0`` or a boolean; ``None`` for any other word."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip().casefold())
    if isinstance(value, int | float):
        return _WORDS.get(str(value))
    raise WrongType(f"is {kind(value)}, expected y or n")


def record_id(value: Any) -> str:
    """A record's id as decimal digits; ``WrongType`` for anything but an integer or a decimal text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return str(int(value))
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return str(int(value))
    found = "text that is no decimal number" if isinstance(value, str) and value.strip() else kind(value)
    raise WrongType(f"is {'blank' if value == '' else found}, expected an id")


def reference(value: Any) -> str | None:
    """Another record's id; ``None`` where there is none (blank, zero or negative)."""
    if is_blank(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        return None
    if isinstance(value, str) and re.fullmatch(r"-\d{1,30}|0+", value.strip(), re.ASCII):
        return None
    return record_id(value)


def email(value: str | None) -> str | None:
    """An e-mail address, its domain in lower case; ``None`` for what is none."""
    if value is None or len(value) > _LONGEST_EMAIL:
        return None
    local, at, domain = value.rpartition("@")
    address = f"{local}{at}{domain.lower()}"
    return address if _EMAIL.fullmatch(address) else None


def instants(value: Any, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """The earliest and the latest moment, aware UTC, that a time of TrackerRMS may mean.

    It is tenant-local without a zone, so the hour that comes twice at the end of summer time has two
    readings; a time that names its zone has one. The year 1 (.NET's "no date") is ``None``.
    """
    local = _local(value)
    if local is None:
        return None
    both = _moment(local, zone), _moment(local.replace(fold=1), zone)
    return min(both), max(both)


def instant(value: Any, zone: tzinfo) -> datetime | None:
    """The moment, aware UTC: the first of the two in the hour that comes twice; in the hour that summer
    time skips, as if the clocks had not been moved yet (PEP 495's ``fold=0``)."""
    local = _local(value)
    return None if local is None else _moment(local, zone)


def _local(value: Any) -> datetime | None:
    """The time as it stands, with a zone only where it names one; a naive one has ``fold=0``."""
    if is_blank(value):
        return None
    if not isinstance(value, str):
        raise WrongType(f"is {kind(value)}, expected a time")
    try:
        local = datetime.fromisoformat(value.strip())
    except ValueError:
        raise WrongType("is text that is no time, expected a time") from None
    return local if local.year > 1 else None


def _moment(local: datetime, zone: tzinfo) -> datetime:
    """``fold`` says which offset counts near a change of the clocks: that from before it, or from after."""
    try:
        return (local if local.tzinfo is not None else local.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise WrongType("is a time out of range, expected a time") from None


def tags(value: str | None) -> tuple[str, ...]:
    """The distinct tags of a comma-separated text, in order. NUL is dropped: a tag's name is also its id."""
    names = (name.strip() for name in (value or "").replace("\0", "").split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def tag_id(name: str) -> str:
    """A tag's remote id: its name; a name over 200 characters is cut and ends in a digest of the whole."""
    if len(name) <= LONGEST_TAG_ID:
        return name
    digest = blake2b(name.encode(), digest_size=_DIGEST_DIGITS // 2).hexdigest()
    return f"{name[: LONGEST_TAG_ID - _DIGEST_DIGITS - 1]}~{digest}"


def split_name(full: str | None) -> tuple[str | None, str | None]:
    """First and last name of a full one, split at the first space."""
    first, _, last = (full or "").strip().partition(" ")
    return first or None, last.strip() or None


def linkedin_name(link: str) -> str | None:
    """The profile's name in a LinkedIn address: what follows ``/in/``."""
    found = re.search(r"/in/([^/?#\s]+)", link)
    return found[1] if found else None
