"""The current time in UTC, times in the precision of events, and Kafka's milliseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """Return the current time in UTC, timezone-aware."""
    return datetime.now(UTC)


def event_time() -> datetime:
    """Return the current time in whole milliseconds, which every consumer's time type can hold."""
    return whole_milliseconds(utc_now())


def whole_milliseconds(moment: datetime) -> datetime:
    """Return the time, truncated to milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_milliseconds(moment: datetime) -> int:
    """Return the whole milliseconds from 1970 to an aware time; 0 for earlier times."""
    return max(0, (moment - _EPOCH) // _MILLISECOND)


def from_milliseconds(count: int) -> datetime:
    """Return the UTC time ``count`` milliseconds after 1970; 1970 for -1, a record without a time."""
    return _EPOCH + max(0, count) * _MILLISECOND
