"""Pauses before a retry: growing ones, and those that the other side asks for."""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_SECONDS = 3600.0
_NUMBER = re.compile(r"[0-9]{1,300}(\.[0-9]{0,300})?")


class Backoff:
    """Growing pauses: ``first_seconds``, then each twice the previous one, up to ``longest_seconds``.

    ``jitter`` is the random share of each pause, so that many clients do not return at the same time.
    """

    def __init__(self, first_seconds: float, longest_seconds: float, *, jitter: float = 0.5) -> None:
        self.failures = 0
        self._first = first_seconds
        self._longest = longest_seconds
        self._jitter = jitter

    def next(self) -> float:
        """Count another consecutive failure. Return the seconds to wait after it."""
        self.failures += 1
        return self.pause_after(self.failures)

    def reset(self) -> None:
        """Start with the first pause again."""
        self.failures = 0

    def pause_after(self, failures: int) -> float:
        """Return the seconds to wait after this number of consecutive failures, which the caller counts."""
        whole: float = min(self._first * 2.0 ** min(failures - 1, 60), self._longest)
        return whole * random.uniform(1 - self._jitter, 1)  # noqa: S311 (spreads load, hides nothing)


def parse_retry_after(
    headers: Mapping[str, str], now: datetime, longest_seconds: float = LONGEST_PAUSE_SECONDS
) -> float | None:
    """Return the seconds of ``Retry-After``, a number or an HTTP date; ``None`` if missing or invalid."""
    said = headers.get("Retry-After", "").strip()
    if not said:
        return None
    if _NUMBER.fullmatch(said):
        return min(float(said), longest_seconds)
    moment = http_date(said)
    if moment is None:
        return None
    # An HTTP date uses the server's clock, so it is compared with the server's own Date, if there is one.
    reference = http_date(headers.get("Date", "")) or now
    return min(max((moment - reference).total_seconds(), 0.0), longest_seconds)


def http_date(said: str) -> datetime | None:
    """Return an HTTP date as aware UTC; ``None`` if it is invalid."""
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
