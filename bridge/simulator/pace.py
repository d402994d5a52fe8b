"""Random changes over time, at an adjustable pace."""

import asyncio
from collections.abc import Callable
from random import Random

from bridge.tasks import cancel_and_wait


class ChangePace:
    """Makes ``per_minute`` changes per minute, at random moments; 0 makes none."""

    def __init__(self, change: Callable[[Random], None], rng: Random, per_minute: float) -> None:
        self._change, self._rng, self._per_minute = change, rng, per_minute
        self._altered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def per_minute(self) -> float:
        """Return the average number of changes per minute."""
        return self._per_minute

    def set(self, per_minute: float) -> None:
        """Change the pace at once."""
        self._per_minute = per_minute
        self._altered.set()

    def start(self) -> None:
        """Start. Needs a running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop. Raises what a change raised, if one failed."""
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
