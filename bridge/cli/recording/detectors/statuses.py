"""Detects the switches of placement statuses from their list: its place, its form, and the names
of groups."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from bridge.cli.recording.exchanges import NO_JSON, Exchange
from bridge.cli.recording.seen import SeenAccount, normalize_keys
from bridge.json_types import JsonObject
from bridge.tracker.layouts import compared_key

PATHS: Final[Mapping[str, str]] = {
    "/api/v1/MetaData": "MetaData",
    "/api/v1/MetaData/OpportunityResourceStatuses": "named",
    "/api/v1/OpportunityResource/Statuses": "entity",
    "/api/v1/OpportunityResourceStatus/List": "list",
    "/api/v1/Metadata": "lower_d",
}
_PLURAL: Final = "opportunityresourcestatuses"
_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "declined": frozenset(("Declined",)),
    "unsuccessful": frozenset(("Unsuccessful",)),
    "not_suitable": frozenset(("Not Suitable",)),
    "lower": frozenset(("rejected", "applied", "shortlisted", "internal")),
    "working": frozenset(("On Assignment", "Placed")),
    "german": frozenset(("Abgelehnt", "Beworben", "Vorauswahl")),
    "french": frozenset(("Refusé", "Candidat", "Présélectionné")),
    "plain": frozenset(("Applied", "Shortlisted", "Internal", "Rejected", "Offer")),
}
_GROUP_KEYS: Final = {
    "groupname": "groupName",
    "state": "state",
    "category": "category",
    "statusgroup": "statusGroup",
    "type": "type",
}


class ListedStatuses(Struct, frozen=True, kw_only=True):
    """An answer of the list: its form by the dialects' name, and the statuses as spelled."""

    form: str
    rows: Sequence[JsonObject]


def status_lists(seen: SeenAccount) -> list[ListedStatuses]:
    """Return each answer that has a list of statuses."""
    found = (_list_in(one.said) for one in _asked(seen) if one.status == 200 and one.said is not NO_JSON)
    return [one for one in found if one is not None]


def _asked(seen: SeenAccount) -> list[Exchange]:
    return seen.of("GET", seen.settings["statuses"].list.path, *PATHS)


def _list_in(said: Any) -> ListedStatuses | None:
    if isinstance(said, list):
        return ListedStatuses(form="list", rows=said) if all(isinstance(one, dict) for one in said) else None
    if not isinstance(said, dict):
        return None
    keys = {compared_key(key): key for key in said}
    if "data" in keys and isinstance(said[keys["data"]], dict):
        inner = _list_in(said[keys["data"]])
        return inner and ListedStatuses(form="data", rows=inner.rows)
    if "placementstatuses" in keys:
        return ListedStatuses(form="placements", rows=said[keys["placementstatuses"]])
    return _in_plural(said[keys[_PLURAL]]) if _PLURAL in keys else None


def _in_plural(held: Any) -> ListedStatuses | None:
    if isinstance(held, dict):
        if "$values" in held:
            return ListedStatuses(form="$values", rows=held["$values"])
        return ListedStatuses(form="by_id", rows=[one for one in held.values() if isinstance(one, dict)])
    if not isinstance(held, list):
        return None
    if not held:
        return ListedStatuses(form="empty", rows=[])
    grouped = [
        one["statuses"] for one in held if isinstance(one, dict) and isinstance(one.get("statuses"), list)
    ]
    if grouped:
        named = [{**status, "group": one.get("group")} for one in held for status in one["statuses"]]
        return ListedStatuses(form="grouped", rows=named)
    return ListedStatuses(form="keyed", rows=held)


def _rows(seen: SeenAccount) -> list[JsonObject]:
    return [normalize_keys(row) for one in status_lists(seen) for row in one.rows]


def status_path(seen: SeenAccount) -> str | None:
    """Detect from the path that answers."""
    answered = {one.path for one in _asked(seen) if one.status == 200}
    found = [name for path, name in PATHS.items() if path in answered]
    if found:
        return found[0]
    asked = {one.path for one in _asked(seen)}
    return "nowhere" if asked >= PATHS.keys() else None


