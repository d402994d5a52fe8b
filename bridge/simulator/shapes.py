"""The forms in which TrackerRMS shows a record: flat rows in lists, nested objects by id, as in
docs/assumptions.md.

Names marked as guesses there are guesses here too.
"""

from collections.abc import Callable
from typing import Any

from bridge.json_types import MutableObject
from bridge.simulator.generate import OWNER_SLOTS
from bridge.simulator.plain_fields import plain_keys
from bridge.simulator.pools import OPPORTUNITY_STATUSES, RESOURCE_STATUSES, ROLES, WORK_TYPES
from bridge.simulator.quirks import Quirks
from bridge.simulator.truth import amount
from bridge.simulator.world import World

_TIMES = (
    *("creationDate", "lastUpdatedDateTime", "dateOpened", "dateFilled", "publishDate", "publishStartDate"),
    *("awarded", "filled", "closed"),
)
_CONTACT = ("email", "email2", "mobilePhone", "telephone", "linkedin")
_ADDRESS = ("addressLine1", "addressLine2", "town", "county", "postcode", "country")
_JOB_ROW = (
    *("opportunityName", "opportunityStatusId", "clientId", "clientName", "location", "locationCity"),
    *("locationState", "postcodeLocation", "dateOpened", "dateFilled", "creationDate", "lastUpdatedDateTime"),
    *(
        "workType",
        "opportunityDescription",
        "publishTitle",
        "publishDescription",
        "publishSector",
    ),
    *("publishSalaryFrom", "publishSalaryTo", "publishSalaryPer", "publishReference", "publishDate"),
    *("publishStartDate", "advertStatus"),
    *(key for slot in OWNER_SLOTS for key in slot),
    *plain_keys("opportunity", in_row=True),
)


