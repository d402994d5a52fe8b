"""What Kafka has said so far: every event read back, and which change each one answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from bridge import kafka
from bridge.config import Config
from contracts import ids, topics
from contracts.entities import Model
from contracts.events import parse_type


class Seen(Struct, frozen=True, kw_only=True):
    """An event that was read, and when, by this process's steady clock."""

    type: str
    model: Model
    subject: str
    sequence: int
    changed_fields: tuple[str, ...]
    cause: str
    record: dict[str, Any]
    at: float


class Expectation:
    """The events that one change must lead to; ``missing`` shrinks as they arrive."""

    def __init__(
        self, says: str, integration_id: str, made_at: float, journal: Iterable[dict[str, Any]]
    ) -> None:
        self.says = says
        self.made_at = made_at
        self.missing = Counter(
            (f"{e['model']}.{e['op']}", ids.entity_id(integration_id, e["model"], e["remote_id"]))
            for e in journal
        )
        self.arrived: list[Seen] = []
        self.complete = asyncio.Event()
        self._settle()

    def take(self, event: Seen) -> bool:
        """Whether the event answers this change."""
        key = (event.type, event.subject)
        if not self.missing[key]:
            return False
        self.missing[key] -= 1
        self.missing += Counter()
        self.arrived.append(event)
        self._settle()
        return True

    def _settle(self) -> None:
        if not self.missing.total():
            self.complete.set()


class Watch:
    """Reads all event topics; ``latest`` is what they say of each entity, by model and id."""

    def __init__(self) -> None:
        self.latest: dict[Model, dict[str, Seen]] = {model: {} for model in Model}
        self.counts: Counter[str] = Counter()
        self.unasked: list[Seen] = []
        self.broken: list[str] = []
        self.expectations: list[Expectation] = []
        self.news = asyncio.Event()
        self.loading = True
        self.total = 0

    async def run(self, config: Config, stop: asyncio.Event) -> None:
        """Read until ``stop``."""
        wanted = topics.all_events(config.kafka.topic_prefix).values()
        async with kafka.Consumer(config.kafka, wanted) as consumer:
            while not stop.is_set():
                for record in await consumer.getmany(0.05):
                    if record.value is not None:
                        self._read(record.value)
                self.news.set()

    def expect(self, expectation: Expectation) -> None:
        """Look out for these; some may have arrived already."""
        self.expectations.append(expectation)
        self.unasked = [event for event in self.unasked if not expectation.take(event)]

    def existing(self, model: Model) -> dict[str, dict[str, Any]]:
        """The records that exist by the topic alone, by id."""
        events = self.latest[model].items()
        return {i: e.record for i, e in events if not e.type.endswith(".deleted")}

    def entities(self) -> int:
        """How many entities were ever seen."""
        return sum(len(found) for found in self.latest.values())

    def _read(self, value: bytes) -> None:
        raw = msgspec.json.decode(value)
        model, _ = parse_type(raw["type"])
        event = Seen(
            type=raw["type"],
            model=model,
            subject=raw["subject"],
            sequence=int(raw["sequence"]),
            changed_fields=tuple(raw["data"]["changed_fields"]),
            cause=raw["data"]["cause"],
            record=raw["data"]["record"],
            at=time.monotonic(),
        )
        before = self.latest[model].get(event.subject)
        expected = 1 if before is None else before.sequence + 1
        if event.sequence < expected:
            return  # at least once: the same event again
        if event.sequence > expected:
            self.broken.append(f"{event.type} {event.subject}: version {event.sequence} after {expected - 1}")
        self.latest[model][event.subject] = event
        self.counts[event.type] += 1
        if not self.loading and not any(one.take(event) for one in self.expectations):
            self.unasked.append(event)
