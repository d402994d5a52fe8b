"""Switches for placement statuses: the place and form of their list, and the names of their groups."""

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from bridge.json_types import MutableObject
from bridge.simulator.dialects.switches import Dialect, Switch, switch

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "declined": {"Rejected": "Declined"},
    "unsuccessful": {"Rejected": "Unsuccessful"},
    "not_suitable": {"Rejected": "Not Suitable"},
    "lower": {
        name: name.lower()
        for name in ("Applied", "Shortlisted", "Internal", "Rejected", "Offer", "Working", "Complete")
    },
    "working": {"Working": "On Assignment", "Complete": "Placed"},
    "german": {
        "Applied": "Beworben",
        "Shortlisted": "Vorauswahl",
        "Internal": "Intern",
        "Rejected": "Abgelehnt",
        "Offer": "Angebot",
        "Working": "Im Einsatz",
        "Complete": "Abgeschlossen",
    },
    "french": {
        "Applied": "Candidat",
        "Shortlisted": "Présélectionné",
        "Internal": "Interne",
        "Rejected": "Refusé",
        "Offer": "Offre",
        "Working": "En mission",
        "Complete": "Terminé",
    },
}

SWITCHES: Final[Mapping[str, Switch]] = {
    "status_path": switch(
        "Where the list of placement statuses is.",
        "statuses",
        {
            "MetaData": "GET /api/v1/MetaData.",
            "named": "GET /api/v1/MetaData/OpportunityResourceStatuses.",
            "entity": "GET /api/v1/OpportunityResource/Statuses.",
            "list": "GET /api/v1/OpportunityResourceStatus/List.",
            "lower_d": "GET /api/v1/Metadata, in that case only.",
            "nowhere": "Nowhere.",
        },
    ),
    "status_form": switch(
        "The form of the list of placement statuses.",
        "statuses",
        {
            "keyed": "A list under opportunityResourceStatuses.",
            "list": "A bare list.",
            "by_id": "An object under opportunityResourceStatuses, of statuses by their id.",
            "$values": "A list under $values, in opportunityResourceStatuses.",
            "grouped": "Groups under opportunityResourceStatuses, each with its statuses.",
            "placements": "A list under placementStatuses.",
            "data": "A list under opportunityResourceStatuses, in data.",
            "empty": "An empty list.",
        },
    ),
    "status_keys": switch(
        "The keys of a status's id and name.",
        "statuses",
        {
            "id": "id and name.",
            "statusId": "statusId and statusName.",
            "named": "opportunityResourceStatusId and opportunityResourceStatusName.",
            "value": "value and text.",
            "key": "key and value.",
            "pascal": "Id and Name.",
            "description": "id and description.",
        },
    ),
    "group_key": switch(
        "The form of a status's group.",
        "statuses",
        {
            "group": "group, a text.",
            "groupName": "groupName.",
            "state": "state.",
            "category": "category.",
            "statusGroup": "statusGroup.",
            "object": "group, an object of id and name.",
            "type": "type, the group's number.",
            "absent": "It is omitted.",
        },
    ),
    "group_names": switch(
        "The names of the groups of statuses.",
        "statuses",
        {
            "plain": "Applied, Shortlisted, Internal, Rejected, Offer, Working, Complete.",
            "declined": "Rejected is named Declined.",
            "unsuccessful": "Rejected is named Unsuccessful.",
            "not_suitable": "Rejected is named Not Suitable.",
            "lower": "All in lower case.",
            "working": "Working is named On Assignment, Complete is named Placed.",
            "german": "In German.",
            "french": "In French.",
        },
    ),
    "hidden_statuses": switch(
        "Which statuses the list omits although applications have them.",
        "statuses applications",
        {
            "none": "None.",
            "one": "One: CV Sent.",
            "rejected": "All of the group Rejected.",
            "inactive": "None, but one has active false: CV Sent.",
            "retired": "None, but one has retired true and comes last: CV Sent.",
        },
    ),
    "status_order": switch(
        "The order of the statuses in the list.",
        "statuses",
        {
            "own": "Their own order.",
            "unstable": "Another order at each read.",
            "name": "By name.",
            "order_key": "By id; sortOrder has their own order.",
        },
    ),
}

