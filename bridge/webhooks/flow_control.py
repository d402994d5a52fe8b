"""Limits the concurrent attempts to an endpoint: a window and a circuit breaker. Pure.

**The window** is the maximum number of attempts in flight. It starts small, grows by one after each success
and halves after each failure, so that a hundred endpoints that hang hold few connections. **The breaker**
opens after several consecutive failures. When its pause is over, it allows one trial attempt, whose outcome
closes the breaker or opens it for twice as long.
"""

from msgspec import Struct

from bridge.retry import Backoff


class FlowLimits(Struct, frozen=True, kw_only=True):
    """The limits. ``most``: attempts in flight. ``failures`` in a row open the breaker, at first for
    ``first_seconds``."""

    most: int
    failures: int
    first_seconds: float
    longest_seconds: float
    start: int = 4


class FlowControl:
    """The flow control of one endpoint in one process. Times are seconds of a clock that never jumps."""

    def __init__(self, limits: FlowLimits) -> None:
        self._limits = limits
        self._width = float(min(limits.start, limits.most))
        self._in_a_row = 0
        self._pauses = Backoff(limits.first_seconds, limits.longest_seconds, jitter=0)
        self._opens_again_at = 0.0
        self._held_until = 0.0

    @property
    def is_open(self) -> bool:
        """Return true if so many attempts failed in a row that only an occasional trial is allowed."""
        return self._in_a_row >= self._limits.failures

    def state(self, now: float) -> str:
        """Return ``open``, ``held`` (the endpoint asked to wait), or ``closed``."""
        if self.is_open:
            return "open"
        return "held" if now < self._held_until else "closed"

    def room(self, now: float, in_flight: int) -> int:
        """Return the number of attempts that may start now, besides those ``in_flight``."""
        if now < self._held_until:
            return 0
        if self.is_open:
            return 1 if in_flight == 0 and now >= self._opens_again_at else 0
        return max(0, int(self._width) - in_flight)

    def closed_for(self, now: float) -> float:
        """Return the seconds until an attempt is allowed; 0 if it is allowed now."""
        waits = self._opens_again_at if self.is_open else 0.0
        return max(0.0, waits - now, self._held_until - now)

    def hold(self, until: float) -> None:
        """Allow no attempt before ``until``, because the endpoint asked to wait."""
        self._held_until = max(self._held_until, until)

    def succeeded(self) -> None:
        """Record a successful attempt."""
        self._in_a_row = 0
        self._pauses.reset()
        self._width = min(float(self._limits.most), self._width + 1)

    def failed(self, now: float) -> bool:
        """Record a failed attempt. Return true if it opened the breaker."""
        was_open = self.is_open
        self._in_a_row += 1
        self._width = max(1.0, self._width / 2)
        if not self.is_open:
            return False
        self._opens_again_at = now + self._pauses.next()
        return not was_open
