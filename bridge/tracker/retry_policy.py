"""The limits and pauses for retrying a call. Pure."""

import random

from msgspec import Struct


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
    """How often one call renews a refused JWT. Another process may have superseded it."""
    renewal_pause_seconds: float = 0.25
    body_limit_bytes: int = 64 * 1024 * 1024

    def pause(self, attempt: int) -> float:
        """Return the pause after ``attempt`` (from 1), in seconds: doubling, jittered by half, capped."""
        whole: float = min(self.first_pause_seconds * 2 ** (attempt - 1), self.longest_pause_seconds)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 (spreads load; not for security)