_KEYS: Final = {
    "id": ("id", "name"),
    "statusId": ("statusId", "statusName"),
    "named": ("opportunityResourceStatusId", "opportunityResourceStatusName"),
    "value": ("value", "text"),
    "key": ("key", "value"),
    "pascal": ("Id", "Name"),
    "description": ("id", "description"),
}
_HIDDEN: Final = 4
_PLURAL: Final = "opportunityResourceStatuses"


def shown_statuses(
    dialect: Dialect, statuses: Mapping[int, Mapping[str, Any]]
) -> list[tuple[int, MutableObject]]:
    """Return the statuses in the order and with the keys of this dialect, each with its id."""
    numbered = list(statuses.items())
    places = {number: place for place, number in enumerate(statuses)}
    groups = list(dict.fromkeys(status["group"] for status in statuses.values()))
    hidden, order = dialect["hidden_statuses"], dialect["status_order"]
    if hidden == "one":
        numbered = [(number, status) for number, status in numbered if number != _HIDDEN]
    elif hidden == "rejected":
        numbered = [(number, status) for number, status in numbered if status["group"] != "Rejected"]
    elif hidden == "retired":
        numbered.sort(key=lambda one: one[0] == _HIDDEN)
    if order == "unstable":
        Random(dialect.count("status_order")).shuffle(numbered)  # noqa: S311 — an order, no secret
    elif order == "name":
        numbered.sort(key=lambda one: str(one[1]["name"]))
    elif order == "order_key":
        numbered.sort()
    found = []
    for number, status in numbered:
        id_key, name_key = _KEYS[dialect["status_keys"]]
        shown = {id_key: number, name_key: status["name"], **_group(dialect, status["group"], groups)}
        if hidden in ("inactive", "retired"):
            shown.update(_retired(hidden, number == _HIDDEN))
        if order == "order_key":
            shown["sortOrder"] = places[number]
        found.append((number, shown))
    return found


def _retired(how: str, is_retired: bool) -> MutableObject:
    return {"active": not is_retired} if how == "inactive" else {"retired": is_retired}


def _group(dialect: Dialect, group: str, groups: list[str]) -> MutableObject:
    name = _GROUPS.get(dialect["group_names"], {}).get(group, group)
    number = groups.index(group) + 1
    match dialect["group_key"]:
        case "absent":
            return {}
        case "object":
            return {"group": {"id": number, "name": name}}
        case "type":
            return {"type": number}
        case key:
            return {key: name}


def status_answer(dialect: Dialect, statuses: list[MutableObject], others: MutableObject) -> Any:
    """Return the answer of the metadata: the placement statuses, and other lists."""
    match dialect["status_form"]:
        case "list":
            return statuses
        case "by_id":
            key = _KEYS[dialect["status_keys"]][0]
            return {_PLURAL: {str(one.get(key)): _less(one, key) for one in statuses}, **others}
        case "$values":
            return {_PLURAL: {"$id": "2", "$values": statuses}, **others}
        case "grouped":
            return {_PLURAL: _grouped(statuses), **others}
        case "placements":
            return {"placementStatuses": statuses, **others}
        case "data":
            return {"data": {_PLURAL: statuses, **others}}
        case "empty":
            return {_PLURAL: [], **others}
        case _:
            return {_PLURAL: statuses, **others}


def _less(record: MutableObject, key: str) -> MutableObject:
    return {name: value for name, value in record.items() if name != key}


def _grouped(statuses: list[MutableObject]) -> list[MutableObject]:
    groups: dict[str, list[MutableObject]] = {}
    for one in statuses:
        group = one.get("group")
        name = str(group.get("name") if isinstance(group, dict) else group)
        groups.setdefault(name, []).append(_less(one, "group"))
    return [{"group": name, "statuses": held} for name, held in groups.items()]
