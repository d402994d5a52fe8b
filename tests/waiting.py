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


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 30.0) -> None:
    """Return as soon as ``condition`` holds; raise ``TimeoutError`` after ``patient(seconds)``."""
    async with asyncio.timeout(patient(seconds)):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(0.01)
