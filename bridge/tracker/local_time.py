"""``updatedAfter`` as TrackerRMS compares it: digit for digit with the tenant's local time. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo


def updated_after(moment: datetime, now: datetime, zone: tzinfo) -> str:
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
