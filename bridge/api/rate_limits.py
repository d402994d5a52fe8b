"""How many requests a token may make: a bucket for each. Pure."""

import math

from bridge.token_bucket import TokenBucket


class RequestLimiter:
    """Allows each name ``requests_per_minute``, and as many at once."""

    def __init__(self, requests_per_minute: int) -> None:
        self._per_minute = requests_per_minute
        self._buckets: dict[str, TokenBucket] = {}

    def seconds_to_wait(self, name: str, now: float) -> int:
        """Take one and return 0, or return the whole seconds until there is one. ``now``: a steady clock."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._per_minute / 60, burst=self._per_minute)
        return math.ceil(bucket.take(now))
