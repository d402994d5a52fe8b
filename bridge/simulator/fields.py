"""Maps the fields of a change, named as in rows or by-id records, to the simulator's own record.

The simulator stores one flat record for each entity; rows and by-id records are views of it. Unknown names
and values of the wrong kind raise BadField; deliberately wrong forms are ``raw`` (see the world).
"""

from collections.abc import Mapping
from typing import Any

from bridge.json_types import MutableObject
from bridge.simulator.generate import OWNER_SLOTS, blank_owner_slots
from bridge.simulator.plain_fields import FLAG, NUMBER, PLAIN_FIELDS, TEXT
from bridge.simulator.pools import DEPARTMENTS, OPPORTUNITY_STATUSES, WORK_TYPES


class BadField(ValueError):
    """A change names an unknown field, or gives it a value of the wrong kind."""


_TEXT, _NUMBER, _FLAG, _LIST = TEXT, NUMBER, FLAG, "list"
_KINDS: dict[str, tuple[type, ...]] = {
    _TEXT: (str,),
    _NUMBER: (int, float),
    _FLAG: (bool,),
    _LIST: (list, tuple),
}

_TIMES = ("creationDate", "lastUpdatedDateTime")


def _fields(kind: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


SCHEMA: dict[str, dict[str, str]] = {
    "user": {**_fields(_TEXT, "firstName surname email"), "active": _FLAG},
    "resource": {
        **_fields(
            _TEXT,
            "firstName surname jobTitle email email2 mobilePhone telephone linkedin addressLine1"
            " addressLine2 town county postcode country clientName tagText note",
        ),
        **_fields(_NUMBER, "statusId clientId ownerId"),
        **_fields(_LIST, "workTypeIds quickSkills"),
    },
    "opportunity": {
        **_fields(
            _TEXT,
            "opportunityName clientName departmentName location locationCity locationState postcodeLocation"
            " dateOpened dateFilled awarded filled closed workType opportunityDescription"
            " advertStatus publishTitle publishDescription publishSector publishSalaryFrom publishSalaryTo"
            " publishSalaryPer publishReference publishDate publishStartDate",
        ),
        **_fields(_NUMBER, "opportunityStatusId clientId departmentId"),
        **{key: _NUMBER for slot in OWNER_SLOTS for key in slot},
        "publishOnline": _FLAG,
    },
    "opportunity_resource": {
        **_fields(_NUMBER, "opportunityId resourceId opportunityResourceStatusId"),
        "rejectionReason": _TEXT,
        "activeRecord": _FLAG,
    },
    "status": {**_fields(_TEXT, "name group"), "position": _NUMBER},
}
for _entity, _plain in PLAIN_FIELDS.items():
    SCHEMA[_entity].update({field.key: field.kind for field in _plain})
for _schema in SCHEMA.values():
    _schema.update(dict.fromkeys(_TIMES, _TEXT))

_ALIASES: dict[str, dict[str, str]] = {
    "user": {},
    "resource": {"firstname": "firstName"},
    "opportunity": {"name": "opportunityName"},
    "opportunity_resource": {},
    "status": {},
}

#: Nested objects of by-id records: the field that each of their keys sets.
_SAME = {
    "contactDetails": ("email", "email2", "mobilePhone", "telephone", "linkedin"),
    "address": ("addressLine1", "addressLine2", "town", "county", "postcode", "country"),
    "history": ("awarded", "filled", "closed"),
}
_NESTED: dict[str, dict[str, dict[str, str]]] = {
    "resource": {
        "contactDetails": {key: key for key in _SAME["contactDetails"]},
        "address": {key: key for key in _SAME["address"]},
        "currentClient": {"id": "clientId", "name": "clientName"},
        "status": {"id": "statusId"},
        "owner": {"id": "ownerId"},
    },
    "opportunity": {
        "status": {"id": "opportunityStatusId"},
        "client": {"id": "clientId", "name": "clientName"},
        "department": {"id": "departmentId", "name": "departmentName"},
        "workType": {"name": "workType"},
        "history": {key: key for key in _SAME["history"]},
        "advertDetails": {
            "title": "publishTitle",
            "sector": "publishSector",
            "salaryFrom": "publishSalaryFrom",
            "salaryTo": "publishSalaryTo",
            "salaryPer": "publishSalaryPer",
            "reference": "publishReference",
            "publishDate": "publishDate",
            "advertStatus": "advertStatus",
            "publishOnline": "publishOnline",
        },
    },
}


def blank(entity: str) -> MutableObject:
    """Return an empty record."""
    empty: dict[str, Any] = {_TEXT: "", _NUMBER: None, _FLAG: False}
    record: MutableObject = {
        name: [] if kind == _LIST else empty[kind] for name, kind in SCHEMA[entity].items()
    }
    if entity == "resource":
        record.update(statusId=1, availableForWork=True)
    elif entity == "opportunity":
        record.update(
            opportunityStatusId=2, dateOpened=None, dateFilled=None, awarded=None, filled=None, closed=None
        )
        record.update(publishDate=None, publishStartDate=None)
    elif entity == "user":
        record.update(active=True)
    elif entity == "opportunity_resource":
        record.update(activeRecord=True)
    return record


def accept(entity: str, given: Mapping[str, Any]) -> MutableObject:
    """Return the simulator's own fields that ``given`` sets. Raises BadField."""
    found: MutableObject = {}
    for name, value in given.items():
        nested = _NESTED.get(entity, {}).get(name)
        if nested is not None and isinstance(value, Mapping):
            _take(
                entity,
                found,
                {
                    nested.get(key, f"{name}.{key}"): part
                    for key, part in value.items()
                    if part is not None or key in nested
                },
            )
        elif entity == "opportunity" and name == "owners":
            found.update(_owners(value))
        elif entity == "resource" and name == "workTypes":
            found["workTypeIds"] = _work_types(value)
        else:
            _take(entity, found, {_ALIASES[entity].get(name, name): value})
    _check_references(entity, found)
    return found


def _take(entity: str, found: MutableObject, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        kind = SCHEMA[entity].get(name)
        if kind is None:
            # By-id lookups have both an id and a name; only one of them is a field of ours.
            if name in (
                "status.name",
                "owner.name",
                "workType.id",
                "advertDetails.location",
                "advertDetails.workType",
            ):
                continue
            raise BadField(f"{entity} has no field {name!r}")
        found[name] = _value(name, kind, value)


def _value(name: str, kind: str, value: Any) -> Any:
    if kind == _FLAG and value in ("y", "n"):
        return value == "y"
    if kind == _TEXT and name.startswith("publishSalary") and isinstance(value, int | float):
        return str(value)
    if value is None and kind != _LIST:
        return False if kind == _FLAG else None
    if not isinstance(value, _KINDS[kind]) or (kind == _NUMBER and isinstance(value, bool)):
        raise BadField(f"{name} must be {kind}, not {type(value).__name__}")
    if not isinstance(value, list | tuple):
        return value
    return [_skill(skill) for skill in value] if name == "quickSkills" else list(value)


def _skill(value: Any) -> tuple[int, str]:
    if isinstance(value, dict):
        value = (value.get("id"), value.get("name"))
    if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[0], int):
        raise BadField("a skill needs an id and a name")
    return (value[0], str(value[1]))


def known_parts(entity: str, name: str, value: Any) -> Any:
    """Return the known keys of a nested object (REST writes silently drop the others)."""
    if not isinstance(value, dict):
        raise BadField(f"{name} must be an object")
    return {key: part for key, part in value.items() if key in _NESTED[entity][name]}


def _owners(value: Any) -> MutableObject:
    if not isinstance(value, list) or len(value) > len(OWNER_SLOTS):
        raise BadField("owners must be a list of at most five")
    found = blank_owner_slots()
    for (owner, role, percent), given in zip(OWNER_SLOTS, value, strict=False):
        if not isinstance(given, dict) or not isinstance(given.get("ownerId"), int):
            raise BadField("an owner needs an ownerId")
        found.update({owner: given["ownerId"], role: given.get("roleId"), percent: given.get("percent")})
    return found


def _work_types(value: Any) -> list[int]:
    if not isinstance(value, list):
        raise BadField("workTypes must be a list")
    ids = [given.get("id") for given in value if isinstance(given, dict)]
    return [known for known in ids if isinstance(known, int) and 1 <= known <= len(WORK_TYPES)]


def _check_references(entity: str, found: MutableObject) -> None:
    if entity != "opportunity":
        return
    if found.get("opportunityStatusId", 1) not in OPPORTUNITY_STATUSES:
        raise BadField("no such opportunityStatusId")
    if "departmentId" in found and "departmentName" not in found:
        found["departmentName"] = DEPARTMENTS.get(found["departmentId"], "")
