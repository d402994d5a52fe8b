"""Counting requests: a budget that remembers how many it granted, for log lines and ``bridge status``."""

from contextvars import ContextVar

from bridge.runtime.account_ports import Lane, RequestBudget, flow


class _Count:
    """How many requests a piece of work was granted."""

    def __init__(self) -> None:
        self.requests = 0


_count: ContextVar[_Count | None] = ContextVar("requests of this piece of work", default=None)


def begin_work(name: str) -> None:
    """Count the requests of this task, and of the tasks that it starts, from 0, as a flow of their own."""
    _count.set(_Count())
    flow.set(name)


class Meter:
    """A ``RequestBudget`` that counts: ``spent`` is how many requests this process was granted through it."""

    def __init__(self, budget: RequestBudget) -> None:
        self._budget = budget
        self.spent = 0

    @property
    def here(self) -> int:
        """How many requests were granted since this task, or one that started it, began to count anew."""
        count = _count.get()
        return self.spent if count is None else count.requests

    async def acquire(self, lane: Lane) -> None:
        """As the budget's own."""
        await self._budget.acquire(lane)
        self.spent += 1
        count = _count.get()
        if count is not None:
            count.requests += 1

    async def pause(self, seconds: float, why: str) -> None:
        """As the budget's own."""
        await self._budget.pause(seconds, why)
