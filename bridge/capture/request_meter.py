"""Counts requests: a budget that records how many it granted, for log lines and ``bridge status``."""

from contextvars import ContextVar

from bridge.runtime.account_ports import Lane, RequestBudget, flow


class _Count:
    """The number of requests that were granted to a piece of work."""

    def __init__(self) -> None:
        self.requests = 0


_count: ContextVar[_Count | None] = ContextVar("requests of this piece of work", default=None)


def begin_work(name: str) -> None:
    """Count the requests of this task, and of the tasks that it starts, from 0, as a separate flow."""
    _count.set(_Count())
    flow.set(name)


class Meter:
    """A ``RequestBudget`` that counts. ``spent`` is the number of requests that it has granted here."""

    def __init__(self, budget: RequestBudget) -> None:
        self._budget = budget
        self.spent = 0

    @property
    def here(self) -> int:
        """Return the number of requests granted since ``begin_work`` in this task or one that started it."""
        count = _count.get()
        return self.spent if count is None else count.requests

    async def acquire(self, lane: Lane) -> None:
        """Wait for the budget, and count the request."""
        await self._budget.acquire(lane)
        self.spent += 1
        count = _count.get()
        if count is not None:
            count.requests += 1

    async def pause(self, seconds: float, why: str) -> None:
        """Pause the budget."""
        await self._budget.pause(seconds, why)
