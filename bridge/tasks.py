"""Ending tasks: one way to cancel them and to wait until they have ended."""

import asyncio
from typing import Any

import structlog

_log = structlog.get_logger(__name__)
# Longer than a task needs to clean up, for a second cancellation cuts that short.
_AGAIN_SECONDS = 10.0


async def cancel_and_wait(
    *tasks: "asyncio.Task[Any]", raise_errors: bool = False, again_seconds: float = _AGAIN_SECONDS
) -> None:
    """Cancel ``tasks``, and return once all have ended. If the caller is canceled, end at once.

    A task that still runs after ``again_seconds`` is cancelled again: aiokafka loses a cancellation that
    comes while it connects. An error that a task raises on its way out is logged and not raised: the caller
    mostly leaves because of another one. With ``raise_errors`` the first error is raised instead, also that
    of a task that had failed before.
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
