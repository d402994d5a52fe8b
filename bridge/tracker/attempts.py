"""How often, how long and how patiently a call is tried. Pure."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

LONGEST_PAUSE_SECONDS = 3600.0


class Patience(Struct, frozen=True, kw_only=True):
    """Limits of one call, in seconds. Waiting for the budget does not count against ``deadline_seconds``."""

    connect_seconds: float = 10.0
    attempt_seconds: float = 60.0
    deadline_seconds: float = 180.0
    attempts: int = 5
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0
    throttled_pause_seconds: float = 10.0
    """After a 429 that does not say how long."""
    renewals: int = 4
    """How often one call renews a JWT that was refused; another process may have superseded it."""
    renewal_pause_seconds: float = 0.25
    body_limit_bytes: int = 64 * 1024 * 1024

    def pause(self, attempt: int) -> float:
        """Seconds before the attempt after ``attempt`` (from 1): doubling, jittered by half, capped."""
        whole: float = min(self.first_pause_seconds * 2 ** (attempt - 1), self.longest_pause_seconds)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or an HTTP date; ``None`` where it says nothing."""
    said = headers.get("Retry-After", "").strip()
    if said.isdecimal() and len(said) < 10:
        return min(float(said), LONGEST_PAUSE_SECONDS)
    moment = http_date(said)
    if moment is None:
        return None
    # An HTTP date is by the server's clock: measure against its own Date where it gives one.
    reference = http_date(headers.get("Date", "")) or now
    return min(max((moment - reference).total_seconds(), 0.0), LONGEST_PAUSE_SECONDS)


def http_date(said: str) -> datetime | None:
    """An HTTP date as aware UTC; ``None`` for what is none."""
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
