"""Calls that end at about the same time share a timer, and each of them ends."""

import asyncio

import pytest

from bridge.outbound.deadlines import Deadlines


async def wait(deadlines: Deadlines, when: float) -> None:
    """For what never comes, until then."""
    timeout = asyncio.timeout(None)
    ending = deadlines.at(when)
    try:
        async with timeout:
            ending.add(timeout)
            await asyncio.Event().wait()
    finally:
        ending.discard(timeout)


async def test_each_ends_and_not_before_its_time() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    when = deadlines.after(0.12)
    ended = await asyncio.gather(*(wait(deadlines, when) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in ended] == [TimeoutError] * 3
    # A timer of the loop may be a millisecond early.
    assert when - 0.002 <= loop.time() < when + 5


async def test_what_begins_after_its_time_ends_at_once() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    with pytest.raises(TimeoutError):
        await wait(deadlines, deadlines.after(0.0))
    with pytest.raises(TimeoutError):
        await wait(deadlines, deadlines.after(-1.0))


async def test_what_ended_by_itself_is_not_kept() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    when = deadlines.after(30.0)
    waiting = asyncio.create_task(wait(deadlines, when))
    await asyncio.sleep(0)
    assert len(deadlines.at(when)) == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not deadlines.at(when)
