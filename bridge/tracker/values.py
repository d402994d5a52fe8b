"""Extracts plain values from TrackerRMS's JSON: text, numbers, flags, ids, tags. Pure.

Each function takes what ``json`` decoded and returns a clean value, or ``None`` if there is none. A value of
the wrong type raises ``WrongType``, which names the type and never the value.
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
        # Control characters and white space, invisible letters, zero-width characters and direction marks.
        (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160),
        (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F),
        (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xFFF9, 0xFFFB),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""Invisible characters, which are trimmed from the ends of a text."""
_STANDS_FOR_NONE = re.compile(r"[-\u2010-\u2015]{1,3}|n/a", re.IGNORECASE)
"""Placeholders that people and servers write for an empty value."""
_BEGINS_TEXT = frozenset(map(chr, range(0x21, 0x7F))) - frozenset("-nN")
"""Characters that only real text begins with."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECIMAL = re.compile(r"[0-9]{1,30}")
_LONGEST_NUMBER = 64
_WORDS = dict.fromkeys(("y", "yes", "true", "t", "1", "on"), True) | dict.fromkeys(
    ("n", "no", "false", "f", "0", "off"), False
)
LONGEST_TAG_ID = 200
_DIGEST_DIGITS = 16


class WrongType(ValueError):
    """A value of a type that its field can't have. The message names only the type."""


def kind(value: object) -> str:
    """Return the JSON name of a value's type."""
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
    """Return true for ``null``, text of only invisible characters, or a placeholder."""
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
    """Replace each lone surrogate in a text with U+FFFD, because no encoder accepts them."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def scrub_tree(value: Any, depth: int = 0) -> Any:
    """Return a decoded JSON value with every text scrubbed. Raises ``WrongType`` beyond 100 levels."""
    if depth > _DEEPEST:
        raise WrongType(f"is nested in more than {_DEEPEST} levels")
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(str(key)): scrub_tree(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_tree(item, depth + 1) for item in value]
    return value


def trimmed(value: str) -> str | None:
    """Return text without invisible characters at its ends; ``None`` if it is blank."""
    text = scrub(value)
    # Most text needs no trimming.
    whole = "!" <= text[0] <= "~" and "!" <= text[-1] <= "~"
    return text if whole else text.strip(INVISIBLE) or None


def clean_text(value: Any) -> str | None:
    """Return text without invisible characters at its ends, or a number as its digits; ``None`` for blank."""
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
    """Parse ``y``/``n``, ``true``/``false``, ``1``/``0`` or a boolean; ``None`` for any other word."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip(INVISIBLE).casefold())
    if isinstance(value, int | float):
        return _WORDS.get(str(value))
    raise WrongType(f"is {kind(value)}, expected y or n")


def parse_record_id(value: Any) -> str:
    """Return a record's id as decimal digits. Raises ``WrongType`` for anything but an integer or a decimal
    text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return str(int(value))
    digits = value.strip(INVISIBLE) if isinstance(value, str) else ""
    if _DECIMAL.fullmatch(digits):
        return str(int(digits))
    found = "text that is not a decimal number" if digits else kind(value)
    raise WrongType(f"is {'blank' if value == '' else found}, expected an id")


def reference(value: Any) -> str | None:
    """Return another record's id; ``None`` if it is blank, zero or negative."""
    if is_blank_text(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        return None
    if isinstance(value, str) and re.fullmatch(r"-\d{1,30}|0+", value.strip(INVISIBLE), re.ASCII):
        return None
    return parse_record_id(value)


TagSeparator = Literal["auto", ",", ";", "|", "line"]
"""What separates the tags of a text. ``auto``: a comma; a text with another separator and no comma is
ambiguous."""
_TAG_MARKS: Mapping[TagSeparator, str] = {"auto": ",", "line": "\n"}
_OTHER_MARKS = re.compile(r"[;|\n]")
_NAMES_OF_TAGS = ("name", "tag", "text", "value")


def parse_tags(value: Any, separator: TagSeparator = "auto") -> tuple[str, ...]:
    """Return the distinct tags of a text or a list, in order. NUL is dropped, because a tag's name is also
    its id."""
    if isinstance(value, list):
        found = [_tag(part) for part in value]
    else:
        found = (clean_text(value) or "").split(_TAG_MARKS.get(separator, str(separator)))
    names = [name.replace("\0", "").strip(INVISIBLE) for name in found]
    return tuple(dict.fromkeys([name for name in names if name]))


def is_doubtful_tags(value: Any) -> bool:
    """Return true if a text may hold several tags with a separator other than a comma."""
    if not isinstance(value, str) or "," in value:
        return False
    return _OTHER_MARKS.search(value.strip(INVISIBLE)) is not None


def _tag(value: Any) -> str:
    if isinstance(value, dict):
        value = next((value[key] for key in _NAMES_OF_TAGS if isinstance(value.get(key), str)), value)
    return clean_text(value) or ""


def tag_id(name: str) -> str:
    """Return a tag's remote id: its name, shortened to 200 characters with a digest of the whole name."""
    if len(name) <= LONGEST_TAG_ID:
        return name
    digest = blake2b(name.encode(), digest_size=_DIGEST_DIGITS // 2).hexdigest()
    return f"{name[: LONGEST_TAG_ID - _DIGEST_DIGITS - 1]}~{digest}"


def split_name(full: str | None) -> tuple[str | None, str | None]:
    """Split a full name at the first space into first and last name."""
    first, _, last = (full or "").strip(INVISIBLE).partition(" ")
    return first or None, last.strip() or None


def linkedin_name(link: str) -> str | None:
    """Return the profile's name in a LinkedIn URL: what follows ``/in/``."""
    found = re.search(r"/in/([^/?#\s]+)", link)
    return found[1] if found else None
