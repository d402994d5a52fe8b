"""Tenant-local digits: how TrackerRMS writes a time, and what instant is meant by it."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_DIGITS = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?\Z")
FORMAT = "%Y-%m-%dT%H:%M:%S"


class LocalTime:
    """Converts between instants and ``2026-10-01T09:14:00`` in one time zone.

    In the hour that autumn repeats, the digits mean the first pass (assumed: the digits don't say).
    """

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self.utc = lru_cache(maxsize=65536)(self._utc)

    def naive(self, instant: datetime) -> datetime:
        """The tenant's clock at ``instant`` (aware), whole seconds, without a zone."""
        return instant.astimezone(self._zone).replace(tzinfo=None, microsecond=0)

    def digits(self, instant: datetime) -> str:
        """``instant`` (aware) as TrackerRMS would write it."""
        return self.naive(instant).strftime(FORMAT)

    def _utc(self, digits: object) -> str | None:
        """ISO 8601 UTC with milliseconds and ``Z``; ``None`` for blank or what is no time."""
        if not isinstance(digits, str) or not _DIGITS.match(digits):
            return None
        try:
            local = datetime.fromisoformat(digits)
        except ValueError:
            return None
        instant = local.replace(tzinfo=self._zone).astimezone(UTC)
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def search_key(text: str) -> str:
    """The digits that ``updatedAfter`` compares with: a date means its midnight, a ``Z`` is ignored.

    Raises ValueError when ``text`` is no date or time.
    """
    return datetime.fromisoformat(text.strip().removesuffix("Z").replace(" ", "T")).strftime(FORMAT)
