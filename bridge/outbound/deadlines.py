"""Deadlines of many calls with few timers.

Almost every call ends long before its deadline. Creating and cancelling a timer for each costs as much as
signing its body. So calls that end within the same tenth of a second share a timer: a call may last up to
that much longer than its deadline, never shorter.
"""

import asyncio
import math

_TICKS_A_SECOND = 10


class Deadlines:
    """The deadlines of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ending: dict[int, set[asyncio.Timeout]] = {}

    def after(self, seconds: float) -> float:
        """Return the loop's time ``seconds`` from now."""
        return self._loop.time() + seconds

    def at(self, when: float) -> set[asyncio.Timeout]:
        """Return the set of timeouts that end at ``when``, or at once if it has passed.

        The caller adds its timeout when it enters it, and discards it afterwards.
        """
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
