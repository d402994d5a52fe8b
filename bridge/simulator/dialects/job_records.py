"""Switches for jobs, applications and users: owners, adverts, statuses, references."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.json_types import MutableObject
from bridge.simulator.dialects.records import renamed, without_keys
from bridge.simulator.dialects.switches import Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "job_text": switch(
        "Where a job's description is.",
        "jobs",
        {
            "row": "In the row, as opportunityDescription and publishDescription.",
            "record": "In the by-id record only.",
            "description": "In the row, as description and advertDescription.",
            "absent": "Nowhere.",
        },
    ),
    "advert": switch(
        "Where a job's advert is in the by-id record.",
        "jobs",
        {
            "advertDetails": "In advertDetails.",
            "flat": "At the top level, as in rows.",
            "advert": "In advert.",
            "absent": "Nowhere.",
        },
    ),
    "job_status": switch(
        "How rows give a job's status.",
        "jobs",
        {
            "desc": "opportunityStatusId and opportunityStatusDesc.",
            "name": "opportunityStatusId and opportunityStatusName.",
            "object": "opportunityStatus, an object of id and name.",
            "id": "opportunityStatusId only.",
            "text": "status, a text.",
        },
    ),
    "owner_slots": switch(
        "How rows give a job's owners.",
        "jobs",
        {
            "five": "In five slots: opportunityOwnerId, secondaryOwnerId, and so on.",
            "numbered": "In five slots: owner1Id to owner5Id.",
            "list": "As owners, a list.",
            "two": "In two slots: the first and the second.",
            "absent": "They are omitted.",
        },
    ),
    "owner_roles": switch(
        "Where the role of a job's owner is.",
        "jobs",
        {
            "both": "In rows and in by-id records.",
            "rows": "In rows only.",
            "records": "In by-id records only.",
            "names": "In by-id records, only by name.",
            "absent": "Nowhere.",
        },
    ),
    "record_owners": switch(
        "How by-id records give a job's owners.",
        "jobs",
        {
            "owners": "As owners, with ownerId, name, email and rank.",
            "id": "As owners, with id instead of ownerId.",
            "user": "As owners, each with a user of id and name.",
            "jobOwners": "As jobOwners.",
            "absent": "They are omitted.",
        },
    ),
    "application_status": switch(
        "How an application gives its status.",
        "applications",
        {
            "both": "opportunityResourceStatusId and opportunityResourceStatusName.",
            "id": "Its id only.",
            "name": "Its name only.",
            "object": "opportunityResourceStatus, an object of id and name.",
            "status": "status, an object of id and name.",
            "statusId": "statusId and statusName.",
            "placement": "placementStatusId and placementStatusName.",
        },
    ),
    "application_refs": switch(
        "How an application gives its job and its candidate.",
        "applications",
        {
            "ids": "opportunityId and resourceId.",
            "objects": "opportunity and resource, objects of id and name.",
            "job": "jobId and candidateId.",
            "names": "opportunityName and resourceDisplayAs only.",
        },
    ),
    "rejection": switch(
        "The key of the note of a rejection.",
        "applications",
        {
            "rejectionReason": "rejectionReason.",
            "reason": "reasonForRejection.",
            "statusNote": "statusNote.",
            "absent": "The note is omitted.",
        },
    ),
    "users_shape": switch(
        "How a user is given.",
        "users",
        {
            "split": "userId, firstName, surname, email, active.",
            "username": "userId, userName with the whole name, emailAddress, active.",
            "display": "id, displayAs with the whole name, email, active.",
            "last_first": "userId, name as Lee, Ann, email, active.",
            "pascal": "UserId, Username, Email, Active, as in the widget API.",
            "no_email": "userId, firstName, surname, active.",
            "no_active": "userId, firstName, surname, email; inactive users are listed too.",
            "status": "userId, firstName, surname, email, status as Active or Inactive.",
            "active_only": "As assumed; inactive users are not listed.",
        },
    ),
}

_SLOTS: Final = ("opportunity", "secondary", "third", "fourth", "fifth")
_ROLE_KEYS: Final = (
    "ownerRoleId",
    "secondaryOwnerRoleId",
    "thirdOwnerRoleId",
    "fourthOwnerRoleId",
    "fifthOwnerRoleId",
)
_PERCENT_KEYS: Final = tuple(key.replace("RoleId", "Percent") for key in _ROLE_KEYS)
_OWNER_KEYS: Final = tuple(f"{slot}OwnerId" for slot in _SLOTS)
#: A by-id record's advert at the top level, under the keys of rows.
_ADVERT: Final = {
    "title": "publishTitle",
    "sector": "publishSector",
    "salaryFrom": "publishSalaryFrom",
    "salaryTo": "publishSalaryTo",
    "salaryPer": "publishSalaryPer",
    "reference": "publishReference",
    "publishDate": "publishDate",
    "advertStatus": "advertStatus",
    "publishOnline": "publishOnline",
}
_DESCRIPTIONS: Final = {
    "opportunityDescription": "description",
    "publishDescription": "advertDescription",
}
_APPLICATION_STATUS: Final = {
    "statusId": ("statusId", "statusName"),
    "placement": ("placementStatusId", "placementStatusName"),
}


def job_row(dialect: Dialect, row: MutableObject) -> MutableObject:
    """Return a job's row in this dialect."""
    match dialect["job_text"]:
        case "record" | "absent":
            row = without_keys(row, *_DESCRIPTIONS)
        case "description":
            row = renamed(row, _DESCRIPTIONS)
    return _slots(dialect, _job_status(dialect, row))


