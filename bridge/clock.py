"""The present in UTC, and moments in the precision of events."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present, aware of its zone."""
    return datetime.now(UTC)


def event_time() -> datetime:
    """Return the present in whole milliseconds, which every consumer's clock type can hold."""
    return whole_milliseconds(utc_now())


def whole_milliseconds(moment: datetime) -> datetime:
    """Return the moment, cut to milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
