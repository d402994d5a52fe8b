"""A rate limit that allows bursts. Pure."""


class TokenBucket:
    """A bucket that fills evenly with ``per_second`` tokens, up to ``burst`` (default: those of one second,
    at least 1). It starts full. Times are seconds of a clock that never goes back."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self.per_second = per_second
        self._burst = max(1.0, per_second) if burst is None else burst
        self._tokens = self._burst
        self._filled_at: float | None = None

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        # A millionth less is enough, because of rounding errors.
        if self._tokens >= 1 - 1e-6:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.per_second
