"""What the demo came to."""

from collections.abc import Mapping

from msgspec import Struct
from trackerrms_contracts.entities import Model

from bridge.demo.watcher import Asked, Expectation, SeenEvent


class Load(Struct, frozen=True, kw_only=True):
    """The first load: how many records became events, how long that took, and what it cost."""

    records: int
    seconds: float
    calls: int


class DemoOutcome(Struct, frozen=True, kw_only=True):
    """All of it. ``differences``: by model, what is not on Kafka as it is in TrackerRMS; ``unasked``: events
    that nothing called for; ``broken``: versions out of order; ``asked``: the commands; ``delivered``: when
    each event's webhook was verified; ``refused``: webhooks that did not verify."""

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
        """The events that changes and commands led to, each with the moment of what it answers."""
        told = [*self.expectations, *(one.events for one in self.asked if one.events is not None)]
        return [(one.made_at, event) for one in told for event in one.arrived]

    @property
    def undelivered(self) -> list[SeenEvent]:
        """Those of them whose webhook did not come."""
        return [event for _, event in self.arrived if event.id not in self.delivered]

    @property
    def succeeded(self) -> bool:
        """Whether every change arrived, every command was carried out, each event was delivered, nothing else
        happened, and Kafka says what TrackerRMS says."""
        arrived = all(one.complete.is_set() for one in self.expectations)
        carried_out = all(one.done for one in self.asked)
        delivered = not (self.undelivered or self.refused)
        odd = self.unasked or self.broken or any(self.differences.values())
        return arrived and carried_out and delivered and not odd
