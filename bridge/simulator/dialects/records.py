"""Switches for records: the keys of rows and by-id records, their nesting, and their wrappers."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.json_types import MutableObject
from bridge.simulator.dialects.naming import all_cased
from bridge.simulator.dialects.switches import LISTS, RECORDS, Dialect, Switch, switch

_CASES: Final = {
    "camel": "opportunityName.",
    "pascal": "OpportunityName.",
    "lower": "opportunityname.",
    "snake": "opportunity_name.",
}

SWITCHES: Final[Mapping[str, Switch]] = {
    "row_case": switch("How rows spell their keys.", LISTS, _CASES),
    "record_case": switch("How by-id records spell their keys.", RECORDS, _CASES),
    "row_shape": switch(
        "The form of a row.",
        RECORDS,
        {
            "flat": "A flat record with few keys of its own.",
            "nested": "The by-id record.",
            "poor": "Only its id and its name.",
            "wrapped": "The flat record, wrapped under record next to its score.",
        },
    ),
    "record_shape": switch(
        "The answer of a by-id read.",
        RECORDS,
        {
            "nested": "A nested record with keys of its own.",
            "flat": "A flat record: the row's keys, and the nested values at the same level.",
            "row": "Only the row.",
            "data": "The nested record under data.",
            "result": "The nested record under result, next to success and error.",
            "entity": "The nested record under the entity's name.",
            "list": "A list of one record.",
            "search": "An envelope of one row, as a search answers.",
            "odata": "The nested record next to @odata.context.",
        },
    ),
    "row_id": switch(
        "The key of a row's own id.",
        LISTS,
        {
            "named": "opportunityId, resourceId, opportunityResourceId, userId.",
            "id": "id.",
            "ID": "opportunityID, with ID in capitals.",
            "recordId": "recordId.",
            "key": "key.",
        },
    ),
    "record_id": switch(
        "The key of a by-id record's own id.",
        RECORDS,
        {
            "id": "id; of an application opportunityResourceId.",
            "named": "opportunityId, resourceId, opportunityResourceId.",
            "recordId": "recordId.",
            "absent": "It has no id.",
        },
    ),
    "last_updated": switch(
        "The key of a record's last update.",
        RECORDS,
        {
            "lastUpdatedDateTime": "lastUpdatedDateTime.",
            "lastUpdated": "lastUpdated.",
            "lastUpdatedDate": "lastUpdatedDate.",
            "modifiedDate": "modifiedDate.",
            "absent_in_rows": "Rows do not have it; by-id records do.",
            "absent_in_records": "By-id records do not have it; rows do.",
            "absent": "It is omitted.",
        },
    ),
    "creation": switch(
        "The key of a record's creation.",
        RECORDS,
        {
            "creationDate": "creationDate.",
            "createdDate": "createdDate.",
            "dateCreated": "dateCreated.",
            "absent": "It is omitted.",
        },
    ),
    "lookups": switch(
        "How by-id records give values chosen from a list: status, client, department, work type, owner.",
        "jobs candidates",
        {
            "objects": "As an object of id and name.",
            "names": "As its name, a text.",
            "ids": "As its id, a number, under the key with Id.",
            "flat": "As two keys, with Id and with Name.",
            "titles": "As an object of value and text.",
        },
    ),
}

#: The key of a row's own id, by entity.
ID_KEYS: Final[Mapping[str, str]] = {
    "opportunity": "opportunityId",
    "resource": "resourceId",
    "opportunity_resource": "opportunityResourceId",
    "user": "userId",
}
_WRAPPERS: Final = {
    "opportunity": "opportunity",
    "resource": "resource",
    "opportunity_resource": "opportunityResource",
}


def renamed(record: MutableObject, names: Mapping[str, str]) -> MutableObject:
    """Return a record with some keys renamed, in the same order."""
    return {names.get(key, key): value for key, value in record.items()}


def without_keys(record: MutableObject, *keys: str) -> MutableObject:
    """Return a record without these keys."""
    return {key: value for key, value in record.items() if key not in keys}


def lookups_given(dialect: Dialect, record: MutableObject) -> MutableObject:
    """Return a by-id record with values chosen from lists in this dialect."""
    how = dialect["lookups"]
    if how == "objects":
        return record
    found: MutableObject = {}
    for key, value in record.items():
        if not isinstance(value, dict) or value.keys() != {"id", "name"}:
            found[key] = value
        elif how == "names":
            found[key] = value["name"]
        elif how == "ids":
            found[f"{key}Id"] = value["id"]
        elif how == "flat":
            found.update({f"{key}Id": value["id"], f"{key}Name": value["name"]})
        else:
            found[key] = {"value": value["id"], "text": value["name"]}
    return found


def times_given(dialect: Dialect, record: MutableObject, by_id: bool) -> MutableObject:
    """Return a record with its creation and last update under this dialect's keys, or without them."""
    updated, created = dialect["last_updated"], dialect["creation"]
    gone = [
        *(["creationDate"] if created == "absent" else []),
        *(["lastUpdatedDateTime"] if updated in ("absent", _absent_in(by_id)) else []),
    ]
    names = {"creationDate": created, "lastUpdatedDateTime": updated}
    if updated.startswith("absent"):
        del names["lastUpdatedDateTime"]
    return renamed(without_keys(record, *gone), names)


def _absent_in(by_id: bool) -> str:
    return "absent_in_records" if by_id else "absent_in_rows"


def id_given(dialect: Dialect, entity: str, record: MutableObject, by_id: bool) -> MutableObject:
    """Return a record with its own id under this dialect's key."""
    own = ID_KEYS[entity] if not by_id or "id" not in record else "id"
    how = dialect["record_id" if by_id else "row_id"]
    match how:
        case "absent":
            return without_keys(record, own)
        case "named":
            return renamed(record, {own: ID_KEYS[entity]})
        case "ID":
            return renamed(record, {own: ID_KEYS[entity].removesuffix("Id") + "ID"})
        case "id" if by_id:
            return record
        case key:
            return renamed(record, {own: key})


def record_wrapped(dialect: Dialect, entity: str, record: Any) -> Any:
    """Return the answer of a by-id read for this record."""
    match dialect["record_shape"]:
        case "data":
            return {"data": record}
        case "result":
            return {"success": True, "error": None, "result": record}
        case "entity":
            return {_WRAPPERS.get(entity, entity): record}
        case "list":
            return [record]
        case "search":
            return {"totalCount": 1, "items": [record]}
        case "odata":
            head = {"@odata.context": f"$metadata#{_WRAPPERS.get(entity, entity)}/$entity"}
            return {**head, **record} if isinstance(record, dict) else record
        case _:
            return record


def row_wrapped(dialect: Dialect, entity: str, row: Any) -> Any:
    """Return the list's element for this row."""
    if entity == "user" or not isinstance(row, dict):
        return row
    match dialect["row_shape"]:
        case "wrapped":
            return {"score": 1.0, "record": row}
        case "poor":
            kept = (ID_KEYS[entity], "opportunityName", "displayAs", "resourceDisplayAs")
            return {key: row[key] for key in kept if key in row}
        case _:
            return row


def cased_record(dialect: Dialect, value: Any, by_id: bool) -> Any:
    """Return a row or by-id answer with its keys in this dialect's case."""
    return all_cased(value, dialect["record_case" if by_id else "row_case"])
