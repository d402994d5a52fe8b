"""Whether a record's last-updated time may be trusted to tell newer from older. Pure.

A late index shows a record as it was, so what is older than known is not believed. But time itself can go
back: a date in the future, an account restored from a backup, a corrected ``time_zone``. None of them may
freeze a record.
"""

from datetime import datetime, timedelta

from bridge.store.stored_records import RowState

SKEW = timedelta(minutes=5)
"""What lies further ahead of TrackerRMS's own clock is no time of an update."""
LAG_MARGIN = 1.25
LONGEST_LAG = timedelta(hours=24)
_SECOND = timedelta(seconds=1)


def is_comparable(stored: RowState, dating: int | None, now: datetime) -> bool:
    """Whether the stored version says anything of what is older: it was made the same way, and has come."""
    if stored.gone or stored.version is None:
        return False
    return stored.dating in (None, dating) and stored.version <= now + SKEW


def is_older(stored: RowState, latest: datetime | None, dating: int | None, now: datetime) -> bool:
    """Whether what may mean ``latest`` at most is older than what is stored."""
    if latest is None or stored.version is None or not is_comparable(stored, dating, now):
        return False
    return latest < stored.version


def is_later(
    stored: RowState, version: tuple[datetime, datetime] | None, dating: int | None, now: datetime
) -> bool:
    """Whether a version, by the earliest moment that it may mean, is newer than what is stored."""
    if version is None or stored.gone:
        return False
    if stored.version is None:
        return True
    return is_comparable(stored, dating, now) and version[0] > stored.version


def is_ahead(version: datetime, now: datetime) -> bool:
    """Whether the time lies in the future, further than clocks differ."""
    return version > now + SKEW


def kept(version: datetime, now: datetime) -> datetime:
    """The version to store: of one in the future the present second, so that the next change is newer."""
    return now.replace(microsecond=0) - _SECOND if is_ahead(version, now) else version


def outlived(stored: RowState, lag_seconds: float, now: datetime) -> bool:
    """Whether the stored version is so old that every index has to show it by now.

    ``lag_seconds``: how late the index ever was. What a list still shows as older then has gone back.
    """
    return stored.version is not None and now - stored.version > timedelta(seconds=lag_seconds * LAG_MARGIN)
