"""Change that goes on by itself, at a pace that can be altered while it does."""

import asyncio
from collections.abc import Callable
from random import Random

from bridge.tasks import cancel_and_wait


class ChangePace:
    """Makes a change ``per_minute`` times a minute, at random moments; 0 makes none."""

    def __init__(self, change: Callable[[Random], None], rng: Random, per_minute: float) -> None:
        self._change, self._rng, self._per_minute = change, rng, per_minute
        self._altered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def per_minute(self) -> float:
        """Changes in a minute, on average."""
        return self._per_minute

    def set(self, per_minute: float) -> None:
        """Alter the pace at once."""
        self._per_minute = per_minute
        self._altered.set()

    def start(self) -> None:
        """Begin. Needs a running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End; raises what a change raised, if one failed."""
        if self._task is not None:
            await cancel_and_wait(self._task, raise_errors=True)

    async def _run(self) -> None:
        while True:
            self._altered.clear()
            wait = self._rng.expovariate(self._per_minute / 60) if self._per_minute > 0 else None
            try:
                async with asyncio.timeout(wait):
                    await self._altered.wait()
            except TimeoutError:
                self._change(self._rng)
