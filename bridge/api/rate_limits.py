"""Request rate limits per token: one token bucket each, initially full and refilled evenly. Pure."""

import math


class RequestLimiter:
    """Token buckets of ``requests_per_minute`` each, by name."""

    def __init__(self, requests_per_minute: int) -> None:
        self._size = float(requests_per_minute)
        self._per_second = requests_per_minute / 60
        self._buckets: dict[str, tuple[float, float]] = {}

    def seconds_to_wait(self, name: str, now: float) -> int:
        """Take one token. Return 0 if there was one, else the seconds until the next, rounded up.

        ``now`` is a monotonic time.
        """
        level, at = self._buckets.get(name, (self._size, now))
        level = min(self._size, level + (now - at) * self._per_second)
        if level < 1:
            self._buckets[name] = (level, now)
            return max(1, math.ceil((1 - level) / self._per_second))
        self._buckets[name] = (level - 1, now)
        return 0