def _job_status(dialect: Dialect, row: MutableObject) -> MutableObject:
    if "opportunityStatusId" not in row:
        return row
    number, name = row["opportunityStatusId"], row.get("opportunityStatusDesc")
    rest = without_keys(row, "opportunityStatusId", "opportunityStatusDesc")
    match dialect["job_status"]:
        case "name":
            return {**rest, "opportunityStatusId": number, "opportunityStatusName": name}
        case "object":
            return {**rest, "opportunityStatus": {"id": number, "name": name}}
        case "id":
            return {**rest, "opportunityStatusId": number}
        case "text":
            return {**rest, "status": name}
        case _:
            return row


def _slots(dialect: Dialect, row: MutableObject) -> MutableObject:
    if dialect["owner_roles"] in ("records", "names", "absent"):
        row = without_keys(row, *_ROLE_KEYS)
    slots = list(zip(_OWNER_KEYS, _ROLE_KEYS, _PERCENT_KEYS, strict=True))
    every = [key for slot in slots for key in slot]
    match dialect["owner_slots"]:
        case "numbered":
            names = {
                key: f"owner{place}{kind}"
                for place, slot in enumerate(slots, start=1)
                for key, kind in zip(slot, ("Id", "RoleId", "Percent"), strict=True)
            }
            return renamed(row, names)
        case "list":
            owners = [
                {"ownerId": row[owner], "roleId": row.get(role)}
                for owner, role, _ in slots
                if row.get(owner) is not None
            ]
            return {**without_keys(row, *every), "owners": owners}
        case "two":
            return without_keys(row, *(key for slot in slots[2:] for key in slot))
        case "absent":
            return without_keys(row, *every)
        case _:
            return row


def job_record(dialect: Dialect, record: MutableObject, row: MutableObject) -> MutableObject:
    """Return a job's by-id record in this dialect. ``row`` has what only rows have."""
    if dialect["job_text"] == "record":
        record = {**record, **{key: row.get(key) for key in _DESCRIPTIONS}}
    return _advert(dialect, _owners(dialect, record))


def _advert(dialect: Dialect, record: MutableObject) -> MutableObject:
    held = record.get("advertDetails")
    if not isinstance(held, dict) or dialect["advert"] == "advertDetails":
        return record
    rest = without_keys(record, "advertDetails")
    match dialect["advert"]:
        case "flat":
            return {**rest, **{_ADVERT[key]: value for key, value in held.items() if key in _ADVERT}}
        case "advert":
            return {**rest, "advert": held}
        case _:
            return rest


