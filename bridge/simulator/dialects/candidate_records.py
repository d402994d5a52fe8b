"""Switches for candidates: tags, names, addresses and numbers."""

from collections.abc import Mapping
from typing import Final

from bridge.json_types import MutableObject
from bridge.simulator.dialects.records import renamed, without_keys
from bridge.simulator.dialects.switches import Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "saves": switch(
        "Which saves change a record's last update.",
        "candidates polls",
        {
            "all": "All of them.",
            "not_tags": "All except those of only tags.",
            "not_tags_or_notes": "All except those of only tags and notes.",
            "views_too": "All of them, and also reading a candidate by id.",
        },
    ),
    "tags": switch(
        "How a candidate's tags are given.",
        "candidates",
        {
            "tagText": "As tagText, separated by commas.",
            "semicolons": "As tagText, separated by semicolons.",
            "pipes": "As tagText, separated by |.",
            "lines": "As tagText, one per line.",
            "list": "As tagText, a list of texts.",
            "tags_list": "As tags, a list of texts.",
            "objects": "As tags, a list of objects with id and name.",
            "tags_text": "As tags, separated by commas.",
            "tag": "As tag, separated by commas.",
            "absent": "They are omitted.",
            "absent_for_some": "They are omitted for every other candidate.",
            "null": "tagText is always null.",
        },
    ),
    "contact": switch(
        "Where a candidate's addresses and numbers are in the by-id record.",
        "candidates",
        {
            "contactDetails": "In contactDetails.",
            "flat": "At the top level.",
            "contact": "In contact.",
            "contactInfo": "In contactInfo.",
            "list": "In contactDetails, a list of objects with type and value.",
            "absent": "Nowhere.",
            "absent_for_some": "In contactDetails; every other candidate has none.",
            "null": "contactDetails is always null.",
        },
    ),
    "contact_keys": switch(
        "The keys of a candidate's addresses and numbers.",
        "candidates",
        {
            "plain": "email, email2, mobilePhone, telephone, linkedin.",
            "address": "emailAddress, emailAddress2, mobile, phone, linkedIn.",
            "primary": "primaryEmail, secondaryEmail, cellPhone, homePhone, linkedInUrl.",
            "work": "workEmail, personalEmail, mobileNumber, workPhone, linkedInProfile.",
        },
    ),
    "address": switch(
        "How a candidate's postal address is given.",
        "candidates",
        {
            "address": "In address: addressLine1, addressLine2, town, county, postcode, country.",
            "flat": "At the top level, under the same keys.",
            "other_keys": "In address: address1, address2, city, state, zip, countryName.",
            "text": "As address, one text.",
            "in_contact": "In contactDetails, under the same keys.",
            "country_object": "In address, with country an object of id and name.",
            "absent": "Nowhere.",
        },
    ),
    "person_names": switch(
        "The keys of a candidate's names.",
        "candidates",
        {
            "surname": "firstName (firstname in rows) and surname.",
            "lastName": "firstName and lastName.",
            "forename": "forename and surname.",
            "display": "displayAs only.",
        },
    ),
    "row_email": switch(
        "If rows of candidates have the e-mail address.",
        "candidates",
        {
            "absent": "They do not.",
            "email": "They do, under email, next to mobilePhone.",
            "contact": "They do, in contactDetails.",
        },
    ),
}

_RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "address": {
        "email": "emailAddress",
        "email2": "emailAddress2",
        "mobilePhone": "mobile",
        "telephone": "phone",
        "linkedin": "linkedIn",
    },
    "primary": {
        "email": "primaryEmail",
        "email2": "secondaryEmail",
        "mobilePhone": "cellPhone",
        "telephone": "homePhone",
        "linkedin": "linkedInUrl",
    },
    "work": {
        "email": "workEmail",
        "email2": "personalEmail",
        "mobilePhone": "mobileNumber",
        "telephone": "workPhone",
        "linkedin": "linkedInProfile",
    },
}
#: Saves of only these fields do not change the last update.
UNSAVED: Final[Mapping[str, frozenset[str]]] = {
    "not_tags": frozenset(("tagText",)),
    "not_tags_or_notes": frozenset(("tagText", "note")),
}
_MARKS: Final = {"semicolons": "; ", "pipes": "|", "lines": "\n"}


def tags_given(dialect: Dialect, record: MutableObject, record_id: int) -> MutableObject:
    """Return a candidate's by-id record with its tags in this dialect."""
    how, text = dialect["tags"], record.get("tagText")
    if how == "tagText" or "tagText" not in record:
        return record
    found = [tag.strip() for tag in str(text or "").split(",") if tag.strip()]
    rest = without_keys(record, "tagText")
    objects = [{"id": place, "name": tag} for place, tag in enumerate(found, start=1)]
    given: dict[str, MutableObject] = {
        "list": {"tagText": found},
        "tags_list": {"tags": found},
        "objects": {"tags": objects},
        "tags_text": {"tags": text},
        "tag": {"tag": text},
        "absent": {},
        "absent_for_some": {} if record_id % 2 else {"tagText": text},
        "null": {"tagText": None},
    }
    return {**rest, **(given[how] if how in given else {"tagText": _MARKS[how].join(found)})}


def contact_given(dialect: Dialect, record: MutableObject, record_id: int) -> MutableObject:
    """Return a candidate's record with its addresses and numbers in this dialect."""
    held = record.get("contactDetails")
    names = _RENAMED.get(dialect["contact_keys"], {})
    if not isinstance(held, dict):
        return renamed(record, names)
    held, rest = renamed(held, names), renamed(without_keys(record, "contactDetails"), names)
    match dialect["contact"]:
        case "flat":
            return {**rest, **held}
        case "contact" | "contactInfo" as key:
            return {**rest, key: held}
        case "list":
            listed = [{"type": key, "value": value} for key, value in held.items() if value]
            return {**rest, "contactDetails": listed}
        case "absent":
            return rest
        case "absent_for_some" if record_id % 2:
            return rest
        case "null":
            return {**rest, "contactDetails": None}
        case _:
            return {**rest, "contactDetails": held}


def address_given(dialect: Dialect, record: MutableObject) -> MutableObject:
    """Return a candidate's by-id record with its postal address in this dialect."""
    held = record.get("address")
    if not isinstance(held, dict) or dialect["address"] == "address":
        return record
    rest = without_keys(record, "address")
    match dialect["address"]:
        case "flat":
            return {**rest, **held}
        case "other_keys":
            keys = ("address1", "address2", "city", "state", "zip", "countryName")
            return {**rest, "address": dict(zip(keys, held.values(), strict=False))}
        case "text":
            return {**rest, "address": ", ".join(part for part in held.values() if part)}
        case "in_contact":
            return {**rest, "contactDetails": {**(rest.get("contactDetails") or {}), **held}}
        case "country_object":
            country = {"id": 1, "name": held.get("country")} if held.get("country") else None
            return {**rest, "address": {**held, "country": country}}
        case _:
            return rest


def names_given(dialect: Dialect, record: MutableObject) -> MutableObject:
    """Return a candidate's record with its names in this dialect."""
    match dialect["person_names"]:
        case "lastName":
            return renamed(record, {"firstname": "firstName", "surname": "lastName"})
        case "forename":
            return renamed(record, {"firstname": "forename", "firstName": "forename"})
        case "display":
            first = record.get("firstName", record.get("firstname")) or ""
            shown = f"{first} {record.get('surname') or ''}".strip()
            return {**without_keys(record, "firstName", "firstname", "surname"), "displayAs": shown}
        case _:
            return record
