"""How often, how long and how patiently a call is tried. Pure."""

from msgspec import Struct

from bridge.retry import Backoff


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
        """Return the seconds before the attempt after ``attempt`` (from 1)."""
        return Backoff(self.first_pause_seconds, self.longest_pause_seconds).pause_after(attempt)
