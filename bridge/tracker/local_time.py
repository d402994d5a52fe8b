"""Interprets times as an account means them: as local digits, as UTC, or in the zone they name. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from msgspec import Struct

from bridge.tracker import date_formats
from bridge.tracker.date_formats import DateFormat, WrittenTime
from bridge.tracker.values import WrongType

ZoneSetting = Literal["auto", "tenant", "utc", "offset"]
"""``auto``: digits without a zone are local, and a zone counts if both readings agree; ``tenant``: the digits
are local whatever zone they name; ``utc``: they are UTC; ``offset``: the zone counts if there is one."""
Precision = Literal["auto", "second", "minute", "day"]
"""The precision of times. ``auto``: what the text shows; otherwise at most the second, the minute or the day,
even if the text has more digits."""
_SPANS: Mapping[Precision, timedelta] = {
    "auto": timedelta(),
    "second": timedelta(),
    "minute": timedelta(minutes=1),
    "day": timedelta(days=1),
}
_TICK, _DAY, _NO_TIME = timedelta(microseconds=1), timedelta(days=1), timedelta()
_EPOCH = datetime.fromtimestamp(0, UTC)
_EPOCH_DIGITS = _EPOCH.replace(tzinfo=None)


class Clock(Struct, frozen=True, kw_only=True):
    """The form of an account's times: the tenant's zone, the format, the meaning of zones, and the
    precision."""

    zone: tzinfo
    date_format: DateFormat = "iso"
    times: ZoneSetting = "auto"
    precision: Precision = "auto"


def format_updated_after(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Format ``moment`` as the tenant's local digits, such as ``2026-10-25T00:30:00Z``. The ``Z`` has no
    meaning.

    If clocks went back between then and now, records updated since may have digits from before ``moment``.
    The size of the change is subtracted so that none is missed; duplicates are harmless.
    """
    local = moment.astimezone(zone)
    then, since = local.utcoffset() or timedelta(), now.astimezone(zone).utcoffset() or timedelta()
    digits = local.replace(tzinfo=None, microsecond=0) - max(then - since, timedelta())
    return f"{digits.isoformat()}Z"


def updated_after_utc(moment: datetime) -> str:
    """Format ``moment`` for an account that compares in UTC (``updated_after_zone = "utc"``)."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def instants(value: Any, clock: Clock) -> tuple[datetime, datetime] | None:
    """Return the earliest and the latest moment, in aware UTC, that a time of TrackerRMS may mean.

    The hour that repeats at the end of summer time has two readings; a time whose zone counts has one. A time
    with only the minute or the day may mean any moment of it.

    Returns ``None`` if the time is absent. Raises ``WrongType`` if it is ambiguous or unreadable.
    """
    written = date_formats.parse_written_time(value, clock.date_format)
    if written is None:
        return None
    zone = _zone_of(written, clock)
    span = max(written.span, _SPANS[clock.precision])
    if not span and not _may_come_twice(written.digits, zone):
        moment = _moment(written.digits, zone)
        return moment, moment
    end = written.digits + span - _TICK if span else written.digits
    both = _moment(written.digits, zone), _moment(end.replace(fold=1), zone)
    return min(both), max(both)


def instant(value: Any, clock: Clock) -> datetime | None:
    """Return the moment in aware UTC: the first of the two in the hour that repeats.

    In the hour that summer time skips, clocks count as not moved yet (PEP 495's ``fold=0``).
    """
    written = date_formats.parse_written_time(value, clock.date_format)
    return None if written is None else _moment(written.digits, _zone_of(written, clock))


def _zone_of(written: WrittenTime, clock: Clock) -> tzinfo:
    match clock.times:
        case "tenant":
            return clock.zone
        case "utc":
            return UTC
        case "auto" if written.zone is not None and not written.counted:
            return _agreed(written, written.zone, clock)
        case "auto" | "offset":
            return written.zone or clock.zone


def _agreed(written: WrittenTime, named: tzinfo, clock: Clock) -> tzinfo:
    """Return the named zone if it agrees with local digits or is more than a ``Z``."""
    offset = written.digits.replace(tzinfo=named).utcoffset()
    if offset or offset == written.digits.replace(tzinfo=clock.zone).utcoffset():
        return named
    raise WrongType(
        'is a time in UTC whose digits may be UTC or local: set times = "tenant" if they are local, or '
        'times = "offset"'
    )


def _may_come_twice(digits: datetime, zone: tzinfo) -> bool:
    """Return true if clocks change within a day of that time."""
    return zone.utcoffset(digits - _DAY) != zone.utcoffset(digits + _DAY)


def _moment(digits: datetime, zone: tzinfo) -> datetime:
    """Convert digits to a moment. ``fold`` selects the offset before or after a change of the clocks."""
    # Equals ``digits.replace(tzinfo=zone).astimezone(UTC)`` at a third of the cost; it runs for every record.
    return _EPOCH + (digits - (zone.utcoffset(digits) or _NO_TIME) - _EPOCH_DIGITS)
