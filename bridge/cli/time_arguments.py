"""Parses times on the command line: a relative time such as ``2h``, or an ISO date."""

import re
from datetime import UTC, datetime, timedelta

from bridge.clock import utc_now
from bridge.errors import ConfigError

HELP = "30m, 2h or 3d ago, or a time such as 2026-11-23T22:00:00Z."

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def past(option: str, text: str) -> datetime:
    """Return the time in UTC. A time without a zone is taken as UTC.

    Raises ``ConfigError`` for text that is not a time, and for a time before 2000 or in the future.
    """
    try:
        found = _read(text.strip())
    except (ValueError, OverflowError):
        raise ConfigError(f"{option} {text}: not a time; write {HELP}") from None
    if not datetime(2000, 1, 1, tzinfo=UTC) <= found <= utc_now():
        raise ConfigError(f"{option} {text}: not in the past; write {HELP}")
    return found


def _read(text: str) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago:
        return utc_now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
