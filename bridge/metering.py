"""Counting requests: a budget that remembers how many it granted, for log lines and ``bridge status``."""

from bridge.credentials import Budget, Lane


class Meter:
    """A ``Budget`` that counts: ``spent`` is how many requests this process was granted through it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.spent = 0

    async def acquire(self, lane: Lane) -> None:
        """As the budget's own."""
        await self._budget.acquire(lane)
        self.spent += 1

    async def pause(self, seconds: float, why: str) -> None:
        """As the budget's own."""
        await self._budget.pause(seconds, why)