def status_form(seen: SeenAccount) -> str | None:
    """Detect from the form of the answer."""
    return next((one.form for one in status_lists(seen)), None)


def status_keys(seen: SeenAccount) -> str | None:
    """Detect from the keys of a status's id and name."""
    raw = {key for one in status_lists(seen) for row in one.rows for key in row}
    keys = {compared_key(key) for key in raw}
    if not keys:
        return None
    if {"Id", "Name"} & raw:
        return "pascal"
    for needed, name in (
        ("statusname", "statusId"),
        ("opportunityresourcestatusname", "named"),
        ("description", "description"),
        ("text", "value"),
    ):
        if needed in keys:
            return name
    if "value" in keys:
        return "key"
    return "id" if "name" in keys else None


def group_key(seen: SeenAccount) -> str | None:
    """Detect from the key of the group."""
    rows = _rows(seen)
    if not rows:
        return None
    keys = {key for row in rows for key in row}
    if (
        "group" in keys
        and status_form(seen) == "grouped"
        and all(row.get("group") in (None, "None") for row in rows)
    ):
        return None
    if "group" in keys:
        return "object" if any(isinstance(row.get("group"), dict) for row in rows) else "group"
    return next((name for key, name in _GROUP_KEYS.items() if key in keys), "absent")


def group_names(seen: SeenAccount) -> str | None:
    """Detect from the product's words for groups."""
    names = set()
    for row in _rows(seen):
        for key in ("group", *_GROUP_KEYS):
            held = row.get(key)
            names.add(held.get("name") if isinstance(held, dict) else held)
    names = {name for name in names if isinstance(name, str)}
    return next((name for name, words in _GROUPS.items() if words & names), None)


def hidden_statuses(seen: SeenAccount) -> str | None:
    """Detect from applications' statuses that the list lacks, and from keys that mark a status as retired."""
    rows = _rows(seen)
    if not rows or status_form(seen) == "by_id":
        return None
    keys = {key for row in rows for key in row}
    if "active" in keys:
        return "inactive"
    if "retired" in keys:
        return "retired"
    known = {_number(row.get(key)) for row in rows for key in _ID_KEYS}
    used = {_number(value) for row in seen.rows("applications") if (value := _status_of(row)) is not None}
    if not used:
        return None
    missing = used - known
    return "rejected" if len(missing) > 1 else "one" if missing else "none"


_ID_KEYS: Final = ("id", "statusid", "opportunityresourcestatusid", "value", "key")


def _status_of(row: JsonObject) -> Any:
    for key in ("opportunityresourcestatusid", "statusid", "placementstatusid"):
        if row.get(key) is not None:
            return row[key]
    held = row.get("opportunityresourcestatus", row.get("status"))
    return held.get("id") if isinstance(held, dict) else None


def _number(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def status_order(seen: SeenAccount) -> str | None:
    """Detect from two reads and the order of the rows."""
    lists = [[normalize_keys(row) for row in one.rows] for one in status_lists(seen) if one.rows]
    if not lists:
        return None
    if any("sortorder" in row for row in lists[0]):
        return "order_key"
    orders = {tuple(_name(row) for row in rows) for rows in lists}
    if len(orders) > 1:
        return "unstable"
    (names,) = orders
    return "name" if list(names) == sorted(names) and len(names) > 3 else "own"


def _name(row: JsonObject) -> str:
    keys = ("name", "statusname", "opportunityresourcestatusname", "text", "description", "value")
    return next((str(row[key]) for key in keys if isinstance(row.get(key), str)), "")


DETECTORS: Final[Mapping[str, Any]] = {
    "status_path": status_path,
    "status_form": status_form,
    "status_keys": status_keys,
    "group_key": group_key,
    "group_names": group_names,
    "hidden_statuses": hidden_statuses,
    "status_order": status_order,
}
