"""Detects the switches of records from their keys: case, nesting, and wrappers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.cli.recording.detectors.lists import case_of
from bridge.cli.recording.seen import BY_ID, SeenAccount, is_good, normalize_keys, unwrapped_row
from bridge.json_types import JsonObject
from bridge.tracker.layouts import compared_key
from bridge.tracker.schema import ResourceName

_OWN: Final = {"jobs": "opportunityid", "candidates": "resourceid", "applications": "opportunityresourceid"}
_UPDATED: Final = {
    "lastupdateddatetime": "lastUpdatedDateTime",
    "lastupdated": "lastUpdated",
    "lastupdateddate": "lastUpdatedDate",
    "modifieddate": "modifiedDate",
}
_CREATED: Final = {"creationdate": "creationDate", "createddate": "createdDate", "datecreated": "dateCreated"}
_POOR: Final = 3


def row_case(seen: SeenAccount) -> str | None:
    """Detect from the spelling of rows' keys of several words."""
    return case_of({key for name in BY_ID for row in seen.raw_rows(name) for key in _keys(row)})


def record_case(seen: SeenAccount) -> str | None:
    """Detect from the spelling of by-id records' keys of several words."""
    return case_of({key for name in BY_ID for one in seen.raw_records(name) for key in _keys(one)})


def _keys(record: Any) -> Iterable[str]:
    if isinstance(record, dict):
        for key, part in record.items():
            yield key
            yield from _keys(part)


def row_shape(seen: SeenAccount) -> str | None:
    """Detect from a row's wrapper, and from keys that only rows or only by-id records have."""
    rows = [row for name in BY_ID for row in seen.raw_rows(name)]
    if not rows:
        return None
    if any(unwrapped_row(row) is not row for row in rows):
        return "wrapped"
    if all(len(row) <= _POOR for row in rows):
        return "poor"
    nested = any({"advertdetails", "customfields", "history"} & row.keys() for row in seen.rows("jobs"))
    return "nested" if nested else "flat"


def record_shape(seen: SeenAccount) -> str | None:
    """Detect from a by-id record's wrapper, and from keys of rows in it."""
    forms = [one.form for name in BY_ID for one in seen.by_id[name] if is_good(name, one)]
    wrapped = next((form for form in forms if form), None)
    if wrapped or not forms:
        return wrapped
    jobs, rows = seen.records("jobs"), seen.rows("jobs")
    if row_shape(seen) != "flat" or not jobs or not rows:
        return "nested"
    if not any("opportunityname" in job for job in jobs):
        return "nested"
    listed = {key for row in rows for key in row}
    return "row" if all(job.keys() <= listed for job in jobs) else "flat"


def is_nested(seen: SeenAccount) -> bool:
    """Return true if by-id records contain objects, so that they show the form of references."""
    return record_shape(seen) not in ("flat", "row", None)


def row_id(seen: SeenAccount) -> str | None:
    """Detect from the key of the id."""
    if row_shape(seen) == "nested":
        return None
    for name in BY_ID:
        for row in seen.raw_rows(name):
            found = _id_key(unwrapped_row(row), _OWN[name])
            if found is not None:
                return found
    return None


def detect_record_id(seen: SeenAccount) -> str | None:
    """Detect from the key of the id in by-id records of jobs or candidates."""
    is_known = False
    for name in BY_ID[:2]:
        for record in seen.raw_records(name):
            is_known = True
            found = _id_key(record, _OWN[name])
            if found is not None:
                return None if found == "named" and not is_nested(seen) else found
    return "absent" if is_known else None


def _id_key(record: Any, own: str) -> str | None:
    keys = {compared_key(key): key for key in record} if isinstance(record, dict) else {}
    if own in keys:
        return "ID" if keys[own].endswith("ID") and not keys[own].isupper() else "named"
    return next((spelled for key, spelled in _IDS.items() if key in keys), None)


_IDS: Final = {"id": "id", "recordid": "recordId", "key": "key"}


def last_updated(seen: SeenAccount) -> str | None:
    """Detect from the key in rows and in by-id records of candidates and applications."""
    rows, records = _dated(seen, _UPDATED)
    if rows is None and records is None:
        return None
    if rows == "":
        return _UPDATED.get(records or "", "absent") and ("absent_in_rows" if records else "absent")
    if records == "":
        return "absent_in_records" if rows else "absent"
    return _UPDATED[rows or records or ""]


def creation(seen: SeenAccount) -> str | None:
    """Detect from the key."""
    rows, records = _dated(seen, _CREATED)
    if rows is None and records is None:
        return None
    return _CREATED.get(rows or records or "", "absent")


def _dated(seen: SeenAccount, names: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the plain key in rows and in by-id records: "" if there is none, ``None`` if it is unknown."""
    rows = [row for name in BY_ID for row in seen.rows(name)] if row_shape(seen) not in ("poor", None) else []
    records = [*seen.records("candidates"), *seen.records("applications")]
    return _first(rows, names), _first(records, names)


def _first(records: list[JsonObject], names: Mapping[str, str]) -> str | None:
    if not records:
        return None
    return next((key for record in records for key in names if key in record), "")


_CHOSEN: Final[tuple[tuple[ResourceName, str], ...]] = (
    ("candidates", "status"),
    ("jobs", "client"),
    ("jobs", "worktype"),
)


def lookups(seen: SeenAccount) -> str | None:
    """Detect from the form of a candidate's status and a job's client in by-id records."""
    if not is_nested(seen):
        return None
    for name, key in _CHOSEN:
        for record in seen.records(name):
            held = record.get(key)
            if isinstance(held, dict):
                return "titles" if {"value", "text"} <= held.keys() else "objects"
            if isinstance(held, str):
                return "names"
            if f"{key}id" in record:
                return "flat" if f"{key}name" in record else "ids"
    return None


def plain_rows(seen: SeenAccount, name: Any) -> list[JsonObject]:
    """Return the rows of a list, unless they have too few keys to be conclusive."""
    return (
        []
        if row_shape(seen) in ("poor", "nested", None)
        else [normalize_keys(row) for row in seen.rows(name)]
    )


DETECTORS: Final[Mapping[str, Any]] = {
    "row_case": row_case,
    "record_case": record_case,
    "row_shape": row_shape,
    "record_shape": record_shape,
    "row_id": row_id,
    "record_id": detect_record_id,
    "last_updated": last_updated,
    "creation": creation,
    "lookups": lookups,
}
