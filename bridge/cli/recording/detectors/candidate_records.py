"""Detects the switches of candidates from by-id records: tags, names, addresses and numbers."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.cli.recording.detectors import dates
from bridge.cli.recording.detectors.records import is_nested, plain_rows, record_shape
from bridge.cli.recording.seen import SeenAccount
from bridge.json_types import JsonObject

_MARKS: Final = (("; ", "semicolons"), (";", "semicolons"), ("|", "pipes"), ("\n", "lines"), (",", "tagText"))
_MAILS: Final = {"email": "plain", "emailaddress": "address", "primaryemail": "primary", "workemail": "work"}
_HOLDERS: Final = {"contactdetails": "contactDetails", "contact": "contact", "contactinfo": "contactInfo"}


def saves(seen: SeenAccount) -> str | None:
    """Detect from a last update of by-id records that is very recent and later than their rows'."""
    moved = dates.moved_by_reading(seen)
    return "views_too" if moved else None


def detect_tags(seen: SeenAccount) -> str | None:
    """Detect from the key, its type and the separator."""
    records = seen.records("candidates")
    if not records or record_shape(seen) == "row":
        return None
    for record in records:
        held = record.get("tags")
        if isinstance(held, list) and held:
            return "objects" if isinstance(held[0], dict) else "tags_list"
        if isinstance(held, str) and held.strip():
            return "tags_text"
    if any("tag" in record for record in records):
        return "tag"
    given = [record for record in records if "tagtext" in record]
    if not given:
        return "absent"
    if _only_even(seen, "tagtext"):
        return "absent_for_some"
    values = [record["tagtext"] for record in given]
    if all(value is None for value in values):
        return "null"
    if any(isinstance(value, list) for value in values):
        return "list"
    text = "".join(value for value in values if isinstance(value, str))
    return next((name for mark, name in _MARKS if mark in text), None)


def _only_even(seen: SeenAccount, key: str) -> bool:
    """Return true if the records of even ids have a key and those of odd ids do not."""
    by_id = seen.records_by_id("candidates")
    even, odd = ([one for number, one in by_id.items() if number % 2 == rest] for rest in (0, 1))
    return bool(even and odd) and all(key in one for one in even) and not any(key in one for one in odd)


def contact(seen: SeenAccount) -> str | None:
    """Detect from the object that holds the addresses."""
    records = seen.records("candidates")
    if not records or not is_nested(seen):
        return None
    for record in records:
        for key, name in _HOLDERS.items():
            held = record.get(key)
            if isinstance(held, list):
                return "list"
            if isinstance(held, dict) and _MAILS.keys() & held.keys():
                some = name == "contactDetails" and _only_even(seen, key)
                return "absent_for_some" if some else name
    if any(_MAILS.keys() & record.keys() for record in records):
        return "flat"
    return "null" if any("contactdetails" in record for record in records) else "absent"


def contact_keys(seen: SeenAccount) -> str | None:
    """Detect from the key of the e-mail address."""
    for record in (*seen.records("candidates"), *seen.rows("candidates")):
        for held in (*(record.get(key) for key in _HOLDERS), record):
            keys = _contact_keys(held)
            found = next((name for key, name in _MAILS.items() if key in keys), None)
            if found is not None:
                return found
    return None


def _contact_keys(held: Any) -> set[str]:
    if isinstance(held, list):
        said = (one.get("type") for one in held if isinstance(one, dict))
        return {str(key).replace("_", "").lower() for key in said}
    return set(held) if isinstance(held, dict) else set()


def address(seen: SeenAccount) -> str | None:
    """Detect from the place of its first line."""
    records = seen.records("candidates")
    if not records or not is_nested(seen):
        return None
    found = {_address(record) for record in records} - {None}
    if "country_object" in found:
        return "country_object"
    return next(iter(found), "absent")


def _address(record: JsonObject) -> str | None:
    held = record.get("address")
    if isinstance(held, str):
        return "text"
    if isinstance(held, dict) and held:
        if isinstance(held.get("country"), dict):
            return "country_object"
        return "other_keys" if {"address1", "city", "zip"} & held.keys() else "address"
    inner = record.get("contactdetails")
    if isinstance(inner, dict) and {"town", "postcode"} & inner.keys():
        return "in_contact"
    return "flat" if {"town", "postcode"} & record.keys() else None


def person_names(seen: SeenAccount) -> str | None:
    """Detect from the keys of the names."""
    records = [*plain_rows(seen, "candidates"), *seen.records("candidates")]
    keys = {key for record in records for key in record}
    for key, name in (("forename", "forename"), ("lastname", "lastName"), ("surname", "surname")):
        if key in keys:
            return name
    return "display" if records else None


def row_email(seen: SeenAccount) -> str | None:
    """Detect if rows have the address."""
    rows = plain_rows(seen, "candidates")
    if not rows:
        return None
    if any("contactdetails" in row for row in rows):
        return "contact"
    return "email" if any(_MAILS.keys() & row.keys() for row in rows) else "absent"


DETECTORS: Final[Mapping[str, Any]] = {
    "saves": saves,
    "tags": detect_tags,
    "contact": contact,
    "contact_keys": contact_keys,
    "address": address,
    "person_names": person_names,
    "row_email": row_email,
}
