"""Comparison of families of entities with their snapshots. Pure: no I/O, no clock.

A record of TrackerRMS yields a family. Its own entities are compared as a set, so that an entity the record
no longer yields is deleted. Tags and roles belong to every record that has them: they exist while a link to
them does. Only the store knows that, so they are compared second (``shared``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from trackerrms_contracts.entities import STRUCTS, Entity, Model
from trackerrms_contracts.events import Operation

from bridge.hashing import Hasher, differing_fields
from bridge.store.stored_records import Snapshot
from bridge.tracker.entity_set import EntityMember, EntitySet

EntityKey = tuple[Model, str]
SHARED = frozenset({Model.TAG, Model.ROLE})


class EntityChange(Struct, frozen=True, kw_only=True, gc=False):
    """A change of one entity: what to publish (``operation``), and the snapshot to store.

    ``record`` is ``None`` for a deletion. ``operation`` is ``None`` if only the snapshot is updated and
    nothing is published.
    """

    operation: Operation | None
    snapshot: Snapshot
    before: Snapshot | None
    record: Entity | None
    changed_fields: tuple[str, ...] = ()


def parent_of(resource: str, row_id: int | str) -> str:
    """Return the name that snapshots use for the record that yields them: ``candidates:17``."""
    return f"{resource}:{row_id}"


def shared_key(model: Model, remote_id: str) -> str:
    """Return the name that links use for a tag or role: ``tag:Java``."""
    return f"{model}:{remote_id}"


def shared_of(model: Model, remote_id: str) -> str | None:
    """Return the tag or role that a link keeps alive, ``None`` for an entity that is not a link.

    A link's remote id ends with it: ``<candidate>:<tag>``, ``<job>:<user>:<role>``. A tag may contain colons.
    """
    match model:
        case Model.CANDIDATE_TAG:
            return shared_key(Model.TAG, remote_id.split(":", 1)[1])
        case Model.JOB_USER_ROLE_ASSIGNMENT:
            return shared_key(Model.ROLE, remote_id.split(":", 2)[2])
        case _:
            return None


class Differ:
    """Compares entities under one hash key, at one moment.

    ``republish``: an entity last published before that moment is ``created`` again, changed or not. So a tag
    that a thousand records yield is created again once.
    """

    def __init__(
        self, hasher: Hasher, now: datetime, models: frozenset[Model], republish: datetime | None = None
    ) -> None:
        self._hasher = hasher
        self._now = now
        self._models = models
        self._republish = republish

    def families(
        self, families: Iterable[EntitySet], stored: Mapping[EntityKey, Snapshot], live: Iterable[Snapshot]
    ) -> list[EntityChange]:
        """Compare the families' own entities. ``live`` is what their records yielded until now."""
        decisions: list[EntityChange] = []
        yielded: set[EntityKey] = set()
        withheld: set[tuple[str, Model]] = set()
        for family in families:
            parent = parent_of(family.resource, family.remote_id)
            withheld.update((parent, model) for model in family.withheld)
            for member in family.members:
                if member.model in SHARED or member.model not in self._models:
                    continue
                yielded.add((member.model, member.remote_id))
                decision = self._compare(member, parent, stored.get((member.model, member.remote_id)))
                if decision is not None:
                    decisions.append(decision)
        # A model that was switched off is no longer compared: that is not a deletion.
        decisions += [
            self.deleted(s)
            for s in live
            if s.model in self._models
            and (s.model, s.remote_id) not in yielded
            and (s.parent, s.model) not in withheld
        ]
        return decisions

    def shared(
        self,
        members: Iterable[EntityMember],
        touched: Sequence[EntityKey],
        stored: Mapping[EntityKey, Snapshot],
        in_use: Callable[[EntityKey], bool],
    ) -> list[EntityChange]:
        """Compare the tags and roles that families yielded or no longer have (``touched``)."""
        best: dict[EntityKey, EntityMember] = {}
        for member in members:
            key = (member.model, member.remote_id)
            if key not in best or best[key].provisional:
                best[key] = member
        decisions = []
        for key in touched:
            snapshot = stored.get(key)
            decision: EntityChange | None = None
            if key in best and in_use(key):
                decision = self._compare(best[key], "", snapshot)
            elif snapshot is not None and not snapshot.deleted and not in_use(key):
                decision = self.deleted(snapshot)
            if decision is not None:
                decisions.append(decision)
        return decisions

    def deleted(self, snapshot: Snapshot) -> EntityChange:
        """Return the deletion of an entity. Its sequence continues if the entity comes back."""
        after = _replace(
            snapshot, sequence=snapshot.sequence + 1, deleted=True, changed_at=self._now, last=None
        )
        return EntityChange(operation="deleted", snapshot=after, before=snapshot, record=None)

    def _compare(self, member: EntityMember, parent: str, before: Snapshot | None) -> EntityChange | None:
        hashes = self._hasher.record(member.record)
        after = Snapshot(
            model=member.model,
            remote_id=member.remote_id,
            parent=parent,
            shared=shared_of(member.model, member.remote_id),
            sequence=1 if before is None else before.sequence + 1,
            hash=hashes.record,
            fields=hashes.fields,
            changed_at=self._now,
        )
        if before is None or before.deleted or self._is_due_again(member, before, hashes.record):
            return EntityChange(operation="created", snapshot=after, before=before, record=member.record)
        if before.hash == hashes.record:
            # Moved to another parent: there is nothing to publish, but the snapshot must follow.
            if before.parent == parent:
                return None
            moved = _replace(before, parent=parent)
            return EntityChange(operation=None, snapshot=moved, before=before, record=member.record)
        if member.provisional:
            return None
        changed = differing_fields(STRUCTS[member.model], before.fields, hashes.fields)
        return EntityChange(
            operation="updated", snapshot=after, before=before, record=member.record, changed_fields=changed
        )

    def _is_due_again(self, member: EntityMember, before: Snapshot, record_hash: bytes) -> bool:
        if self._republish is None or before.changed_at >= self._republish:
            return False
        return not member.provisional or before.hash == record_hash


def _replace(snapshot: Snapshot, **changes: object) -> Snapshot:
    values = {name: getattr(snapshot, name) for name in Snapshot.__struct_fields__}
    return Snapshot(**(values | changes))
