"""How often, how long and how patiently a call is tried. Pure."""

import random

from msgspec import Struct


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Limits of one call, in seconds. Waiting for the budget does not count against ``deadline_seconds``."""

    connect_seconds: float = 10.0
    attempt_seconds: float = 60.0
    deadline_seconds: float = 180.0
    attempts: int = 5
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0
    throttled_pause_seconds: float = 10.0
    """After a 429 that does not say how long."""
    renewals: int = 4
    """How often one call renews a JWT that was refused; another process may have superseded it."""
    renewal_pause_seconds: float = 0.25
    body_limit_bytes: int = 64 * 1024 * 1024

    def pause(self, attempt: int) -> float:
        """Seconds before the attempt after ``attempt`` (from 1): doubling, jittered by half, capped."""
        whole: float = min(self.first_pause_seconds * 2 ** (attempt - 1), self.longest_pause_seconds)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
