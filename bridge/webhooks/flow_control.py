"""How much an endpoint is given at a time: a window that success opens and failure closes. Pure.

**The window** is the number of attempts under way at once. It begins small, grows by one with each success
and halves with each failure, so a hundred endpoints that hang hold few connections. **The breaker** opens
after so many failures in a row: then one attempt is let through when its pause is over, and what comes of
it closes the breaker or opens it for twice as long.
"""

from msgspec import Struct

from bridge.retry import Backoff


class FlowLimits(Struct, frozen=True, kw_only=True):
    """``most``: attempts at once; ``failures`` in a row open the breaker, for ``first_seconds`` at first."""

    most: int
    failures: int
    first_seconds: float
    longest_seconds: float
    start: int = 4


class FlowControl:
    """Of one endpoint, in one process. Times are seconds of a clock that never jumps."""

    def __init__(self, limits: FlowLimits) -> None:
        self._limits = limits
        self._width = float(min(limits.start, limits.most))
        self._in_a_row = 0
        self._pauses = Backoff(limits.first_seconds, limits.longest_seconds, jitter=0)
        self._opens_again_at = 0.0
        self._held_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether so many attempts failed in a row that only a trial is let through, now and then."""
        return self._in_a_row >= self._limits.failures

    def state(self, now: float) -> str:
        """``open``, ``held`` while the endpoint asked for patience, or ``closed``."""
        if self.is_open:
            return "open"
        return "held" if now < self._held_until else "closed"

    def room(self, now: float, in_flight: int) -> int:
        """How many attempts may begin now, besides those ``in_flight``."""
        if now < self._held_until:
            return 0
        if self.is_open:
            return 1 if in_flight == 0 and now >= self._opens_again_at else 0
        return max(0, int(self._width) - in_flight)

    def closed_for(self, now: float) -> float:
        """Seconds until anything may be tried; 0 when it may be now."""
        waits = self._opens_again_at if self.is_open else 0.0
        return max(0.0, waits - now, self._held_until - now)

    def hold(self, until: float) -> None:
        """The endpoint asked for patience until then."""
        self._held_until = max(self._held_until, until)

    def succeeded(self) -> None:
        """An attempt was answered as it should be."""
        self._in_a_row = 0
        self._pauses.reset()
        self._width = min(float(self._limits.most), self._width + 1)

    def failed(self, now: float) -> bool:
        """An attempt failed; whether that opened the breaker."""
        was_open = self.is_open
        self._in_a_row += 1
        self._width = max(1.0, self._width / 2)
        if not self.is_open:
            return False
        self._opens_again_at = now + self._pauses.next()
        return not was_open
