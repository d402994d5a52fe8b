"""Runs the stages of one process: restarts them after transient failures, drains on a signal, ends on a bug.

A stage is a coroutine function that takes the stop event and returns soon after it is set. The exception
that it raises decides what happens next. After ``Transient`` the stage restarts with back-off. After
``LeaseLost`` it restarts and waits for the lease itself. After ``Fatal`` or any other exception the other
stages drain and the process ends with the exit code of ``bridge.errors``. All state is in the store, so
ending is safe.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import TypeAlias

import structlog

from bridge.errors import BUG, OK, Fatal, LeaseLost, Transient
from bridge.retry import Backoff
from bridge.runtime import heartbeat
from bridge.runtime.heartbeat import Roster
from bridge.tasks import cancel_and_wait

_log = structlog.get_logger()

Stage: TypeAlias = Callable[[asyncio.Event], Awaitable[None]]

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 30.0
# A stage that ran this long has recovered: its next failure starts with the shortest pause again.
_RECOVERED_SECONDS = 60.0
_BEAT_SECONDS = 10.0


async def supervise(
    stages: Mapping[str, Stage],
    *,
    stop: asyncio.Event | None = None,
    drain_seconds: float = 10.0,
    roster: Roster | None = None,
    signals: Collection[signal.Signals] = ENDING_SIGNALS,
) -> int:
    """Run ``stages`` until all return, one fails for good, ``stop`` is set, or one of ``signals`` arrives.

    Then the remaining stages have ``drain_seconds`` to return before they are canceled. Return the exit
    code; the log has the reason, and ``roster`` shows the state of each stage. A second signal ends the
    process at once.
    """
    stop = stop or asyncio.Event()
    roster = roster or Roster()
    stopped = asyncio.create_task(stop.wait(), name="stop")
    tasks = {
        asyncio.create_task(_keep(name, stage, stop, roster), name=name) for name, stage in stages.items()
    }
    running = set(tasks)
    codes = [OK]
    try:
        with _signals(stop, signals):
            while running and not stop.is_set():
                done, _ = await asyncio.wait({*running, stopped}, return_when=asyncio.FIRST_COMPLETED)
                codes += [_exit_code(task) for task in running & done]
                running -= done
                if max(codes) != OK:
                    stop.set()
            await _drain(running, drain_seconds)
            codes += [_exit_code(task) for task in running]
        return max(codes)
    finally:
        await cancel_and_wait(stopped, *tasks)


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait ``seconds``, but not beyond ``stop``. Return true if ``stop`` was set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


async def stopped(stop: asyncio.Event) -> None:
    """Wait for ``stop`` and beat meanwhile: for a stage that has no loop of its own."""
    heartbeat.beat()
    while not await pause(stop, _BEAT_SECONDS):
        heartbeat.beat()


async def _keep(name: str, stage: Stage, stop: asyncio.Event, roster: Roster) -> None:
    pulse = roster.enter(name)
    backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
    while not stop.is_set():
        began_at = time.monotonic()
        try:
            await stage(stop)
            pulse.say("ended")
            return
        except LeaseLost as lost:
            backoff.reset()
            seconds = backoff.pause_after(1)
            pulse.say("backing off", str(lost))
            _log.warning("stage.lease_lost", stage=name, reason=str(lost))
        except Transient as problem:
            if time.monotonic() - began_at > _RECOVERED_SECONDS:
                backoff.reset()
            seconds = backoff.next()
            pulse.say("backing off", str(problem))
            _log.warning(
                "stage.interrupted", stage=name, reason=str(problem), again_in_seconds=round(seconds, 1)
            )
        await pause(stop, seconds)


async def _drain(running: set[asyncio.Task[None]], drain_seconds: float) -> None:
    if not running:
        return
    _log.info("process.draining", stages=sorted(task.get_name() for task in running))
    _, late = await asyncio.wait(running, timeout=drain_seconds)
    if late:
        _log.warning("process.drain_cut", stages=sorted(task.get_name() for task in late))
        await cancel_and_wait(*late)


def _exit_code(task: asyncio.Task[None]) -> int:
    """Return the exit code that a stage's end means for the process. Logs the reason, once."""
    error = None if task.cancelled() else task.exception()
    match error:
        case None:
            return OK
        case Fatal():
            _log.error("stage.failed", stage=task.get_name(), reason=str(error))
            return error.exit_code
        case _:
            _log.error("stage.crashed", stage=task.get_name(), exc_info=error)
            return BUG


@contextlib.contextmanager
def _signals(stop: asyncio.Event, signals: Collection[signal.Signals]) -> Iterator[None]:
    """Set ``stop`` on the first of ``signals``; end the process at once on the second."""
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        _log.info("process.stop_requested", signal=number.name)
        stop.set()

    for number in signals:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
