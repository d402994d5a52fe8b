"""What the demo came to."""

from msgspec import Struct

from bridge.demo.watching import Asked, Expectation
from contracts.entities import Model


class Load(Struct, frozen=True, kw_only=True):
    """The first load: how many records became events, how long that took, and what it cost."""

    records: int
    seconds: float
    calls: int


class Outcome(Struct, frozen=True, kw_only=True):
    """All of it. ``differences``: by model, what is not on Kafka as it is in TrackerRMS; ``unasked``: events
    that nothing called for; ``broken``: versions out of order; ``asked``: the commands."""

    load: Load
    expectations: tuple[Expectation, ...]
    asked: tuple[Asked, ...]
    differences: dict[Model, list[str]]
    existing: dict[Model, int]
    counts: dict[str, int]
    unasked: tuple[str, ...]
    broken: tuple[str, ...]
    calls: int

    @property
    def succeeded(self) -> bool:
        """Whether every change arrived, every command was carried out, nothing else happened, and Kafka says
        what TrackerRMS says."""
        arrived = all(one.complete.is_set() for one in self.expectations)
        carried_out = all(one.done for one in self.asked)
        return arrived and carried_out and not (self.unasked or self.broken or any(self.differences.values()))
