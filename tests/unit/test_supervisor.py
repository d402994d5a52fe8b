import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from structlog.testing import capture_logs

from bridge.errors import BUG, ConfigError, EnvironmentFault, Fatal, LeaseLost, Transient
from bridge.runtime import supervisor
from tests.waiting import patient


async def until_stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def test_stages_that_return_end_the_process_well() -> None:
    async def returns(stop: asyncio.Event) -> None:
        pass

    assert await supervisor.supervise({"a": returns, "b": returns}) == 0


@pytest.mark.parametrize("error", [Transient("the store is away"), LeaseLost("another holds it")])
async def test_a_stage_that_can_go_on_later_is_started_again(error: Exception) -> None:
    starts = 0

    async def fails_twice(stop: asyncio.Event) -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise error

    with capture_logs() as lines:
        assert await supervisor.supervise({"a": fails_twice}) == 0
    assert starts == 3
    assert [line["reason"] for line in lines] == [str(error)] * 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("x.y: bad"), 2), (EnvironmentFault("gone"), 3), (Fatal("f"), 1), (KeyError("bug"), BUG)],
)
async def test_a_stage_that_cannot_go_on_ends_the_process_after_the_others_drained(
    error: Exception, code: int
) -> None:
    drained = False

    async def fails(stop: asyncio.Event) -> None:
        raise error

    async def drains(stop: asyncio.Event) -> None:
        nonlocal drained
        await stop.wait()
        drained = True

    with capture_logs() as lines:
        assert await supervisor.supervise({"a": fails, "b": drains}) == code
    assert drained
    assert [line["stage"] for line in lines if line["log_level"] == "error"] == ["a"]


async def test_a_stage_that_does_not_drain_is_cut_and_named() -> None:
    async def stubborn(stop: asyncio.Event) -> None:
        stop.set()
        await asyncio.Event().wait()

    with capture_logs() as lines:
        assert await supervisor.supervise({"stubborn": stubborn}, drain_seconds=0.05) == 0
    assert [line["stages"] for line in lines if line["event"] == "process.drain_cut"] == [["stubborn"]]


async def test_a_failure_while_draining_counts() -> None:
    async def fails_late(stop: asyncio.Event) -> None:
        stop.set()
        await asyncio.sleep(0)
        raise EnvironmentFault("gone")

    with capture_logs():
        assert await supervisor.supervise({"a": until_stopped, "b": fails_late}) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_ends_well(number: signal.Signals) -> None:
    async def signals_itself(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await stop.wait()

    with capture_logs() as lines:
        assert await supervisor.supervise({"a": signals_itself, "b": until_stopped}) == 0
    assert lines[0]["signal"] == number.name


async def test_cancelling_the_supervisor_leaves_no_stage_behind() -> None:
    ended = asyncio.Event()
    began = asyncio.Event()

    async def stage(stop: asyncio.Event) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    running = asyncio.create_task(supervisor.supervise({"a": stage}))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


def test_a_second_signal_ends_the_process_at_once() -> None:
    program = textwrap.dedent("""
        import asyncio, os, signal
        from bridge.runtime import supervisor
        async def stubborn(stop):
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        asyncio.run(supervisor.supervise({"stubborn": stubborn}, drain_seconds=300))
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program], timeout=patient(60), capture_output=True, check=False
    )
    assert ended.returncode == 128 + signal.SIGTERM


async def test_a_pause_ends_with_the_stop() -> None:
    stop = asyncio.Event()
    assert await supervisor.pause(stop, 0.001) is False
    stop.set()
    assert await asyncio.wait_for(supervisor.pause(stop, 300), patient(10)) is True
