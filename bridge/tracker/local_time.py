"""Times as an account means and compares them: local digits, UTC, or the zone that is named. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from msgspec import Struct

from bridge.tracker import date_formats
from bridge.tracker.date_formats import DateFormat, WrittenTime
from bridge.tracker.values import WrongType

ZoneSetting = Literal["auto", "tenant", "utc", "offset"]
"""``auto``: local digits without a zone, and with one where both readings agree; ``tenant``: the digits are
local whatever zone they name; ``utc``: they are UTC; ``offset``: the zone counts where one is named."""
Precision = Literal["auto", "second", "minute", "day"]
"""What a time tells: ``auto``: what its text shows; else no more than the second, the minute or the day,
though seconds stand there."""
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
    """How an account's times are read: the tenant's zone, the format, what the digits mean and tell."""

    zone: tzinfo
    date_format: DateFormat = "iso"
    times: ZoneSetting = "auto"
    precision: Precision = "auto"


def format_updated_after(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """``2026-10-25T00:30:00Z``: the tenant's local digits of ``moment``; the ``Z`` means nothing.

    When clocks went back between then and now, records updated since carry digits from before ``moment``:
    the size of the change is taken off, so that none is missed. Repeats are free.
    """
    local = moment.astimezone(zone)
    then, since = local.utcoffset() or timedelta(), now.astimezone(zone).utcoffset() or timedelta()
    digits = local.replace(tzinfo=None, microsecond=0) - max(then - since, timedelta())
    return f"{digits.isoformat()}Z"


def updated_after_utc(moment: datetime) -> str:
    """The same for an account that compares in UTC (``updated_after_zone = "utc"``)."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def instants(value: Any, clock: Clock) -> tuple[datetime, datetime] | None:
    """Return the earliest and the latest moment, aware UTC, that a time of TrackerRMS may mean.

    The hour that comes twice at the end of summer time has two readings; a time whose zone counts has one. A
    time that shows the minute or the day alone may mean any moment of it.
    ``None`` for what is absent. Raises ``WrongType`` for what can't be read without a guess.
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
    """Return the moment, aware UTC: the first of the two in the hour that comes twice.

    In the hour that summer time skips, it is as if the clocks had not been moved yet (PEP 495's ``fold=0``).
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
    """The zone that is named, where it says the same as local digits would, or is no mere ``Z``."""
    offset = written.digits.replace(tzinfo=named).utcoffset()
    if offset or offset == written.digits.replace(tzinfo=clock.zone).utcoffset():
        return named
    raise WrongType(
        "is a time that names UTC, and whether its digits are UTC or local is not known: "
        'set times = "tenant" where they are local, or times = "offset"'
    )


def _may_come_twice(digits: datetime, zone: tzinfo) -> bool:
    """Whether clocks are moved within a day of that time."""
    return zone.utcoffset(digits - _DAY) != zone.utcoffset(digits + _DAY)


def _moment(digits: datetime, zone: tzinfo) -> datetime:
    """``fold`` says which offset counts near a change of the clocks: that from before it, or from after."""
    # As ``digits.replace(tzinfo=zone).astimezone(UTC)``, at a third of its cost: it runs for every record.
    return _EPOCH + (digits - (zone.utcoffset(digits) or _NO_TIME) - _EPOCH_DIGITS)
