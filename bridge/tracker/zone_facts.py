"""What times show of their own zone and precision. Pure.

A day that begins at midnight tells which clock wrote it: where the tenant's clock differs from UTC, local
digits read 00:00:00 then, and UTC's 23:00:00 or the like. The newest update tells as well, where one of the
two readings lies in the future.
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
    """Of ``apart`` times at which the tenant's clock is not at UTC: how many begin a day by either clock."""

    apart: int
    local: int
    utc: int

    @property
    def reading(self) -> ClockReading | None:
        """By which clock days begin at midnight; ``None`` where that is not sure."""
        if self.local >= _FEWEST and not self.utc:
            return "tenant"
        return "utc" if self.utc >= _FEWEST and not self.local else None

    def __str__(self) -> str:
        return (
            f"of {self.apart} times off UTC {self.local} are at midnight by their digits, and {self.utc} are "
            "at the tenant's midnight if they are UTC"
        )


def readable_times(values: Iterable[Any], wanted: DateFormat) -> list[WrittenTime]:
    """Return the times that can be read and are no counts of seconds."""
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
    """Count the midnights among times whose digits may be local or UTC; a bare day says nothing."""
    apart = {one.digits for one in times if one.span < _DAY and one.digits.replace(tzinfo=zone).utcoffset()}
    local = sum(digits.time() == time.min for digits in apart)
    utc = sum(_from_utc(digits, zone).time() == time.min for digits in apart)
    return Midnights(apart=len(apart), local=local, utc=utc)


def newest_reading(times: Iterable[WrittenTime], zone: tzinfo, now: datetime) -> ClockReading | None:
    """Return by which clock the newest update has happened already, where by the other it has not."""
    last = max((one.digits for one in times if one.span < _DAY), default=None)
    if last is None:
        return None
    local_ahead = last.replace(tzinfo=zone) > now + _AHEAD
    utc_ahead = last.replace(tzinfo=UTC) > now + _AHEAD
    if local_ahead == utc_ahead:
        return None
    return "utc" if local_ahead else "tenant"


def is_always_at_utc(zone: tzinfo, year: int) -> bool:
    """Return whether a zone has UTC's clock all through a year."""
    return not any(datetime(year, month, 1, tzinfo=zone).utcoffset() for month in _MONTHS)


def coarseness(
    times: Sequence[WrittenTime], others: Iterable[WrittenTime] = ()
) -> Literal["second", "minute", "day"] | None:
    """Return how exact last updates are, which come at any second; ``None``: they are too few to tell.

    ``others``: the other times of the same records, in which a second may be told as well.
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