class RecordShapes:
    """Rows and by-id records of a world, with the quirks that are on."""

    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world, self._quirks = world, quirks
        self._moves = 0
        self._rows: dict[str, Callable[[int, MutableObject], MutableObject]] = {
            "user": self._user,
            "resource": self._resource_row,
            "opportunity": self._opportunity_row,
            "opportunity_resource": self._placement,
        }
        self._details: dict[str, Callable[[int, MutableObject], MutableObject]] = {
            "user": self._user,
            "resource": self._resource,
            "opportunity": self._opportunity,
            "opportunity_resource": lambda n, record: {**self._placement(n, record), "customFields": []},
        }

    def row(self, entity: str, record_id: int, record: MutableObject) -> Any:
        """Return the record as in a list."""
        raw = self._world.raw.get((entity, record_id), {})
        if "row" in raw:
            return raw["row"]
        made = self._rows if self._quirks["flat_lists"] or entity == "user" else self._details
        return made[entity](record_id, self._timed(record))

    def detail(self, entity: str, record_id: int, record: MutableObject) -> Any:
        """Return the record as in a by-id read."""
        raw = self._world.raw.get((entity, record_id), {})
        return raw["detail"] if "detail" in raw else self._details[entity](record_id, self._timed(record))

    def _timed(self, record: MutableObject) -> MutableObject:
        if self._quirks["local_times"]:
            return record
        utc = {key: self._world.local.utc(record[key]) for key in _TIMES if key in record}
        return {**record, **{key: text.replace(".000Z", "Z") if text else None for key, text in utc.items()}}

    def _flag(self, value: bool) -> str | bool:
        return ("y" if value else "n") if self._quirks["yes_no_in_lists"] else value

    def _user(self, user_id: int, record: MutableObject) -> MutableObject:
        found = {key: record[key] for key in ("firstName", "surname", "email")}
        return {"userId": user_id, **found, "active": self._flag(record["active"])}

    def _resource_row(self, resource_id: int, record: MutableObject) -> MutableObject:
        return {
            "resourceId": resource_id,
            "displayAs": display(record),
            "firstname": record["firstName"],
            "surname": record["surname"],
            "jobTitle": record["jobTitle"],
            "resourceStatus": RESOURCE_STATUSES.get(record["statusId"], ""),
            "creationDate": record["creationDate"],
            "lastUpdatedDateTime": record["lastUpdatedDateTime"],
            "quickSkills": _skills(record),
            **{key: record[key] for key in plain_keys("resource", in_row=True)},
        }

    def _resource(self, resource_id: int, record: MutableObject) -> MutableObject:
        as_they_are = (
            *("firstName", "surname", "jobTitle", "tagText", "note", "creationDate", "lastUpdatedDateTime"),
            *plain_keys("resource", by_id=True),
        )
        owner = self._world.live["user"].get(record["ownerId"]) if record["ownerId"] is not None else None
        return {
            "id": resource_id,
            **{key: record[key] for key in as_they_are},
            "status": _named(record["statusId"], RESOURCE_STATUSES.get(record["statusId"])),
            "contactDetails": {key: record[key] for key in _CONTACT},
            "address": {key: record[key] for key in _ADDRESS},
            "currentClient": _named(record["clientId"], record["clientName"])
            if record["clientName"]
            else None,
            "workTypes": [_named(n, WORK_TYPES[n - 1]) for n in record["workTypeIds"]],
            "quickSkills": _skills(record),
            "owner": _named(record["ownerId"], display(owner)) if owner else None,
        }

    def _opportunity_row(self, job_id: int, record: MutableObject) -> MutableObject:
        return {
            "opportunityId": job_id,
            **{key: record[key] for key in _JOB_ROW},
            "opportunityStatusDesc": OPPORTUNITY_STATUSES[record["opportunityStatusId"]][0],
            "publishOnline": self._flag(record["publishOnline"]),
            **self._counters(job_id),
        }

    def _counters(self, job_id: int) -> MutableObject:
        if self._quirks["moving_counters"]:
            self._moves += 1
        moved = self._moves // (1 + job_id % 7)
        return {
            "publishViewCount": job_id * 37 % 500 + moved,
            "publishApplyCount": job_id * 11 % 30 + moved // 9,
            "countShortlisted": len(self._world.lookup.placements("opportunity", job_id)),
        }

    def _opportunity(self, job_id: int, record: MutableObject) -> MutableObject:
        status = record["opportunityStatusId"]
        return {
            "id": job_id,
            "name": record["opportunityName"],
            "status": _named(status, OPPORTUNITY_STATUSES[status][0]),
            "client": _named(record["clientId"], record["clientName"]),
            "department": _named(record["departmentId"], record["departmentName"] or None),
            "workType": _named(_place(WORK_TYPES, record["workType"]), record["workType"]),
            "location": record["location"],
            "locationCity": record["locationCity"],
            "owners": self._owners(record),
            "advertDetails": _advert(record),
            "history": {key: record[key] for key in ("awarded", "filled", "closed")},
            "customFields": [],
            **{key: record[key] for key in plain_keys("opportunity", by_id=True)},
        }

    def _owners(self, record: MutableObject) -> list[MutableObject]:
        found = []
        for rank, (owner, role, _) in enumerate(OWNER_SLOTS, start=1):
            if record[owner] is None:
                continue
            user = self._world.live["user"].get(record[owner])
            shown = {"name": display(user) if user else None, "email": user["email"] if user else None}
            role_id = record[role]
            entry = {"ownerId": record[owner], **shown, "rank": rank, "roleId": role_id}
            if self._quirks["owner_role_names"]:
                entry["roleName"] = ROLES.get(role_id) if role_id is not None else None
            found.append(entry)
        return found

    def _placement(self, placement_id: int, record: MutableObject) -> MutableObject:
        job = self._world.live["opportunity"].get(record["opportunityId"]) or {}
        candidate = self._world.live["resource"].get(record["resourceId"])
        status = self._world.statuses.get(record["opportunityResourceStatusId"], {})
        return {
            "opportunityResourceId": placement_id,
            "opportunityId": record["opportunityId"],
            "resourceId": record["resourceId"],
            "clientId": job.get("clientId"),
            "clientName": job.get("clientName"),
            "opportunityName": job.get("opportunityName"),
            "opportunityResourceStatusId": record["opportunityResourceStatusId"],
            "opportunityResourceStatusName": status.get("name"),
            "rejectionReason": record["rejectionReason"],
            "activeRecord": self._flag(record["activeRecord"]),
            "resourceDisplayAs": display(candidate) if candidate else None,
            "resourceEmail": candidate["email"] if candidate else None,
            "creationDate": record["creationDate"],
            "lastUpdatedDateTime": record["lastUpdatedDateTime"],
        }


def display(record: MutableObject) -> str:
    """Return a person's name as TrackerRMS displays it."""
    return f"{record['firstName'] or ''} {record['surname'] or ''}".strip()


def _named(key: Any, name: str | None) -> MutableObject:
    return {"id": key, "name": name}


def _skills(record: MutableObject) -> list[MutableObject]:
    return [{"id": key, "name": name} for key, name in record["quickSkills"]]


def _place(names: tuple[str, ...], name: str | None) -> int | None:
    return names.index(name) + 1 if name in names else None


def _number(value: Any) -> float | None:
    number = amount(value)
    return int(number) if number is not None and number.is_integer() else number


def _advert(record: MutableObject) -> MutableObject:
    return {
        "title": record["publishTitle"],
        "location": record["location"],
        "sector": record["publishSector"],
        "salaryFrom": _number(record["publishSalaryFrom"]),
        "salaryTo": _number(record["publishSalaryTo"]),
        "salaryPer": record["publishSalaryPer"],
        "workType": record["workType"],
        "reference": record["publishReference"],
        "publishDate": record["publishDate"],
        "advertStatus": record["advertStatus"],
        "publishOnline": record["publishOnline"],
    }
