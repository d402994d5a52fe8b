"""Reads back every event and result from Kafka, and matches them with changes and commands."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from trackerrms_contracts import ids, topics
from trackerrms_contracts.commands import Result
from trackerrms_contracts.entities import Model
from trackerrms_contracts.events import parse_type

from bridge import kafka
from bridge.config import Config
from bridge.runtime import heartbeat


class SeenEvent(Struct, frozen=True, kw_only=True):
    """An event that was read, with the monotonic time of reading."""

    type: str
    model: Model
    subject: str
    sequence: int
    changed_fields: tuple[str, ...]
    cause: str
    record: dict[str, Any]
    at: float

    @property
    def id(self) -> str:
        """Return the event's id, which its webhook carries."""
        return ids.event_id(self.subject, self.sequence)


class Expectation:
    """The events that one change must cause. ``missing``, by type and entity, shrinks as they arrive.

    Further events of ``touched`` entities are explained too: a command writes in several steps, and a poll
    may see a record between two of them.
    """

    def __init__(
        self, says: str, made_at: float, missing: Iterable[tuple[str, str]], touched: Iterable[str] = ()
    ) -> None:
        self.says = says
        self.made_at = made_at
        self.missing = Counter(missing)
        self.touched = frozenset(touched)
        self.arrived: list[SeenEvent] = []
        self.complete = asyncio.Event()
        self._settle()

    def take(self, event: SeenEvent) -> bool:
        """Take the event if it belongs to this change. Return true if it does."""
        key = (event.type, event.subject)
        if not self.missing[key] or event.at < self.made_at:
            return False
        self.missing[key] -= 1
        self.missing += Counter()
        self.arrived.append(event)
        self._settle()
        return True

    def _settle(self) -> None:
        if not self.missing.total():
            self.complete.set()


def journalled(integration_id: str, journal: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the events that entries of the simulator's journal must cause, by type and entity."""
    return [
        (f"{e['model']}.{e['op']}", ids.entity_id(integration_id, e["model"], e["remote_id"]))
        for e in journal
    ]


class Asked:
    """A published command with its result, once it arrives, and the events that it must cause."""

    def __init__(self, says: str, kind: str, command_id: str) -> None:
        self.says = says
        self.kind = kind
        self.command_id = command_id
        self.sent_at = time.monotonic()
        self.answered_at = 0.0
        self.result: Result | None = None
        self.answered = asyncio.Event()
        self.events: Expectation | None = None
        self.note = ""
        """A short note about the result."""
        self.complaint = ""
        """The error in the result, if any."""

    def take(self, result: Result) -> None:
        """Store the first result that arrives."""
        if self.result is None:
            self.result = result
            self.answered_at = time.monotonic()
            self.answered.set()

    @property
    def done(self) -> bool:
        """Return true if the result is as expected and all its events have arrived."""
        well = self.result is not None and not self.complaint
        return well and (self.events is None or self.events.complete.is_set())


class Watch:
    """Reads all event topics and results. ``latest`` holds the newest event of each entity, by
    model and id."""

    def __init__(self) -> None:
        self.latest: dict[Model, dict[str, SeenEvent]] = {model: {} for model in Model}
        self.counts: Counter[str] = Counter()
        self.left: list[SeenEvent] = []
        """Events that matched no change when they arrived."""
        self.broken: list[str] = []
        self.expectations: list[Expectation] = []
        self.asked: list[Asked] = []
        self.news = asyncio.Event()
        self.loading = True
        self.total = 0

    async def run(self, config: Config, stop: asyncio.Event) -> None:
        """Read until ``stop`` is set."""
        prefix = config.kafka.topic_prefix
        results = topics.command_results(prefix)
        async with kafka.Consumer(config.kafka, [*topics.all_events(prefix).values(), results]) as consumer:
            while not stop.is_set():
                heartbeat.beat()
                for record in await consumer.getmany(0.05):
                    if record.value is None:
                        continue
                    if record.topic == results:
                        self._answer(msgspec.json.decode(record.value, type=Result))
                    else:
                        self._read(record.value)
                self.news.set()

    def expect(self, expectation: Expectation) -> None:
        """Expect these events. Some may have arrived already."""
        self.expectations.append(expectation)
        self.left = [event for event in self.left if not expectation.take(event)]

    @property
    def unasked(self) -> list[SeenEvent]:
        """Return the events that no change explains."""
        touched = frozenset[str]().union(*(one.touched for one in self.expectations))
        return [event for event in self.left if event.subject not in touched]

    def existing(self, model: Model) -> dict[str, dict[str, Any]]:
        """Return the records that exist according to the topic, by id."""
        events = self.latest[model].items()
        return {i: e.record for i, e in events if not e.type.endswith(".deleted")}

    def entities(self) -> int:
        """Return the number of entities seen."""
        return sum(len(found) for found in self.latest.values())

    def _read(self, value: bytes) -> None:
        raw = msgspec.json.decode(value)
        model, _ = parse_type(raw["type"])
        event = SeenEvent(
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
            return  # at-least-once delivery: the same event again
        if event.sequence > expected:
            self.broken.append(f"{event.type} {event.subject}: version {event.sequence} after {expected - 1}")
        self.latest[model][event.subject] = event
        self.counts[event.type] += 1
        if not self.loading and not any(one.take(event) for one in self.expectations):
            self.left.append(event)

    def _answer(self, result: Result) -> None:
        # Of several commands with one id, the last one waits: the same command was published again.
        for one in reversed(self.asked):
            if one.command_id == result.data.command_id:
                one.take(result)
                return
