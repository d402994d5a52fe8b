"""Signs of life of the stages of one process: what each is doing, and when it last moved.

The supervisor enters every stage here and says when it backs off; a loop calls ``beat`` once a round. A stage
that waits for a lease or for another system goes round too, so only one that is stuck falls silent.
"""

import time
from contextvars import ContextVar
from typing import Literal

State = Literal["starting", "running", "standing by", "backing off", "ended"]


class Pulse:
    """One stage's: ``state``, ``reason`` in words for a person, and the moment of its last sign of life."""

    def __init__(self) -> None:
        self.state: State = "starting"
        self.reason = ""
        self._beat_at = time.monotonic()

    def say(self, state: State, reason: str = "") -> None:
        """What it does now; a sign of life as well."""
        self.state, self.reason = state, reason
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


# Tasks inherit the context of the one that starts them, so no stage has to hand its pulse around.
_own: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


def beat() -> None:
    """The stage that runs here moved on."""
    pulse = _own.get()
    if pulse is not None:
        pulse.say("running")


def stand_by(reason: str) -> None:
    """The stage that runs here is well, and waits for its turn."""
    pulse = _own.get()
    if pulse is not None:
        pulse.say("standing by", reason)
