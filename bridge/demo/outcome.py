"""The outcome of the demo."""

from collections.abc import Mapping

from msgspec import Struct
from trackerrms_contracts.entities import Model

from bridge.demo.watcher import Asked, Expectation, SeenEvent


class Load(Struct, frozen=True, kw_only=True):
    """The first load: how many records became events, in how much time, and with how many calls."""

    records: int
    seconds: float
    calls: int


class DemoOutcome(Struct, frozen=True, kw_only=True):
    """The complete outcome.

    ``differences``: the records on Kafka that differ from TrackerRMS, by model; ``unasked``: events that no
    change explains; ``broken``: versions out of order; ``asked``: the commands; ``delivered``: when each
    event's webhook was verified; ``refused``: webhooks that did not verify.
    """

    load: Load
    expectations: tuple[Expectation, ...]
    asked: tuple[Asked, ...]
    differences: dict[Model, list[str]]
    existing: dict[Model, int]
    counts: dict[str, int]
    unasked: tuple[str, ...]
    broken: tuple[str, ...]
    delivered: Mapping[str, float]
    refused: tuple[str, ...]
    calls: int

    @property
    def arrived(self) -> list[tuple[float, SeenEvent]]:
        """Return the events of changes and commands, each with the time of its change or command."""
        expectations = [*self.expectations, *(one.events for one in self.asked if one.events is not None)]
        return [(one.made_at, event) for one in expectations for event in one.arrived]

    @property
    def undelivered(self) -> list[SeenEvent]:
        """Return the events whose webhook did not arrive."""
        return [event for _, event in self.arrived if event.id not in self.delivered]

    @property
    def succeeded(self) -> bool:
        """Return true if every change arrived, every command succeeded, each event was delivered, nothing
        else happened, and Kafka equals TrackerRMS."""
        arrived = all(one.complete.is_set() for one in self.expectations)
        carried_out = all(one.done for one in self.asked)
        delivered = not (self.undelivered or self.refused)
        odd = self.unasked or self.broken or any(self.differences.values())
        return arrived and carried_out and delivered and not odd
