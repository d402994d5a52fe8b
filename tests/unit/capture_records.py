"""Families, records of every model and snapshots, as short as tests want them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trackerrms_contracts.entities import STRUCTS, Entity, Model

from bridge.capture.diff import SHARED, Differ, shared_of
from bridge.hashing import Hasher
from bridge.store.stored_records import Snapshot
from bridge.tracker.entity_set import EntityMember, EntitySet, Ids

HASHER = Hasher(b"k" * 32)
IDS = Ids(integration_id="acme")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EARLIER = datetime(2026, 11, 22, tzinfo=UTC)
EVERY = frozenset(Model)

# How each model's records are named, by the record of TrackerRMS that yields them.
REMOTE_IDS = {
    Model.USER: "17",
    Model.JOB: "17",
    Model.JOB_POSTING: "17",
    Model.CANDIDATE: "17",
    Model.APPLICATION_STAGE: "17",
    Model.APPLICATION: "17",
    Model.TAG: "C++: modern",
    Model.REJECTION_REASON: "17",
    Model.ROLE: "4",
    Model.CANDIDATE_TAG: "17:C++: modern",
    Model.JOB_USER_ROLE_ASSIGNMENT: "17:5:4",
    Model.JOB_HIRING_TEAM_MEMBER: "17:5",
}


def references(model: Model, remote_id: str) -> dict[str, Any]:
    """The ids of other records that a record cannot do without."""
    first, _, rest = remote_id.partition(":")
    second, _, third = rest.partition(":")
    match model:
        case Model.JOB_POSTING:
            return {"job_id": IDS.of(Model.JOB, remote_id)}
        case Model.CANDIDATE_TAG:
            return {"candidate_id": IDS.of(Model.CANDIDATE, first), "tag_id": IDS.of(Model.TAG, rest)}
        case Model.JOB_HIRING_TEAM_MEMBER:
            return {"job_id": IDS.of(Model.JOB, first), "user_id": IDS.of(Model.USER, second)}
        case Model.JOB_USER_ROLE_ASSIGNMENT:
            member = IDS.of(Model.JOB_HIRING_TEAM_MEMBER, f"{first}:{second}")
            return {"job_user_id": member, "role_id": IDS.of(Model.ROLE, third)}
        case _:
            return {}


def record(model: Model, remote_id: str | None = None, **fields: Any) -> Entity:
    """A record with its references and the given fields."""
    remote_id = REMOTE_IDS[model] if remote_id is None else remote_id
    known: dict[str, Any] = {"id": IDS.of(model, remote_id), **references(model, remote_id)}
    if "remote_id" in STRUCTS[model].__struct_fields__:
        known["remote_id"] = remote_id
    return STRUCTS[model](**(known | fields))


def member(
    model: Model, remote_id: str | None = None, *, provisional: bool = False, **fields: Any
) -> EntityMember:
    """A member of a family."""
    made = record(model, remote_id, **fields)
    return EntityMember(
        model=model,
        remote_id=REMOTE_IDS[model] if remote_id is None else remote_id,
        parent="17",
        record=made,
        provisional=provisional,
    )


def family(resource: str, row_id: str, *members: EntityMember) -> EntitySet:
    """What one record of ``resource`` yields."""
    return EntitySet(resource=resource, remote_id=row_id, members=members)


def snapshot(model: Model, remote_id: str | None = None, parent: str = "jobs:17", **fields: Any) -> Snapshot:
    """A snapshot of ``record``, at its first version unless said."""
    made = member(model, remote_id)
    hashes = HASHER.record(made.record)
    known: dict[str, Any] = {
        "model": model,
        "remote_id": made.remote_id,
        "parent": "" if model in SHARED else parent,
        "shared": shared_of(model, made.remote_id),
        "sequence": 1,
        "hash": hashes.record,
        "fields": hashes.fields,
        "changed_at": EARLIER,
    }
    return Snapshot(**(known | fields))


def differ(models: frozenset[Model] = EVERY, *, republish: bool = False) -> Differ:
    """A differ at noon."""
    return Differ(HASHER, NOON, models, NOON + timedelta(days=1) if republish else None)
