"""The formats in which an account may write its dates. Pure.

Unambiguous text (year first, a month's name, ``/Date(…)/``, a day over 12) needs no setting. Other text that
does not fit ``date_format`` is rejected, never guessed. Placeholders of databases for a missing date count as
absent.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Literal, get_args

from msgspec import Struct

from bridge.tracker import values
from bridge.tracker.values import WrongType

DateFormat = Literal[
    "iso", "month-first", "day-first", "month-name", "ajax", "epoch-seconds", "epoch-milliseconds"
]
"""``iso``: year first, ``2026-11-04T09:14:00``; ``month-first``: ``11/04/2026 9:14 AM``; ``day-first``:
``04.11.2026 09:14``; ``month-name``: ``4 Nov 2026``; ``ajax``: ``/Date(1793783640000)/``; else a number."""
DATE_FORMATS: tuple[DateFormat, ...] = get_args(DateFormat)


class WrittenTime(Struct, frozen=True, kw_only=True):
    """A time as written: its digits and its zone, if it has one.

    ``counted``: it was a count of seconds, which is in UTC. ``span``: the part of the day that its digits
    omit.
    """

    digits: datetime
    zone: tzinfo | None = None
    counted: bool = False
    span: timedelta = timedelta()


def is_dated(value: Any) -> bool:
    """Return true if there is a date, readable or not."""
    if _is_nothing(value):
        return False
    for parse in _PARSERS.values():
        written = parse(value)
        if written is not None and _stands_for_none(written.digits):
            return False
    return True


def formats_that_fit(samples: Iterable[Any]) -> frozenset[DateFormat]:
    """Return the formats that read every sample of one field, without absent ones; all formats if there is no
    sample. ``11/04/2026`` by itself fits both ``month-first`` and ``day-first``."""
    dated = [sample for sample in samples if not _is_nothing(sample)]
    return frozenset(name for name, parse in _PARSERS.items() if all(parse(one) is not None for one in dated))


def says_itself(value: Any) -> bool:
    """Return true if a value is unambiguous, independent of ``date_format``."""
    return isinstance(value, str) and any(parse(value) is not None for parse in _PLAIN)


def parse_written_time(value: Any, wanted: DateFormat) -> WrittenTime | None:
    """Return a time as written; ``None`` if it is absent.

    Raises ``WrongType`` for ambiguous or unreadable values; its message names the formats that fit.
    """
    written = _PARSERS[wanted](value)
    if written is not None and _FIRST_YEAR < written.digits.year < _LAST_YEAR:
        return written  # the common case
    if _is_nothing(value):
        return None
    written = written or _proven(value, wanted)
    if written is None:
        raise WrongType(_refusal(value, wanted))
    return None if _stands_for_none(written.digits) else written


def _proven(value: Any, wanted: DateFormat) -> WrittenTime | None:
    """Return the reading of unambiguous text."""
    if not isinstance(value, str):
        return None
    for parse in _PLAIN:
        written = parse(value)
        if written is not None:
            return written
    month, day = _month_first(value), _day_first(value)
    if month is not None and day is not None:
        # 05/05/2026 is the same day either way; 00/00 and 01/01 of the year 1 are placeholders.
        return month if month == day else None
    if wanted in ("month-first", "day-first"):
        # It contradicts the setting by which others like it are read, so neither is certain.
        return None
    return month or day


def _refusal(value: Any, wanted: DateFormat) -> str:
    found = sorted(formats_that_fit([value]))
    kind = "text" if isinstance(value, str) else values.kind(value)
    fits = f"fits {' or '.join(found)}" if found else "fits no known format"
    return f'is {kind} that is not a time by date_format = "{wanted}" and {fits}: set date_format'


_NO_DIGITS = re.compile(r"[0\s/.:\-T+Z_]*|n/?a|none|null|nil", re.ASCII | re.IGNORECASE)


def _is_nothing(value: Any) -> bool:
    """Return true for blank, ``0``, ``0000-00-00T00:00:00``, ``__/__/____``, ``N/A`` and the like."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value == 0):
        return True
    return isinstance(value, str) and (values.is_blank_text(value) or _NO_DIGITS.fullmatch(value) is not None)


_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
# The first days of .NET and SQL Server, the zero of spreadsheets and of Unix, and the last day of
# smalldatetime, with a day on either side because zones sometimes shift them. From 9999 on, every day counts
# as .NET's last.
_ZEROS = (date(1900, 1, 1), date(1899, 12, 30), date(1970, 1, 1))
_LAST_SMALL = date(2079, 6, 6)
# No day between them is a placeholder.
_FIRST_YEAR, _LAST_YEAR = 1970, 2079


def _stands_for_none(digits: datetime) -> bool:
    if _FIRST_YEAR < digits.year < _LAST_YEAR:
        return False
    if digits.year <= 1753 or digits.year >= 9999:
        return True
    day = digits.date()
    return day == _LAST_SMALL or any(zero - _DAY <= day <= zero + _DAY for zero in _ZEROS)


