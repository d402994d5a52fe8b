"""Counts the simulator's requests and limits their rate."""

from collections import Counter, deque
from datetime import datetime
from typing import Any

_WINDOW_SECONDS = 60.0


class CallLimiter:
    """Admits at most ``per_minute`` requests in any 60 seconds; 0 admits all.

    A refused request doesn't count (assumed). No token bucket: that allows up to twice as many within 60
    seconds, first its burst and then what has filled up since.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> float | None:
        """Admit a request and return ``None``, or return the seconds until one may pass."""
        while self._admitted and self._admitted[0] <= now - _WINDOW_SECONDS:
            self._admitted.popleft()
        if self.per_minute and len(self._admitted) >= self.per_minute:
            return self._admitted[0] + _WINDOW_SECONDS - now
        self._admitted.append(now)
        return None


class Calls:
    """Counts requests by method, path (ids become ``{id}``) and minute, and the most in any 60 seconds."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._received: deque[float] = deque()
        self._busiest = 0
        self._statuses: Counter[int] = Counter()

    def received(self, method: str, path: str, now: float, at: datetime) -> None:
        """Count a request. ``now`` is a monotonic time in seconds; ``at`` determines the minute."""
        place = "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
        self._counts[f"{method} {place}", at.strftime("%Y-%m-%dT%H:%MZ")] += 1
        self._received.append(now)
        while self._received[0] <= now - _WINDOW_SECONDS:
            self._received.popleft()
        self._busiest = max(self._busiest, len(self._received))

    def answered(self, status: int) -> None:
        """Count the status of an answer; 0 if it was cut off."""
        self._statuses[status] += 1

    def report(self) -> dict[str, Any]:
        """Return ``{"total", "max_in_60_seconds", "by_status", "by_path": {"POST /api/…": {minute:
        count}}}``."""
        by_path: dict[str, dict[str, int]] = {}
        for (path, minute), count in self._counts.items():
            by_path.setdefault(path, {})[minute] = count
        return {
            "total": sum(self._counts.values()),
            "max_in_60_seconds": self._busiest,
            "by_status": {str(status): count for status, count in self._statuses.items()},
            "by_path": by_path,
        }