def _owners(dialect: Dialect, record: MutableObject) -> MutableObject:
    held = record.get("owners")
    if not isinstance(held, list):
        return record
    roles = dialect["owner_roles"]
    gone = {"rows": ("roleId", "roleName"), "absent": ("roleId", "roleName"), "names": ("roleId",)}
    owners = [without_keys(owner, *gone.get(roles, ())) for owner in held]
    rest = without_keys(record, "owners")
    match dialect["record_owners"]:
        case "id":
            return {**rest, "owners": [renamed(owner, {"ownerId": "id"}) for owner in owners]}
        case "user":
            return {**rest, "owners": [_with_user(owner) for owner in owners]}
        case "jobOwners":
            return {**rest, "jobOwners": owners}
        case "absent":
            return rest
        case _:
            return {**record, "owners": owners}


def _with_user(owner: MutableObject) -> MutableObject:
    user = {"id": owner.get("ownerId"), "name": owner.get("name")}
    return {**without_keys(owner, "ownerId", "name"), "user": user}


def shape_application(dialect: Dialect, record: MutableObject) -> MutableObject:
    """Return an application in this dialect, as a row or by id."""
    note = dialect["rejection"]
    if note == "absent":
        record = without_keys(record, "rejectionReason")
    elif note != "rejectionReason":
        record = renamed(
            record, {"rejectionReason": "reasonForRejection" if note == "reason" else "statusNote"}
        )
    return _references(dialect, _application_status(dialect, record))


def _application_status(dialect: Dialect, record: MutableObject) -> MutableObject:
    keys = ("opportunityResourceStatusId", "opportunityResourceStatusName")
    if keys[0] not in record:
        return record
    number, name = (record.get(key) for key in keys)
    rest = without_keys(record, *keys)
    match dialect["application_status"]:
        case "id":
            return {**rest, keys[0]: number}
        case "name":
            return {**rest, keys[1]: name}
        case "object":
            return {**rest, "opportunityResourceStatus": {"id": number, "name": name}}
        case "status":
            return {**rest, "status": {"id": number, "name": name}}
        case "statusId" | "placement" as how:
            return {**rest, **dict(zip(_APPLICATION_STATUS[how], (number, name), strict=True))}
        case _:
            return record


def _references(dialect: Dialect, record: MutableObject) -> MutableObject:
    if "opportunityId" not in record:
        return record
    rest = without_keys(record, "opportunityId", "resourceId")
    job, candidate = record["opportunityId"], record.get("resourceId")
    match dialect["application_refs"]:
        case "objects":
            named = {"id": job, "name": record.get("opportunityName")}
            return {
                **rest,
                "opportunity": named,
                "resource": {"id": candidate, "name": record.get("resourceDisplayAs")},
            }
        case "job":
            return {**rest, "jobId": job, "candidateId": candidate}
        case "names":
            return rest
        case _:
            return record


def user(dialect: Dialect, row: MutableObject) -> MutableObject:
    """Return a user in this dialect."""
    first, last = row.get("firstName") or "", row.get("surname") or ""
    whole, number, email = f"{first} {last}".strip(), row.get("userId"), row.get("email")
    active = row.get("active")
    given: dict[str, MutableObject] = {
        "username": {"userId": number, "userName": whole, "emailAddress": email, "active": active},
        "display": {"id": number, "displayAs": whole, "email": email, "active": active},
        "last_first": {"userId": number, "name": f"{last}, {first}", "email": email, "active": active},
        "pascal": {"UserId": number, "Username": whole, "Email": email, "Active": active},
        "no_email": without_keys(row, "email"),
        "no_active": without_keys(row, "active"),
        "status": {**without_keys(row, "active"), "status": "Active" if is_yes(active) else "Inactive"},
    }
    return given.get(dialect["users_shape"], row)


def is_yes(flag: Any) -> bool:
    """Return true if a flag means yes, in any form that rows use."""
    return flag in ("y", "Y", "Yes", "true", True, "1", -1)
