"""The ends of many calls, kept by few timers.

Almost every call ends long before its deadline, and a timer of its own, made and cancelled, costs as much as
signing its body. So those that end within the same tenth of a second share one: a call may last that much
longer than it was given, never shorter.
"""

import asyncio
import math

_TICKS_A_SECOND = 10


class Deadlines:
    """Of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ending: dict[int, set[asyncio.Timeout]] = {}

    def after(self, seconds: float) -> float:
        """The time so long from now, by the loop's clock."""
        return self._loop.time() + seconds

    def at(self, when: float) -> set[asyncio.Timeout]:
        """The timeouts that end then, or at once where it has passed. A caller adds its own when it is
        entered, and discards it afterwards."""
        tick = math.ceil(when * _TICKS_A_SECOND)
        ending = self._ending.get(tick)
        if ending is None:
            ending = self._ending[tick] = set()
            self._loop.call_at(tick / _TICKS_A_SECOND, self._end, tick)
        return ending

    def _end(self, tick: int) -> None:
        now, late = self._loop.time(), self._ending.pop(tick)
        for timeout in late:
            timeout.reschedule(now)
