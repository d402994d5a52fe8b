"""When the other side asks to be left alone, and for how long. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_SECONDS = 3600.0
_NUMBER = re.compile(r"[0-9]{1,300}(\.[0-9]{0,300})?")


def parse_retry_after(
    headers: Mapping[str, str], now: datetime, longest_seconds: float = LONGEST_PAUSE_SECONDS
) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or an HTTP date; ``None`` where it says nothing."""
    said = headers.get("Retry-After", "").strip()
    if not said:
        return None
    if _NUMBER.fullmatch(said):
        return min(float(said), longest_seconds)
    moment = http_date(said)
    if moment is None:
        return None
    # An HTTP date is by the server's clock: measure against its own Date where it gives one.
    reference = http_date(headers.get("Date", "")) or now
    return min(max((moment - reference).total_seconds(), 0.0), longest_seconds)


def http_date(said: str) -> datetime | None:
    """An HTTP date as aware UTC; ``None`` for what is none."""
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
