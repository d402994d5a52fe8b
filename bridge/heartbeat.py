"""Signs of life of the stages of one process: what each is doing, and when it last moved.

The supervisor enters every stage here and says when it backs off; a loop calls ``beat`` once a round. A stage
that waits for a lease or for another system goes round too, so only one that is stuck falls silent.
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
# A loop goes round every few seconds. The longest steps, with every call at its longest and tried again,
# take minutes; no outage makes them longer than this. It is the last resort: who watches ends what is stuck.
SILENT_SECONDS = 1800.0
_BEAT_SECONDS = 2.0


class Pulse:
    """One stage's: ``state``, ``reason`` in words for a person, the moment of its last sign of life, and
    ``leases``, those that it holds or stands by for."""

    def __init__(self) -> None:
        self.state: StageState = "starting"
        self.reason = ""
        self.leases: dict[str, LeaseState] = {}
        self._beat_at = time.monotonic()

    def say(self, state: StageState, reason: str = "") -> None:
        """What it does now; a sign of life as well."""
        self.state, self.reason = state, reason
        if state in ("backing off", "ended"):
            self.leases.clear()
        self._beat_at = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """How long ago its last sign of life was; 0 once it has ended."""
        return 0.0 if self.state == "ended" else time.monotonic() - self._beat_at


class Roster:
    """The stages of one process, by name."""

    def __init__(self) -> None:
        self.pulses: dict[str, Pulse] = {}

    def enter(self, name: str) -> Pulse:
        """The pulse of a stage that begins; whatever its task starts beats for it."""
        pulse = self.pulses[name] = Pulse()
        _own.set(pulse)
        return pulse

    def stuck(self, silent_seconds: float = SILENT_SECONDS) -> dict[str, str]:
        """The stages that gave no sign of life for so long, and for how long: only a restart helps them."""
        return {
            name: f"no sign of life for {pulse.silent_seconds:.0f} s"
            for name, pulse in self.pulses.items()
            if pulse.silent_seconds > silent_seconds
        }


# Tasks inherit the context of the one that starts them, so no stage has to hand its pulse around.
_own: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def beat() -> None:
    """The stage that runs here moved on."""
    pulse = _own.get()
    if pulse is not None:
        pulse.say("running")


async def beating(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; while it waits for another system, with no limit of its own, the stage lives."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            beat()
            await asyncio.wait({task}, timeout=_BEAT_SECONDS)
    finally:
        await cancel_and_wait(task)
    return task.result()


def note_standby(lease: str) -> None:
    """The stage that runs here is well, and waits for its turn."""
    pulse = _own.get()
    if pulse is not None:
        pulse.say("standing by", f"another process holds the lease {lease}")
        pulse.leases[lease] = "standby"


def note_lease_held(lease: str) -> None:
    """The stage that runs here holds this lease, until ``note_lease_released``."""
    pulse = _own.get()
    if pulse is not None:
        pulse.leases[lease] = "held"


def note_lease_released(lease: str) -> None:
    """It does not hold it, or stand by for it, any more."""
    pulse = _own.get()
    if pulse is not None:
        pulse.leases.pop(lease, None)
