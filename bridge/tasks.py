"""Cancels tasks and waits until they have ended."""

import asyncio
from typing import Any

import structlog

_log = structlog.get_logger(__name__)
# Longer than a task needs to clean up, because a second cancellation interrupts the cleanup.
_AGAIN_SECONDS = 10.0


async def cancel_and_wait(
    *tasks: "asyncio.Task[Any]", raise_errors: bool = False, again_seconds: float = _AGAIN_SECONDS
) -> None:
    """Cancel ``tasks``, and return once all have ended. If the caller is canceled, end at once.

    A task that still runs after ``again_seconds`` is canceled again, because aiokafka loses a cancellation
    while it connects. An error that a task raises while it ends is logged and not raised, because the caller
    usually ends because of another error. With ``raise_errors`` the first error is raised instead, including
    that of a task that failed earlier.
    """
    running = {task for task in tasks if not task.done()}
    left = running
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again_seconds)
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is None:
            continue
        if raise_errors:
            raise error
        if task in running:
            _log.warning("task.cancel_failed", task=task.get_name(), exc_info=error)
