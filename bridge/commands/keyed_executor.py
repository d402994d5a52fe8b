"""Keyed executor: items with the same key run in order, all others in parallel."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from bridge.tasks import cancel_and_wait

T = TypeVar("T")


class KeyedExecutor(Generic[T]):
    """Runs ``work`` for each item; items of one lane run in the order of their arrival.

    ``failed`` gets the first exception. Its lane runs nothing more.
    """

    def __init__(self, work: Callable[[T], Awaitable[None]]) -> None:
        self._work = work
        self._queues: dict[Hashable, deque[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, lane: Hashable | None, item: T) -> None:
        """Run ``item`` after the earlier ones of its lane. With ``None`` it gets its own lane."""
        key = object() if lane is None else lane
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(item)
            return
        self._queues[key] = deque([item])
        task = asyncio.create_task(self._run(key), name="command lane")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def drain(self) -> None:
        """Wait until nothing runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel everything that runs."""
        await cancel_and_wait(*self._tasks)

    async def _run(self, key: Hashable) -> None:
        queue = self._queues[key]
        while queue:
            await self._work(queue[0])
            queue.popleft()
        del self._queues[key]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        # Retrieve the error even after an earlier one: asyncio logs errors that are never retrieved.
        error = task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)
