"""Building of messages from decisions: events and dead letters. Pure except for sealing kept values."""

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
# What Kafka adds to the value: headers of batch and record, the key, the headers. About 300 bytes.
_AROUND_BYTES = 1024


class Identity(Struct, frozen=True, kw_only=True):
    """Identity of the publisher: the integration, the topic prefix, and whether topics are compacted."""

    integration_id: str
    topic_prefix: str
    compacted: bool = False

    @property
    def source(self) -> str:
        """Return the CloudEvents source, such as ``trackerrms/acme``."""
        return f"trackerrms/{self.integration_id}"


class EventBuilder:
    """Builds an integration's events as outbox rows, and seals kept values if the integration keeps them."""

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
        """Build the decision's event. Return ``None`` if it would be larger than Kafka accepts.

        To make it fit, the previous values are left out first. A deleted record is reduced to its
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
        """Build the tombstone after a ``deleted`` event, ``None`` if the topic is not compacted.

        It has no headers: with a CloudEvent's headers it would be an event without data.
        """
        if not self._identity.compacted:
            return None
        return OutboxRow(topic=deleted.topic, key=deleted.key, value=None)

    def _bodies(self, decision: EntityChange) -> Iterator[tuple[Entity, dict[str, Any] | UnsetType]]:
        """Yield the record and its previous values: first complete, then reduced."""
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
        """Return the decision's snapshot, with the record's values sealed into it if they are kept."""
        if not self._keep_values or decision.record is None:
            return decision.snapshot
        sealed = self._sealer.seal(_PURPOSE, codec.encode(decision.record))
        return msgspec.structs.replace(decision.snapshot, last=sealed)

    def dead_letter(
        self, resource: str, row_id: int | None, reason: str, path: str, now: datetime
    ) -> OutboxRow:
        """Build the report of a record that could not be processed."""
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
    """Build what is known of a deleted record without kept values: its ids, all derived from its remote id.

    Remote ids of links are composed as ``diff.shared_of`` describes. A tag may contain colons.
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
