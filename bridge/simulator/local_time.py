"""Tenant-local digits: how TrackerRMS writes a time, and which instant it means."""

import re
from datetime import UTC, datetime, timedelta
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
        """Return the tenant's clock at ``instant`` (aware), in whole seconds, without a zone."""
        return instant.astimezone(self._zone).replace(tzinfo=None, microsecond=0)

    def digits(self, instant: datetime) -> str:
        """Return ``instant`` (aware) as TrackerRMS would write it."""
        return self.naive(instant).strftime(FORMAT)

    def offset(self, digits: str) -> timedelta:
        """Return the tenant's offset from UTC when its clock shows these digits."""
        return datetime.fromisoformat(digits).replace(tzinfo=self._zone).utcoffset() or timedelta()

    def moment(self, digits: object) -> tuple[datetime, datetime] | None:
        """Return the tenant's clock and the same instant (aware), or ``None`` for other text. A ``Z`` means
        UTC."""
        if not isinstance(digits, str) or not _DIGITS.match(digits.removesuffix("Z")):
            return None
        try:
            local = datetime.fromisoformat(digits.removesuffix("Z"))
        except ValueError:
            return None
        if digits.endswith("Z"):
            instant = local.replace(tzinfo=UTC).astimezone(self._zone)
            return instant.replace(tzinfo=None), instant
        return local, local.replace(tzinfo=self._zone)

    def _utc(self, digits: object) -> str | None:
        """Return ISO 8601 UTC with milliseconds and ``Z``; ``None`` for blank or other text."""
        if not isinstance(digits, str) or not _DIGITS.match(digits):
            return None
        try:
            local = datetime.fromisoformat(digits)
        except ValueError:
            return None
        instant = local.replace(tzinfo=self._zone).astimezone(UTC)
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def search_key(text: str) -> str:
    """Return the digits that ``updatedAfter`` compares with: a date means its midnight, a ``Z`` is ignored.

    Raises ValueError if ``text`` is not a date or time.
    """
    return datetime.fromisoformat(text.strip().removesuffix("Z").replace(" ", "T")).strftime(FORMAT)
