"""Converts an Opportunity to a job, job posting, hiring team, role assignments and roles. Pure.

The rules are in ``docs/assumptions.md``, "How the twelve models are made".
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from msgspec import Struct
from trackerrms_contracts.entities import (
    Job,
    JobHiringTeamMember,
    JobPosting,
    JobUserRoleAssignment,
    Location,
    Model,
    RemoteData,
    Role,
    UnifiedRoleType,
)

from bridge.tracker.entity_set import EntityMember, Ids
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.local_time import Clock
from bridge.tracker.plain_fields import PlainFields
from bridge.tracker.schema import FieldPlaces, Maps, Resources, map_key

OWNER_ROLE = "owner"
OWNER_LABEL = "Owner"
RULED = frozenset({"job_code", "employment_type", "status", "salary_period"})
"""Fields of a job that rules make from the value in the table's place."""
_SLOTS = range(1, 6)


class Slot(Struct, frozen=True, kw_only=True):
    """An owner of a job: the user, the role's id (or ``owner``), and its name if a record has one.

    ``role`` is ``None`` if there is a role with an unknown id; ``label`` is ``None`` without a name.
    """

    user: str
    role: str | None
    label: str | None


def unify_job(
    reader: FieldReader,
    state: str | None,
    *,
    plain: Mapping[str, Any],
    ids: Ids,
    clock: Clock,
    settings: Resources,
    remote_data: RemoteData | None,
) -> Job:
    """Return the job. ``state`` is the list it was found in; ``None`` for a job that was only read by id."""
    maps, prefix, mark = settings.maps, settings.job_code_prefix, settings.decimal_mark
    low, high = reader.number("salary_from", mark), reader.number("salary_to", mark)
    visibility = _visibility(reader, maps)
    return Job(
        **plain,
        id=ids.of(Model.JOB, reader.id),
        remote_id=reader.id,
        job_code=reader.text("job_code") or (f"{prefix}{reader.id}" if prefix else None),
        confidential=None if visibility is None else visibility == "CONFIDENTIAL",
        employment_type=_mapped(reader.text("employment_type"), maps.employment_type),
        status=unify_status(reader, state, settings),
        visibility=visibility,
        salary_amount=_one_amount(low, high),
        salary_amount_from=low,
        salary_amount_to=high,
        salary_period=_mapped(reader.text("salary_period"), maps.salary_period),
        location=_location(reader),
        remote_created_at=reader.instant("created_at", clock),
        remote_updated_at=reader.last_update(clock),
        remote_data=remote_data,
    )


def posting(
    reader: FieldReader,
    *,
    plain: PlainFields,
    ids: Ids,
    clock: Clock,
    settings: Resources,
    remote_data: RemoteData | None,
) -> JobPosting | None:
    """Return the job's posting; ``None`` for a job that was never advertised."""
    advert = reader.text("advert_status")
    if advert is None:
        return None
    return JobPosting(
        **plain.read(reader, clock, settings),
        id=ids.of(Model.JOB_POSTING, reader.id),
        remote_id=reader.id,
        description_html=reader.text("posting_description"),
        status="ACTIVE" if _letter(advert) == "a" else "INACTIVE",
        visibility=_online(reader),
        job_id=ids.of(Model.JOB, reader.id),
        remote_created_at=reader.instant("posting_created_at", clock),
        remote_updated_at=reader.instant("posting_updated_at", clock),
        remote_data=remote_data,
    )


def team(reader: FieldReader, *, ids: Ids, maps: Maps, owner: FieldPlaces) -> list[EntityMember]:
    """Return the roles, hiring team and role assignments of a job's owners, each once, in slot order."""
    slots = _slots(reader, owner)
    members: dict[str, EntityMember] = {}
    for slot in slots:
        unified = _unified(slot, maps)
        person = f"{reader.id}:{slot.user}"
        person_id = ids.of(Model.JOB_HIRING_TEAM_MEMBER, person)
        members.setdefault(
            person_id,
            EntityMember(
                model=Model.JOB_HIRING_TEAM_MEMBER,
                remote_id=person,
                parent=reader.id,
                record=JobHiringTeamMember(
                    id=person_id,
                    job_id=ids.of(Model.JOB, reader.id),
                    user_id=ids.of(Model.USER, slot.user),
                    roles=_roles_of(slot.user, slots, maps),
                ),
            ),
        )
        if slot.role is None:
            continue
        role_id = ids.of(Model.ROLE, slot.role)
        members.setdefault(
            role_id,
            EntityMember(
                model=Model.ROLE,
                remote_id=slot.role,
                parent=reader.id,
                provisional=slot.label is None and slot.role != OWNER_ROLE,
                record=Role(
                    id=role_id,
                    remote_id=slot.role,
                    remote_label=slot.label or (None if reader.left_out("owners") else OWNER_LABEL),
                    scope="JOB",
                    unified_type=unified,
                ),
            ),
        )
        seat = f"{person}:{slot.role}"
        seat_id = ids.of(Model.JOB_USER_ROLE_ASSIGNMENT, seat)
        members.setdefault(
            seat_id,
            EntityMember(
                model=Model.JOB_USER_ROLE_ASSIGNMENT,
                remote_id=seat,
                parent=reader.id,
                record=JobUserRoleAssignment(id=seat_id, job_user_id=person_id, role_id=role_id),
            ),
        )
    return list(members.values())


