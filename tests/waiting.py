"""Wait for a condition, with a deadline: what the tests do where others sleep.

Every deadline of the suite is the time that a quiet machine may need, times ``BRIDGE_TEST_PATIENCE``. A
deadline that is not reached costs nothing, so the default is generous.
"""

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable

PATIENCE = float(os.environ.get("BRIDGE_TEST_PATIENCE") or 4)


def patient(seconds: float) -> float:
    """Return the deadline, in seconds, for what a quiet machine does within ``seconds``."""
    return seconds * PATIENCE


async def cut_off(*tasks: asyncio.Task[int]) -> None:
    """Cancel tasks until they have ended: aiokafka loses a cancellation that comes while it connects."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=20)
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 30.0) -> None:
    """Return as soon as ``condition`` holds; raise ``TimeoutError`` after ``patient(seconds)``."""
    async with asyncio.timeout(patient(seconds)):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(0.01)
