"""How long to wait before trying again: pauses that grow, and those that the other side asks for."""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_SECONDS = 3600.0
_NUMBER = re.compile(r"[0-9]{1,300}(\.[0-9]{0,300})?")


class Backoff:
    """Pauses that grow: ``first_seconds``, then each twice the one before, up to ``longest_seconds``.

    ``jitter`` is the share of each pause that is left to chance, so that many do not come back together.
    """

    def __init__(self, first_seconds: float, longest_seconds: float, *, jitter: float = 0.5) -> None:
        self.failures = 0
        self._first = first_seconds
        self._longest = longest_seconds
        self._jitter = jitter

    def next(self) -> float:
        """Count another failure in a row, and return the seconds to wait after it."""
        self.failures += 1
        return self.pause_after(self.failures)

    def reset(self) -> None:
        """Begin with the first pause again."""
        self.failures = 0

    def pause_after(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row (from 1); the count is the caller's."""
        whole: float = min(self._first * 2.0 ** min(failures - 1, 60), self._longest)
        return whole * random.uniform(1 - self._jitter, 1)  # noqa: S311 (spreads load, hides nothing)


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
