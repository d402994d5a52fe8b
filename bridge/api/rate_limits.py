"""Request rate limits per token: one token bucket each, initially full and refilled evenly. Pure."""

import math

from bridge.token_bucket import TokenBucket


class RequestLimiter:
    """Token buckets of ``requests_per_minute`` each, by name."""

    def __init__(self, requests_per_minute: int) -> None:
        self._per_minute = requests_per_minute
        self._buckets: dict[str, TokenBucket] = {}

    def seconds_to_wait(self, name: str, now: float) -> int:
        """Take one token. Return 0 if there was one, else the seconds until the next, rounded up.

        ``now`` is a monotonic time.
        """
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._per_minute / 60, burst=self._per_minute)
        return math.ceil(bucket.take(now))
