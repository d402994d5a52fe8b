"""Moments as people write them on a command line: ``2h`` ago, or an ISO date."""

import re
from datetime import UTC, datetime, timedelta

from bridge.clock import utc_now
from bridge.errors import ConfigError

HELP = "30m, 2h or 3d ago, or a moment such as 2026-11-23T22:00:00Z."

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def past(option: str, text: str) -> datetime:
    """The moment in UTC; one without a zone is taken for UTC.

    Raises ``ConfigError`` for what is none, for what is before 2000 and for what is still to come.
    """
    try:
        found = _read(text.strip())
    except (ValueError, OverflowError):
        raise ConfigError(f"{option} {text}: no moment; write {HELP}") from None
    if not datetime(2000, 1, 1, tzinfo=UTC) <= found <= utc_now():
        raise ConfigError(f"{option} {text}: is not in the past; write {HELP}")
    return found


def _read(text: str) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago:
        return utc_now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
