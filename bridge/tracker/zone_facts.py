"""Determines the zone and precision of times from the times themselves. Pure.

A day that begins at midnight shows which clock wrote it: if the tenant's clock differs from UTC, local digits
are 00:00:00 and those of UTC 23:00:00 or similar. The newest update helps too, if one of the two readings is
in the future.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Literal

from msgspec import Struct

from bridge.tracker import date_formats
from bridge.tracker.date_formats import DateFormat, WrittenTime
from bridge.tracker.values import WrongType

ClockReading = Literal["tenant", "utc"]
_FEWEST, _FEWEST_COARSE = 3, 8
_AHEAD = timedelta(minutes=5)
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_MONTHS = range(1, 13)


class Midnights(Struct, frozen=True, kw_only=True):
    """Counts for the ``apart`` times at which the tenant's clock differs from UTC: how many begin a day by
    either clock."""

    apart: int
    local: int
    utc: int

    @property
    def reading(self) -> ClockReading | None:
        """Return the clock by which days begin at midnight; ``None`` if it is uncertain."""
        if self.local >= _FEWEST and not self.utc:
            return "tenant"
        return "utc" if self.utc >= _FEWEST and not self.local else None

    def __str__(self) -> str:
        return (
            f"of {self.apart} times off UTC {self.local} are at midnight by their digits, and {self.utc} "
            "are at the tenant's midnight if they are UTC"
        )


def readable_times(values: Iterable[Any], wanted: DateFormat) -> list[WrittenTime]:
    """Return the times that can be read and are not counts of seconds."""
    found = []
    for value in values:
        try:
            one = date_formats.parse_written_time(value, wanted)
        except WrongType:
            continue
        if one is not None and not one.counted:
            found.append(one)
    return found


def midnights(times: Iterable[WrittenTime], zone: tzinfo) -> Midnights:
    """Count the midnights among times whose digits may be local or UTC. Bare days do not count."""
    apart = {one.digits for one in times if one.span < _DAY and one.digits.replace(tzinfo=zone).utcoffset()}
    local = sum(digits.time() == time.min for digits in apart)
    utc = sum(_from_utc(digits, zone).time() == time.min for digits in apart)
    return Midnights(apart=len(apart), local=local, utc=utc)


def newest_reading(times: Iterable[WrittenTime], zone: tzinfo, now: datetime) -> ClockReading | None:
    """Return the clock by which the newest update is in the past, if by the other it is in the future."""
    last = max((one.digits for one in times if one.span < _DAY), default=None)
    if last is None:
        return None
    local_ahead = last.replace(tzinfo=zone) > now + _AHEAD
    utc_ahead = last.replace(tzinfo=UTC) > now + _AHEAD
    if local_ahead == utc_ahead:
        return None
    return "utc" if local_ahead else "tenant"


def is_always_at_utc(zone: tzinfo, year: int) -> bool:
    """Return true if a zone equals UTC throughout a year."""
    return not any(datetime(year, month, 1, tzinfo=zone).utcoffset() for month in _MONTHS)


def coarseness(
    times: Sequence[WrittenTime], others: Iterable[WrittenTime] = ()
) -> Literal["second", "minute", "day"] | None:
    """Return the precision of last updates, which occur at any second; ``None`` if there are too few.

    ``others``: the other times of the same records, which may show seconds too.
    """
    digits = {one.digits for one in times}
    if any(one.digits.second or one.digits.microsecond for one in (*times, *others)):
        return "second"
    spans = {one.span for one in times}
    shown = spans - {timedelta()}
    if not digits or (not shown and len(digits) < _FEWEST_COARSE):
        return None
    hours = {(one.hour, one.minute) for one in digits}
    return "day" if shown == {_DAY} or (not shown and hours == {(0, 0)}) else "minute"


def _from_utc(digits: datetime, zone: tzinfo) -> datetime:
    return digits.replace(tzinfo=UTC).astimezone(zone)
