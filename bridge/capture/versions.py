"""Decides whether a record's last-updated time can distinguish newer from older states. Pure.

A late index shows an old state, so a state older than the stored one is not believed. But time itself can go
back: a date in the future, an account restored from a backup, a corrected ``time_zone``. None of these may
freeze a record.
"""

from datetime import datetime, timedelta

from bridge.store.stored_records import RowState

SKEW = timedelta(minutes=5)
"""A time further ahead of TrackerRMS's own clock is not the time of an update."""
LAG_MARGIN = 1.25
LONGEST_LAG = timedelta(hours=24)
_SECOND = timedelta(seconds=1)


def is_comparable(stored: RowState, dating: int | None, now: datetime) -> bool:
    """Report whether the stored version can be compared: it was read in the same way, and is not ahead."""
    if stored.gone or stored.version is None:
        return False
    return stored.dating in (None, dating) and stored.version <= now + SKEW


def is_older(stored: RowState, latest: datetime | None, dating: int | None, now: datetime) -> bool:
    """Report whether a state of at most ``latest`` is older than the stored one."""
    if latest is None or stored.version is None or not is_comparable(stored, dating, now):
        return False
    return latest < stored.version


def is_later(
    stored: RowState, version: tuple[datetime, datetime] | None, dating: int | None, now: datetime
) -> bool:
    """Report whether a version is newer than the stored one even at its earliest meaning."""
    if version is None or stored.gone:
        return False
    if stored.version is None:
        return True
    return is_comparable(stored, dating, now) and version[0] > stored.version


def is_ahead(version: datetime, now: datetime) -> bool:
    """Report whether the time is in the future by more than clocks differ."""
    return version > now + SKEW


def kept(version: datetime, now: datetime) -> datetime:
    """Return the version to store: the present second for one in the future, so that later changes are
    newer."""
    return now.replace(microsecond=0) - _SECOND if is_ahead(version, now) else version


def outlived(stored: RowState, lag_seconds: float, now: datetime) -> bool:
    """Report whether the stored version is so old that every index must show it by now.

    ``lag_seconds``: the largest lag of the index. A state that is still listed as older then has gone back.
    """
    return stored.version is not None and now - stored.version > timedelta(seconds=lag_seconds * LAG_MARGIN)
