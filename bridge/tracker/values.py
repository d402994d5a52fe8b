"""Plain values out of TrackerRMS's JSON: text, numbers, flags, ids, tags. Pure.

Each function takes what ``json`` decoded and gives a clean value or ``None`` where nothing is there; a
value of the wrong type is a ``WrongType`` that names the type and never the value.
"""

import math
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

_DEEPEST = 100
INVISIBLE = "".join(
    chr(code)
    for first, last in (
        # Controls and white space; letters without ink; zero-width ones and marks of direction.
        (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160),
        (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F),
        (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xFFF9, 0xFFFB),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""What can't be seen at the ends of a text, and is cut off there."""
_STANDS_FOR_NONE = re.compile(r"[-\u2010-\u2015]{1,3}|n/a", re.IGNORECASE)
"""What people and servers write where there is nothing."""
_BEGINS_TEXT = frozenset(map(chr, range(0x21, 0x7F))) - frozenset("-nN")
"""What only text that is there begins with."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECIMAL = re.compile(r"[0-9]{1,30}")
_LONGEST_NUMBER = 64
_WORDS = dict.fromkeys(("y", "yes", "true", "t", "1", "on"), True) | dict.fromkeys(
    ("n", "no", "false", "f", "0", "off"), False
)
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


def is_blank_text(value: object) -> bool:
    """Whether nothing is there: ``null``, text of invisible characters alone, or what stands for none."""
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    # This runs for every field of every record.
    if value[:1] in _BEGINS_TEXT:
        return False
    bare = value.strip(INVISIBLE)
    return not bare or _STANDS_FOR_NONE.fullmatch(bare) is not None


def scrub(text: str) -> str:
    """``clean_text`` with U+FFFD for each lone surrogate, which no encoder would take."""
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


def trimmed(value: str) -> str | None:
    """Text that is not blank, without invisible characters at its ends."""
    text = scrub(value)
    # Most text has nothing to cut off.
    whole = "!" <= text[0] <= "~" and "!" <= text[-1] <= "~"
    return text if whole else text.strip(INVISIBLE) or None


def clean_text(value: Any) -> str | None:
    """Text without invisible characters at its ends; a number as its digits; ``None`` for blank."""
    if isinstance(value, str):
        return None if is_blank_text(value) else trimmed(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType(f"is {kind(value)}, expected text")
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    return f"{value:d}" if abs(value) < 10**_LONGEST_NUMBER else None


def flag(value: Any) -> bool | None:
    """``y``/``n``, ``true``/``false``, ``1``/``0`` or a boolean; ``None`` for any other word."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip(INVISIBLE).casefold())
    if isinstance(value, int | float):
        return _WORDS.get(str(value))
    raise WrongType(f"is {kind(value)}, expected y or n")


def parse_record_id(value: Any) -> str:
    """A record's id as decimal digits; ``WrongType`` for anything but an integer or a decimal text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return str(int(value))
    digits = value.strip(INVISIBLE) if isinstance(value, str) else ""
    if _DECIMAL.fullmatch(digits):
        return str(int(digits))
    found = "text that is no decimal number" if digits else kind(value)
    raise WrongType(f"is {'blank' if value == '' else found}, expected an id")


def reference(value: Any) -> str | None:
    """Another record's id; ``None`` where there is none (blank, zero or negative)."""
    if is_blank_text(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        return None
    if isinstance(value, str) and re.fullmatch(r"-\d{1,30}|0+", value.strip(INVISIBLE), re.ASCII):
        return None
    return parse_record_id(value)


TagSeparator = Literal["auto", ",", ";", "|", "line"]
"""What parts the tags of a text. ``auto``: a comma; a text with another of these and no comma is doubtful."""
_TAG_MARKS: Mapping[TagSeparator, str] = {"auto": ",", "line": "\n"}
_OTHER_MARKS = re.compile(r"[;|\n]")
_NAMES_OF_TAGS = ("name", "tag", "text", "value")


def parse_tags(value: Any, separator: TagSeparator = "auto") -> tuple[str, ...]:
    """The distinct tags of a text or a list, in order. NUL is dropped: a tag's name is also its id."""
    if isinstance(value, list):
        found = [_tag(part) for part in value]
    else:
        found = (clean_text(value) or "").split(_TAG_MARKS.get(separator, str(separator)))
    names = [name.replace("\0", "").strip(INVISIBLE) for name in found]
    return tuple(dict.fromkeys([name for name in names if name]))


def is_doubtful_tags(value: Any) -> bool:
    """Whether a text may be several tags that something else than a comma parts."""
    if not isinstance(value, str) or "," in value:
        return False
    return _OTHER_MARKS.search(value.strip(INVISIBLE)) is not None


def _tag(value: Any) -> str:
    if isinstance(value, dict):
        value = next((value[key] for key in _NAMES_OF_TAGS if isinstance(value.get(key), str)), value)
    return clean_text(value) or ""


def tag_id(name: str) -> str:
    """A tag's remote id: its name; a name over 200 characters is cut and ends in a digest of the whole."""
    if len(name) <= LONGEST_TAG_ID:
        return name
    digest = blake2b(name.encode(), digest_size=_DIGEST_DIGITS // 2).hexdigest()
    return f"{name[: LONGEST_TAG_ID - _DIGEST_DIGITS - 1]}~{digest}"


def split_name(full: str | None) -> tuple[str | None, str | None]:
    """First and last name of a full one, split at the first space."""
    first, _, last = (full or "").strip(INVISIBLE).partition(" ")
    return first or None, last.strip() or None


def linkedin_name(link: str) -> str | None:
    """The profile's name in a LinkedIn address: what follows ``/in/``."""
    found = re.search(r"/in/([^/?#\s]+)", link)
    return found[1] if found else None
