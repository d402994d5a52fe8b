"""Heartbeats of the stages of one process: the state of each stage, and when it last made progress.

The supervisor enters every stage here and records when it backs off. A loop calls ``beat`` once per round. A
stage that waits for a lease or for another system beats too, so only a stuck stage stops beating.
"""

import asyncio
import time
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from bridge.tasks import cancel_and_wait

T = TypeVar("T")
StageState = Literal["starting", "running", "standing by", "backing off", "ended"]
LeaseState = Literal["held", "standby"]
# A loop beats every few seconds. The longest steps, with every call at its limit and retried, take minutes;
# no outage makes them longer than this. A longer silence means a stuck stage: the probe restarts the process.
SILENT_SECONDS = 1800.0
_BEAT_SECONDS = 2.0


class Pulse:
    """Heartbeat of one stage: ``state``, a ``reason`` for people, the time of its last beat, and ``leases``,
    which it holds or waits for."""

    def __init__(self) -> None:
        self.state: StageState = "starting"
        self.reason = ""
        self.leases: dict[str, LeaseState] = {}
        self._beat_at = time.monotonic()

    def say(self, state: StageState, reason: str = "") -> None:
        """Set the stage's state. Counts as a beat."""
        self.state, self.reason = state, reason
        if state in ("backing off", "ended"):
            self.leases.clear()
        self._beat_at = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """Return the seconds since the last beat; 0 once the stage has ended."""
        return 0.0 if self.state == "ended" else time.monotonic() - self._beat_at


class Roster:
    """The stages of one process, by name."""

    def __init__(self) -> None:
        self.pulses: dict[str, Pulse] = {}

    def enter(self, name: str) -> Pulse:
        """Start the pulse of a stage. Tasks that the caller's task starts beat for it."""
        pulse = self.pulses[name] = Pulse()
        _own.set(pulse)
        return pulse

    def stuck(self, silent_seconds: float = SILENT_SECONDS) -> dict[str, str]:
        """Return the stages without a beat for ``silent_seconds``, with a message. Only a restart helps."""
        return {
            name: f"no sign of life for {pulse.silent_seconds:.0f} s"
            for name, pulse in self.pulses.items()
            if pulse.silent_seconds > silent_seconds
        }


# Tasks inherit the context of the task that starts them, so no stage has to pass its pulse around.
_own: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def beat() -> None:
    """Record that the current stage makes progress."""
    pulse = _own.get()
    if pulse is not None:
        pulse.say("running")


async def beating(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` and beat meanwhile, as it may wait for another system without a time limit."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            beat()
            await asyncio.wait({task}, timeout=_BEAT_SECONDS)
    finally:
        await cancel_and_wait(task)
    return task.result()


def note_standby(lease: str) -> None:
    """Record that the current stage is healthy and waits for ``lease``."""
    pulse = _own.get()
    if pulse is not None:
        pulse.say("standing by", f"another process holds the lease {lease}")
        pulse.leases[lease] = "standby"


def note_lease_held(lease: str) -> None:
    """Record that the current stage holds ``lease``, until ``note_lease_released``."""
    pulse = _own.get()
    if pulse is not None:
        pulse.leases[lease] = "held"


def note_lease_released(lease: str) -> None:
    """Record that the current stage no longer holds ``lease`` or waits for it."""
    pulse = _own.get()
    if pulse is not None:
        pulse.leases.pop(lease, None)
