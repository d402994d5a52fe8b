"""The present in UTC, moments in the precision of events, and Kafka's count of milliseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """Return the present, aware of its zone."""
    return datetime.now(UTC)


def event_time() -> datetime:
    """Return the present in whole milliseconds, which every consumer's clock type can hold."""
    return whole_milliseconds(utc_now())


def whole_milliseconds(moment: datetime) -> datetime:
    """Return the moment, cut to milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_milliseconds(moment: datetime) -> int:
    """Return how many whole milliseconds after 1970 an aware moment is; 0 where it is before."""
    return max(0, (moment - _EPOCH) // _MILLISECOND)


def from_milliseconds(count: int) -> datetime:
    """Return the moment so many milliseconds after 1970, in UTC; 1970 for -1, a record without a time."""
    return _EPOCH + max(0, count) * _MILLISECOND
