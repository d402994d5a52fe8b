"""Parses numbers as people write them: amounts with thousands separators, decimals, currencies and a ``k``.
Pure.

A text with two readings is not a number: ``40.000`` is forty thousand to some and forty to others.
"""

import math
import re
from typing import Any, Literal

from bridge.tracker.values import INVISIBLE, WrongType, kind

DecimalMark = Literal["auto", ".", ","]
"""``auto`` derives it from the amount if only one mark is possible."""

_LONGEST = 64
_AMOUNT = re.compile(
    r"(?P<before>[^\d.,+-]*)(?P<sign>[+-]?)[^\d.,+-]{0,4}(?P<digits>\d[\d., ]*\d|\d)(?P<after>[^\d]*)",
    re.ASCII,
)
# Thousands separators: spaces of any width, apostrophes.
_SPACES = str.maketrans(dict.fromkeys("'\u2019\u00a0\u2007\u2009\u202f", " "))
_THOUSANDS = frozenset({"k", "thousand"})
# Words that change the number before them. A currency may begin with k.
_MORE = re.compile(
    "m|mm|mn|mio|mil|mill|millions?|bn|billion|t|tsd|lacs?|lakhs?|lpa|cr|crore|k(?!(r|č|c|n|es|rw|zt|wd)$).*"
)


def number(value: Any, decimal_mark: DecimalMark = "auto") -> float | None:
    """Return a finite number, or the one amount in a text (``£40,000``, ``1 234,56``, ``40k``).

    Returns ``None`` if there is no number or it is ambiguous; ``is_doubtful_amount`` distinguishes these.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WrongType(f"is {kind(value)}, expected a number")
    return _amount(value, decimal_mark) if isinstance(value, str) else _finite(value)


def is_doubtful_amount(value: Any, decimal_mark: DecimalMark = "auto") -> bool:
    """Return true if a text holds digits but its number is ambiguous or unreadable."""
    return isinstance(value, str) and number(value, decimal_mark) is None and any(map(str.isdigit, value))


def _amount(words: str, decimal_mark: DecimalMark) -> float | None:
    if len(words) < _LONGEST and words.isascii() and words.isdigit():
        return float(words)
    found = _AMOUNT.fullmatch(words.strip(INVISIBLE).translate(_SPACES)) if len(words) <= _LONGEST else None
    if found is None or found["before"].rstrip().endswith("("):
        return None
    digits, factor = _plain(found["digits"], decimal_mark), _factor(found["after"])
    return None if digits is None or factor is None else _finite(float(found["sign"] + digits) * factor)


def _factor(after: str) -> int | None:
    """Return the factor that the words after a number imply; ``None`` if it is uncertain."""
    words = after.strip(INVISIBLE + "+").casefold()
    first = re.match(r"[^\W\d_]*", words)
    word = "" if first is None else first[0]
    if word in _THOUSANDS:
        return 1000
    return None if _MORE.fullmatch(word) or words.startswith("%") else 1


def _plain(digits: str, decimal_mark: DecimalMark) -> str | None:
    """Return the digits with a point as the decimal mark and no separators; ``None`` if they are
    ambiguous."""
    mark = _decimal_mark(digits) if decimal_mark == "auto" else decimal_mark
    if mark is None:
        return None
    whole, found, part = digits.partition(mark)
    between = set(whole) - set("0123456789")
    if part.strip("0123456789") or len(between) > 1 or not all(_is_grouped(whole, one) for one in between):
        return None
    whole = re.sub("[., ]", "", whole)
    return f"{whole}.{part}" if found else whole


def _decimal_mark(digits: str) -> Literal[".", ","] | None:
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return "." if digits.rindex(".") > digits.rindex(",") else ","
    if dots > 1:
        return ","
    if dots == 1 and _is_grouped(digits[digits.rfind(" ") + 1 :], "."):
        return None  # 40.000
    # After a single comma, three digits are thousands: the vendor writes money in the English style.
    return "," if commas == 1 and (" " in digits or not _is_grouped(digits, ",")) else "."


def _is_grouped(whole: str, mark: str) -> bool:
    first, *rest = whole.split(mark)
    return 1 <= len(first) <= 3 and first[0] != "0" and all(len(group) == 3 for group in rest)


def _finite(value: float) -> float | None:
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None
