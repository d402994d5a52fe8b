"""Decisions become messages: events for Kafka, and dead letters. Pure but for the sealing of kept values."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from trackerrms_contracts import codec, dead_letters, events, ids, topics
from trackerrms_contracts.entities import STRUCTS, Entity, Model
from trackerrms_contracts.events import Cause, Operation

from bridge.capture.diff import EntityChange
from bridge.sealing import Sealer
from bridge.store.outbox import OutboxRow
from bridge.store.stored_records import Snapshot

_PURPOSE = "kept values"
# What Kafka counts besides the value: the heads of batch and record, the key, the headers. 300 bytes or so.
_AROUND_BYTES = 1024


class Identity(Struct, frozen=True, kw_only=True):
    """Who publishes, and where: the integration, the topics' prefix, and whether they are compacted."""

    integration_id: str
    topic_prefix: str
    compacted: bool = False

    @property
    def source(self) -> str:
        """The CloudEvents source: ``trackerrms/acme``."""
        return f"trackerrms/{self.integration_id}"


class EventBuilder:
    """Writes an integration's events as outbox rows, and keeps values where the integration asks for it."""

    def __init__(
        self, identity: Identity, sealer: Sealer, *, keep_values: bool, max_message_bytes: int
    ) -> None:
        self._identity = identity
        self._sealer = sealer
        self._keep_values = keep_values
        self._max_message_bytes = max_message_bytes

    def event(
        self, decision: EntityChange, cause: Cause, command_id: str | UnsetType = UNSET
    ) -> OutboxRow | None:
        """The decision's event; ``None`` when it would be larger than Kafka takes.

        What an event can do without is left out first: the old values; of a deleted record, all but its
        identifiers, so that a deletion always fits.
        """
        operation = decision.operation
        if operation is None:
            raise ValueError("nothing to publish")
        for record, previous in self._bodies(decision):
            change = events.Change(
                record=record,
                changed_fields=decision.changed_fields,
                cause=cause,
                command_id=command_id,
                previous=previous,
            )
            row = self._row(decision.snapshot, operation, change)
            if len(row.value or b"") + _AROUND_BYTES <= self._max_message_bytes:
                return row
        return None

    def tombstone(self, deleted: OutboxRow) -> OutboxRow | None:
        """What lets a compacted topic forget the entity, after its ``deleted`` event; ``None`` elsewhere.

        It has no headers: with those of a CloudEvent it would be an event without data.
        """
        if not self._identity.compacted:
            return None
        return OutboxRow(topic=deleted.topic, key=deleted.key, value=None)

    def _bodies(self, decision: EntityChange) -> Iterator[tuple[Entity, dict[str, Any] | UnsetType]]:
        """The record to publish and its previous values: first all there is, then what can be left."""
        record, previous = self._record(decision), self._previous(decision)
        yield record, previous
        if previous is not UNSET:
            yield record, UNSET
        if decision.record is None:
            yield self._identifiers(decision.snapshot), UNSET

    def _row(self, snapshot: Snapshot, operation: Operation, change: events.Change[Entity]) -> OutboxRow:
        model, identity, record = snapshot.model, self._identity, change.record
        event_id = ids.event_id(record.id, snapshot.sequence)
        kind = events.event_type(model, operation)
        value = codec.encode(
            events.Event(
                id=event_id,
                source=identity.source,
                type=kind,
                subject=record.id,
                time=snapshot.changed_at,
                dataschema=events.data_schema(model),
                integrationid=identity.integration_id,
                sequence=ids.format_sequence(snapshot.sequence),
                data=change,
            )
        )
        return OutboxRow(
            topic=topics.events(model, identity.topic_prefix),
            key=record.id.encode(),
            value=value,
            headers=events.headers(event_id, kind, identity.integration_id),
        )

    def kept(self, decision: EntityChange) -> Snapshot:
        """The decision's snapshot, with the record's values sealed into it where they are kept."""
        if not self._keep_values or decision.record is None:
            return decision.snapshot
        sealed = self._sealer.seal(_PURPOSE, codec.encode(decision.record))
        return msgspec.structs.replace(decision.snapshot, last=sealed)

    def dead_letter(
        self, resource: str, row_id: int | None, reason: str, path: str, now: datetime
    ) -> OutboxRow:
        """The report of a record that could not be processed."""
        identity = self._identity
        subject = f"{resource}:{'?' if row_id is None else row_id}"
        letter = dead_letters.DeadLetter(
            id=ids.dead_letter_id(identity.integration_id, subject, reason, now.isoformat()),
            source=identity.source,
            type="record.parked",
            subject=subject,
            time=now,
            integrationid=identity.integration_id,
            data=dead_letters.ParkedRecord(
                reason=reason,
                resource=resource,
                remote_id=None if row_id is None else str(row_id),
                path=path,
            ),
        )
        return OutboxRow(
            topic=topics.dead_letter(identity.topic_prefix),
            key=f"{identity.integration_id}:{subject}".encode(),
            value=codec.encode(letter),
            headers=events.headers(letter.id, letter.type, identity.integration_id),
        )

    def _record(self, decision: EntityChange) -> Entity:
        now = decision.snapshot.changed_at
        if decision.record is not None:
            return msgspec.structs.replace(decision.record, changed_at=now)
        before = self._last(decision.before)
        if before is not None:
            return msgspec.structs.replace(before, changed_at=now, remote_deleted_at=now)
        return self._identifiers(decision.snapshot)

    def _identifiers(self, snapshot: Snapshot) -> Entity:
        known = self._identity.integration_id
        return identifiers(known, snapshot.model, snapshot.remote_id, snapshot.changed_at)

    def _previous(self, decision: EntityChange) -> dict[str, Any] | UnsetType:
        before = self._last(decision.before) if decision.operation == "updated" else None
        if before is None:
            return UNSET
        return {name: getattr(before, name) for name in decision.changed_fields}

    def _last(self, snapshot: Snapshot | None) -> Entity | None:
        if snapshot is None or snapshot.last is None or not self._keep_values:
            return None
        plain = self._sealer.open(_PURPOSE, snapshot.last)
        return msgspec.json.decode(plain, type=STRUCTS[snapshot.model])


