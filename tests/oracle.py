"""The oracle: what the topics say against what the simulator knows. Pure.

``Topics`` takes every record of the event topics in order and refuses what no topic may hold; its ``state``
is the topics materialised by key. ``differences`` holds that against the simulator's truth, every key of
both sides.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from trackerrms_contracts import codec, ids
from trackerrms_contracts.entities import STRUCTS, UNHASHED, Model

from bridge.kafka import ConsumedRecord

_REFERENCES = {
    "job_id": Model.JOB,
    "candidate_id": Model.CANDIDATE,
    "current_stage_id": Model.APPLICATION_STAGE,
    "user_id": Model.USER,
    "job_user_id": Model.JOB_HIRING_TEAM_MEMBER,
    "role_id": Model.ROLE,
    "tag_id": Model.TAG,
}
_INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class Violation(AssertionError):
    """The topics hold what they may not hold."""


class Topics:
    """The event topics, materialised by key and checked as they are read."""

    def __init__(self) -> None:
        self.state: dict[str, dict[str, dict[str, Any]]] = {str(model): {} for model in Model}
        self.types: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self._sequences: dict[str, int] = {}
        self._by_id: dict[str, bytes] = {}
        self.deletions: Counter[tuple[str, str]] = Counter()
        """(Model, entity id) → how often it was deleted."""
        self.sent: dict[str, tuple[str, str, int]] = {}
        """Event id → (type, entity id, Kafka's timestamp in ms)."""

    def read(self, records: Iterable[ConsumedRecord]) -> None:
        """Take records in the order of their partitions."""
        for record in records:
            if record.value is not None:
                self._event(record)

    def _event(self, record: ConsumedRecord) -> None:
        value = record.value or b""
        codec.decode_event(value)
        event = orjson.loads(value)
        model, _, operation = event["type"].partition(".")
        key = event["subject"]
        known = self._by_id.get(event["id"])
        if known is not None:
            if known != value:
                raise Violation(f"{event['id']} stands twice with different content")
            return
        self._by_id[event["id"]] = value
        if record.key != key.encode() or event["data"]["record"]["id"] != key:
            raise Violation(f"{event['id']}: key, subject and record id differ")
        sequence = int(event["sequence"])
        if sequence != self._sequences.get(key, 0) + 1:
            raise Violation(f"{key} ({event['type']}): {self._sequences.get(key, 0)}, then {sequence}")
        if event["id"] != ids.event_id(key, sequence):
            raise Violation(f"{event['id']} is not derived from its entity and sequence")
        self._sequences[key] = sequence
        self._apply(model, operation, key, event)
        self.types[event["type"]] += 1
        self.causes[event["data"]["cause"]] += 1
        self.sent[event["id"]] = (event["type"], key, record.timestamp_ms)

    def _apply(self, model: str, operation: str, key: str, event: dict[str, Any]) -> None:
        data, table = event["data"], self.state[model]
        match operation:
            case "created":
                if key in table and data["cause"] != "resync":
                    raise Violation(f"{key}: created, and it existed")
                table[key] = data["record"]
            case "updated":
                if key not in table:
                    raise Violation(f"{key}: updated, and it did not exist")
                changed = _changed(model, table[key], data["record"])
                if not data["changed_fields"] or set(data["changed_fields"]) != changed:
                    raise Violation(f"{key}: says {data['changed_fields']} changed; {sorted(changed)} did")
                table[key] = data["record"]
            case "deleted":
                if table.pop(key, None) is None:
                    raise Violation(f"{key}: deleted, and it did not exist")
                self.deletions[model, key] += 1
            case other:
                raise Violation(f"no operation: {other}")


def _changed(model: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {name for name in codec.field_names(STRUCTS[Model(model)]) if before[name] != after[name]}


def expected(integration_id: str, model: str, truth: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The simulator's truth with the bridge's ids: entity id → record."""
    return {
        ids.entity_id(integration_id, Model(model), line["remote_id"]): {
            name: _translated(integration_id, name, value) for name, value in line["record"].items()
        }
        for line in truth
    }


def differences(
    topics: Topics, integration_id: str, truth: Mapping[str, list[dict[str, Any]]], limit: int = 20
) -> list[str]:
    """Where topics and truth differ; empty when they say the same of all twelve models."""
    return compare(topics.state, integration_id, truth)[:limit]


def compare(
    state: Mapping[str, Mapping[str, Mapping[str, Any]]],
    integration_id: str,
    truth: Mapping[str, list[dict[str, Any]]],
) -> list[str]:
    """Where the records of ``state`` (model → entity id → record) and the truth differ.

    A key that only one side knows is a difference, but for those that the bridge makes (``UNHASHED``).
    """
    found: list[str] = []
    for model, lines in truth.items():
        want, have = expected(integration_id, model, lines), state[model]
        found += [f"{model}: missing {_name(want[k])}" for k in want.keys() - have.keys()]
        found += [f"{model}: too many {_name(have[k])}" for k in have.keys() - want.keys()]
        for key in want.keys() & have.keys():
            found += [f"{model} {_name(want[key])}{one}"[:400] for one in differing(have[key], want[key])]
    return found


def differing(have: Mapping[str, Any], want: Mapping[str, Any]) -> Iterator[str]:
    """Where a record differs from the truth, field by field."""
    for name in sorted((have.keys() | want.keys()) - UNHASHED):
        if name not in want:
            yield f".{name}: {have[name]!r}, and the truth has no such field"
        elif name not in have:
            yield f".{name}: missing, truth {want[name]!r}"
        elif _canonical(have[name]) != _canonical(want[name]):
            yield f".{name}: {have[name]!r}, truth {want[name]!r}"


def false_deletions(
    topics: Topics, integration_id: str, journal: Iterable[Mapping[str, Any]], limit: int = 20
) -> list[str]:
    """Deletions that no entry of the simulator's journal accounts for, one entry for each; empty when none.

    Read the journal after the topics: an entry stands in it before the bridge can know of the deletion.
    """
    real = Counter(
        (entry["model"], ids.entity_id(integration_id, Model(entry["model"]), entry["remote_id"]))
        for entry in journal
        if entry["op"] == "deleted"
    )
    return [
        f"{model} {key}: deleted {count} times, and {real[model, key]} times in truth"
        for (model, key), count in topics.deletions.items()
        if count > real[model, key]
    ][:limit]


def _name(record: Mapping[str, Any]) -> str:
    return str(record.get("remote_id") or record)[:120]


def _translated(integration_id: str, name: str, value: Any) -> Any:
    model = _REFERENCES.get(name)
    if model is None or not isinstance(value, str):
        return value
    return ids.entity_id(integration_id, model, value.removeprefix("remote:"))


def _canonical(value: Any) -> Any:
    """Times by their moment, numbers by their value."""
    if isinstance(value, str) and _INSTANT.match(value):
        return datetime.fromisoformat(value).astimezone(UTC)
    if isinstance(value, dict):
        return {k: _canonical(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_canonical(v) for v in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value
