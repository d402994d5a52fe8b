"""Cancelled tasks are waited for, however they take it, and what they raise is not lost."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bridge.tasks import cancel_and_wait
from tests.waiting import patient, until


async def fail_when_cancelled() -> None:
    """Raise an error on the way out."""
    try:
        await asyncio.Event().wait()
    finally:
        raise ValueError("on the way out")


async def started(*tasks: asyncio.Task[None]) -> None:
    """Let tasks begin, so that a cancellation meets them at work."""
    for _ in tasks:
        await asyncio.sleep(0)


async def test_all_have_ended_whether_they_ran_or_not() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    running = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]
    await cancel_and_wait(done, *running)
    assert all(task.cancelled() for task in running)
    await cancel_and_wait()


async def test_a_cancellation_that_is_lost_comes_again() -> None:
    lost = 0

    async def lose_two() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(lose_two())
    await started(task)
    async with asyncio.timeout(patient(10)):
        await cancel_and_wait(task, again_seconds=0.01)
    assert (task.cancelled(), lost) == (True, 2)


async def test_a_caller_that_is_cancelled_does_not_wait_on() -> None:
    release = asyncio.Event()

    async def clean_up_long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()

    task = asyncio.create_task(clean_up_long())
    await started(task)
    caller = asyncio.create_task(cancel_and_wait(task))
    await until(lambda: task.cancelling() > 0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not task.done()
    release.set()
    await asyncio.wait({task})


async def test_an_error_on_the_way_out_is_logged() -> None:
    task = asyncio.create_task(fail_when_cancelled(), name="one")
    await started(task)
    with capture_logs() as logs:
        await cancel_and_wait(task)
    assert [(line["event"], line["task"]) for line in logs] == [("task.cancel_failed", "one")]


async def test_an_error_on_the_way_out_is_raised_where_that_is_asked_for() -> None:
    task = asyncio.create_task(fail_when_cancelled())
    await started(task)
    with pytest.raises(ValueError, match="on the way out"):
        await cancel_and_wait(task, raise_errors=True)


async def test_an_error_from_before_is_raised_only_where_that_is_asked_for() -> None:
    async def fail() -> None:
        raise ValueError("before")

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    with capture_logs() as logs:
        await cancel_and_wait(task)
    assert logs == []
    with pytest.raises(ValueError, match="before"):
        await cancel_and_wait(task, raise_errors=True)