_HOURS = (
    r"(?:[T\s,]+(?:at\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,:](?P<part>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_YEAR, _MONTH, _MONTH_DAY, _SEPARATOR = (
    r"(?P<year>\d{4})",
    r"(?P<month>\d{1,2})",
    r"(?P<day>\d{1,2})",
    r"(?P<sep>[-/.])",
)
_YEAR_FIRST = re.compile(f"{_YEAR}{_SEPARATOR}{_MONTH}(?P=sep){_MONTH_DAY}{_HOURS}", re.ASCII)
_MONTH_FIRST = re.compile(f"{_MONTH}{_SEPARATOR}{_MONTH_DAY}(?P=sep){_YEAR}{_HOURS}", re.ASCII)
_DAY_FIRST = re.compile(f"{_MONTH_DAY}{_SEPARATOR}{_MONTH}(?P=sep){_YEAR}{_HOURS}", re.ASCII)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2}))?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
_NAME = r"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_ORDINAL = f"{_MONTH_DAY}(?:st|nd|rd|th)?"
_NAMED = (
    re.compile(rf"{_WEEKDAY}{_ORDINAL}[\s-]+{_NAME},?[\s-]+{_YEAR}{_HOURS}", re.ASCII | re.IGNORECASE),
    re.compile(rf"{_WEEKDAY}{_NAME}\s+{_ORDINAL},?\s+{_YEAR}{_HOURS}", re.ASCII | re.IGNORECASE),
)
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_AJAX = re.compile(r"\\?/Date\((?P<ms>-?\d{1,18})(?:[+-]\d{4})?\)\\?/")
# The range of counts of seconds or milliseconds: 1990 to 2100, or .NET's first and last day.
_FIRST_SECOND, _LAST_SECOND = 631_152_000, 4_102_444_800
_FIRST_DAY, _LAST_DAY = -62_135_596_800, 253_402_300_799
_EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)


def _iso(value: Any) -> WrittenTime | None:
    if not isinstance(value, str):
        return None
    if len(value) == 19 and value[10] == "T":
        try:
            return WrittenTime(digits=datetime.fromisoformat(value))
        except ValueError:
            pass  # not in the fast format
    text = value.strip(values.INVISIBLE)
    return _fields(_YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text))


def _month_first(value: Any) -> WrittenTime | None:
    return _fields(_MONTH_FIRST.fullmatch(value.strip(values.INVISIBLE))) if isinstance(value, str) else None


def _day_first(value: Any) -> WrittenTime | None:
    return _fields(_DAY_FIRST.fullmatch(value.strip(values.INVISIBLE))) if isinstance(value, str) else None


def _month_name(value: Any) -> WrittenTime | None:
    if not isinstance(value, str):
        return None
    text = value.strip(values.INVISIBLE)
    return next((_fields(found) for found in (one.fullmatch(text) for one in _NAMED) if found), None)


def _ajax(value: Any) -> WrittenTime | None:
    found = _AJAX.fullmatch(value.strip(values.INVISIBLE)) if isinstance(value, str) else None
    return None if found is None else _counted(int(found["ms"]) / 1000)


def _seconds(value: Any) -> WrittenTime | None:
    count = _count(value)
    return _counted(count) if count is not None and _is_moment(count) else None


def _milliseconds(value: Any) -> WrittenTime | None:
    count = _count(value)
    return _counted(count / 1000) if count is not None and _is_moment(count / 1000) else None


def _count(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}(?:\.\d{1,9})?", value.strip(values.INVISIBLE)):
        return float(value.strip(values.INVISIBLE))
    counts = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**18
    return float(value) if counts else None


def _is_moment(seconds: float) -> bool:
    near_an_end = min(abs(seconds - end) for end in (_FIRST_DAY, _LAST_DAY)) <= _DAY.total_seconds()
    return near_an_end or _FIRST_SECOND <= seconds <= _LAST_SECOND


def _counted(seconds: float) -> WrittenTime:
    # Past either end of the calendar it is .NET's first or last day, shifted by a zone.
    seconds = min(max(seconds, _FIRST_DAY), _LAST_DAY)
    return WrittenTime(digits=_EPOCH + timedelta(seconds=seconds), zone=UTC, counted=True)


def _fields(found: re.Match[str] | None) -> WrittenTime | None:
    if found is None:
        return None
    parts: Mapping[str, str | None] = found.groupdict()
    name, part = parts.get("name"), parts.get("part")
    month = 1 + _MONTHS.index(name.lower()) if name else int(parts["month"] or 0)
    hour = _hour(int(parts["hour"] or 0), parts.get("half"))
    try:
        digits = datetime.combine(
            date(int(parts["year"] or 0), month, int(parts["day"] or 0)),
            time(hour, int(parts["minute"] or 0), int(parts["second"] or 0), _micros(part)),
        )
        return WrittenTime(digits=digits, zone=_zone(parts["zone"]), span=_span(parts))
    except ValueError:
        return None  # no such day, hour or zone


def _span(parts: Mapping[str, str | None]) -> timedelta:
    if parts["hour"] is None:
        return _DAY
    return _MINUTE if parts["second"] is None else timedelta()


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    # 13 PM is invalid; an hour past 23 is rejected.
    return hour % 12 + (12 if half[0] in "Pp" else 0) if 1 <= hour <= 12 else 99


def _micros(part: str | None) -> int:
    return int((part or "0")[:6].ljust(6, "0"))


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    if name[0] not in "+-":  # Z, UTC, GMT
        return UTC
    minutes = int(name[1:3]) * 60 + int(name[-2:])
    return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))


_PARSERS: Mapping[DateFormat, Callable[[Any], WrittenTime | None]] = {
    "iso": _iso,
    "month-first": _month_first,
    "day-first": _day_first,
    "month-name": _month_name,
    "ajax": _ajax,
    "epoch-seconds": _seconds,
    "epoch-milliseconds": _milliseconds,
}
_PLAIN = (_iso, _month_name, _ajax)
