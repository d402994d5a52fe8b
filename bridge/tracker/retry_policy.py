"""The limits and pauses for retrying a call. Pure."""

from msgspec import Struct

from bridge.retry import Backoff


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """The limits of one call, in seconds. Waiting for the budget does not count against
    ``deadline_seconds``."""

    connect_seconds: float = 10.0
    attempt_seconds: float = 60.0
    deadline_seconds: float = 180.0
    attempts: int = 5
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0
    throttled_pause_seconds: float = 10.0
    """The pause after a 429 without a duration."""
    renewals: int = 4
    """The number of times that one call renews a refused JWT. Another process may have superseded it."""
    renewal_pause_seconds: float = 0.25
    body_limit_bytes: int = 64 * 1024 * 1024

    def pause(self, attempt: int) -> float:
        """Return the pause after ``attempt`` (from 1), in seconds: doubling, jittered by half, capped."""
        return Backoff(self.first_pause_seconds, self.longest_pause_seconds).pause_after(attempt)