def _slots(reader: FieldReader, fields: FieldPlaces) -> list[Slot]:
    """Return the owners from the row's five slots, or from the by-id record's ``owners`` if there
    is no row."""
    listed = [FieldReader("job owner", fields, owner, None) for owner in reader.objects("owners")]
    labels: dict[str, str | None] = {}
    nameless: set[str | None] = set()
    roles: dict[str | None, str | None] = {}
    for owner in listed:
        role = owner.reference("role_id")
        label = owner.text("role_name")
        if role and label:
            labels.setdefault(role, label)
        user = owner.reference("id")
        roles[user] = role
        if label and role is None:
            nameless.add(user)
    if reader.row is None:
        listed.sort(key=lambda owner: owner.number("rank") or float("inf"))
        pairs = [(owner.reference("id"), owner.reference("role_id")) for owner in listed]
    else:
        pairs = [_pair(reader, n, roles) for n in _SLOTS]
    found = []
    for user, role in pairs:
        if not user:
            continue
        if role is None and user in nameless:
            reader.leave_out("owner_role_1", "a role has a name but no id: correct fields.job.owner_role_1")
            found.append(Slot(user=user, role=None, label=None))
            continue
        if role and reader.detail is not None and not reader.has("owners"):
            reader.leave_out("owners", "no record has the names of roles: correct fields.job.owners")
        found.append(Slot(user=user, role=role or OWNER_ROLE, label=labels.get(role) if role else None))
    return found


def _pair(
    reader: FieldReader, n: int, roles: Mapping[str | None, str | None]
) -> tuple[str | None, str | None]:
    """Return the user and the role of a row's slot. If rows have no place for roles, use the
    by-id record's."""
    user, role = reader.reference(f"owner_{n}"), reader.reference(f"owner_role_{n}")
    if role is None and not reader.has(f"owner_role_{n}"):
        role = roles.get(user)
    return user, role


def _unified(slot: Slot, maps: Maps) -> UnifiedRoleType | None:
    # The map's values were checked against UnifiedRoleType when it was configured.
    return cast("UnifiedRoleType | None", maps.role_type.get(map_key(slot.label))) if slot.label else None


def _roles_of(user: str, slots: list[Slot], maps: Maps) -> tuple[UnifiedRoleType, ...]:
    unified = (_unified(slot, maps) for slot in slots if slot.user == user)
    return tuple(dict.fromkeys(role for role in unified if role))


def _visibility(reader: FieldReader, maps: Maps) -> str | None:
    advert = reader.text("advert_status")
    spelled = "INTERNAL" if advert is None or _letter(advert) != "a" else _online(reader)
    return None if spelled is None else maps.visibility.get(map_key(spelled), spelled)


def _online(reader: FieldReader) -> Literal["PUBLIC", "UNLISTED"] | None:
    online = reader.flag("publish_online")
    if online is None and reader.left_out("publish_online"):
        return None
    return "PUBLIC" if online else "UNLISTED"


def _letter(advert: str) -> str:
    return advert.strip().casefold()


def unify_status(reader: FieldReader, state: str | None, settings: Resources) -> str | None:
    """Return ``OPEN``, ``CLOSED`` or the mapped status name; ``None`` if it is uncertain.

    ``state`` is the list the job was found in. Without it, only the record shows if the job has ended.
    """
    mapped = settings.maps.job_status.get(map_key(reader.text("status") or ""))
    if mapped:
        return mapped
    ended = reader.is_dated("ended_at")
    if state is None or settings.job_state_from == "record":
        return _by_record(reader, ended)
    if state == "open" and ended and settings.job_state_from == "auto":
        reader.leave_out(
            "status",
            "it is in the list of open jobs but its record has an end date: correct states.open, or set "
            'job_state_from = "list" or "record"',
        )
        return None
    return "OPEN" if state == "open" else "CLOSED"


def _by_record(reader: FieldReader, ended: bool) -> str | None:
    if ended:
        return "CLOSED"
    if reader.has("ended_at"):
        return "OPEN"
    reader.leave_out("status", "its record has no place for the end date: correct fields.job.ended_at")
    return None


def _one_amount(low: float | None, high: float | None) -> float | None:
    if low is None or high is None:
        return high if low is None else low
    return low if low == high else None


def _location(reader: FieldReader) -> Location | None:
    location = Location(
        raw=reader.text("location"),
        city=reader.text("city"),
        state=reader.text("state"),
        zip_code=reader.text("zip_code"),
    )
    return None if location == Location() else location


def _mapped(word: str | None, words: Mapping[str, str]) -> str | None:
    return None if word is None else words.get(map_key(word), word)