def identifiers(integration_id: str, model: Model, remote_id: str, deleted_at: datetime) -> Entity:
    """What is left of a deleted record whose values nobody kept: its ids, all told by its remote id.

    Remote ids of links are put together as ``diff.shared_of`` says; a tag may hold colons.
    """

    def of(other: Model, other_remote_id: str) -> str:
        return ids.entity_id(integration_id, other, other_remote_id)

    known: dict[str, Any] = {
        "id": of(model, remote_id),
        "changed_at": deleted_at,
        "remote_deleted_at": deleted_at,
    }
    struct = STRUCTS[model]
    if "remote_id" in struct.__struct_fields__:
        known["remote_id"] = remote_id
    match model:
        case Model.JOB_POSTING:
            known["job_id"] = of(Model.JOB, remote_id)
        case Model.CANDIDATE_TAG:
            candidate, _, tag = remote_id.partition(":")
            known |= {"candidate_id": of(Model.CANDIDATE, candidate), "tag_id": of(Model.TAG, tag)}
        case Model.JOB_HIRING_TEAM_MEMBER:
            job, _, user = remote_id.partition(":")
            known |= {"job_id": of(Model.JOB, job), "user_id": of(Model.USER, user)}
        case Model.JOB_USER_ROLE_ASSIGNMENT:
            member, _, role = remote_id.rpartition(":")
            known |= {
                "job_user_id": of(Model.JOB_HIRING_TEAM_MEMBER, member),
                "role_id": of(Model.ROLE, role),
            }
        case _:
            pass
    return struct(**known)
