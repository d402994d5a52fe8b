"""Detects the switches of absence from ids that do not exist, ids that a list leaves out, and odd by-id
answers."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.cli.recording.detectors.lists import detect_page_size
from bridge.cli.recording.detectors.values import leaves_out_nulls
from bridge.cli.recording.exchanges import NO_JSON, Exchange
from bridge.cli.recording.seen import (
    BY_ID,
    IdAnswer,
    SeenAccount,
    gaps,
    is_good,
    normalize_keys,
    own_id,
    unwrapped,
)
from bridge.json_types import JsonObject
from bridge.tracker.absence import ABSENT_ID, OTHER_ABSENT_ID

_ABSENT: Final = (ABSENT_ID, OTHER_ABSENT_ID)
_STATUSES: Final = (204, 404, 410, 400, 401, 403, 500, 302)
_REFUSED: Final = ("403", "500", "false", "empty")
_BLANKED: Final = 3
_OFTEN: Final = 3


def absence(seen: SeenAccount) -> str | None:
    """Detect from the answers to ids that no account has."""
    asked = [one for name in BY_ID for one in seen.by_id[name] if one.asked in _ABSENT]
    there = any(is_good(name, one) for name in BY_ID for one in seen.by_id[name])
    return next((form for one in asked if there and (form := absence_form(one)) is not None), None)


def absence_form(one: IdAnswer) -> str | None:
    """Return the form of an answer that is not the record, by the dialects' name; ``None`` for a record."""
    answer = one.exchange
    if answer.status in _STATUSES:
        return str(answer.status)
    if answer.status != 200:
        return None
    return _not_json(answer) if answer.said is NO_JSON else _of_value(answer.said, one.asked)


def _not_json(answer: Exchange) -> str | None:
    if answer.is_page:
        return "html"
    return "empty" if not answer.raw else "blank" if not answer.raw.strip() else None


def _of_value(said: Any, asked: str) -> str | None:
    if said is None or said in ({}, [], ""):
        return {"None": "null", "{}": "object", "[]": "array", "''": "text"}[repr(said)]
    if not isinstance(said, dict | list):
        return None
    keys = normalize_keys(said) if isinstance(said, dict) else {}
    if keys.get("success") is False:
        return "false"
    if keys.keys() == {"message"}:
        return "message"
    if "data" in keys and keys["data"] is None:
        return "data_null"
    _, record = unwrapped(said)
    return _of_nulls(record or {}, asked)


def _of_nulls(record: JsonObject, asked: str) -> str | None:
    set_values = {key: value for key, value in record.items() if value is not None}
    if len(set_values) > 1 or len(record) <= _BLANKED:
        return None
    return (
        "zero"
        if set(map(str, set_values.values())) <= {"0", "0.0"}
        else "nulls"
        if asked in map(str, set_values.values())
        else None
    )


def detect_by_id(seen: SeenAccount) -> str | None:
    """Detect from answers to listed ids that are a record only at some times."""
    for name in BY_ID:
        answers = _of_listed(seen, name)
        well = {one.asked for one in answers if _form(seen, name, one) is None}
        for one in answers:
            form = _form(seen, name, one)
            if form is not None and one.asked in well:
                return form
    return "record" if any(len(_of_listed(seen, name)) >= 8 for name in BY_ID) else None


def _of_listed(seen: SeenAccount, name: Any) -> list[IdAnswer]:
    listed = {record_id for answer in seen.answers[name] for record_id in answer.ids}
    return [
        one for one in seen.by_id[name] if one.asked in listed and one.exchange.status not in (401, 404, 405)
    ]


def _form(seen: SeenAccount, name: Any, one: IdAnswer) -> str | None:
    """Return what is odd about the answer for an existing id, by the dialects' name; ``None`` for
    the record."""
    if one.exchange.status == 204:
        return "not_there"
    form = absence_form(one)
    if form is not None or one.record is None:
        return form
    record = normalize_keys(one.record)
    if own_id(name, record) not in (one.asked, None):
        return "another"
    if len(record) == 1:
        return "id_only"
    blank = sum(value in ("", []) for value in _leaves(record))
    usual = [sum(value in ("", []) for value in _leaves(other)) for other in seen.records(name)]
    return "blanked" if usual and blank > min(usual) + 3 and not _has_text(record) else None


def _has_text(record: JsonObject) -> bool:
    return any(isinstance(value, str) and value.strip() for value in _leaves(record))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    return [value]


def by_id_refused(seen: SeenAccount) -> str | None:
    """Detect from listed ids that are always refused while others are answered."""
    is_known = False
    for name in BY_ID:
        answers = _of_listed(seen, name)
        forms: dict[str, list[str | None]] = {}
        for one in answers:
            forms.setdefault(one.asked, []).append(_form(seen, name, one))
        is_known = is_known or len(forms) >= 8
        if any(set(found) == {None} for found in forms.values()):
            always = {found[0] for found in forms.values() if len(found) >= _OFTEN and len(set(found)) == 1}
            form = next((form for form in _REFUSED if form in always), None)
            if form is not None:
                return form
    return "none" if is_known else None


def deletions(seen: SeenAccount) -> str | None:
    """Detect from keys that mark deleted records, and from ids that the lists leave out, or should."""
    rows = [row for name in ("jobs", "candidates") for row in seen.rows(name)]
    records = [one for name in ("jobs", "candidates") for one in seen.records(name)]
    keys = {key for record in (*rows, *records) for key in record}
    listed = {str(row[key]).lower() for row in rows for key in ("active", "isdeleted") if key in row}
    if "isdeleted" in keys:
        return "listed_flagged" if "true" in listed else "flagged"
    if "active" in keys:
        return "listed_inactive" if "n" in listed else "inactive"
    if "deleteddate" in keys:
        return "dated"
    return _by_gaps(seen) or _by_listed(seen)


def _by_listed(seen: SeenAccount) -> str | None:
    form = absence(seen)
    if form is None or leaves_out_nulls(seen):
        return None
    for name in ("candidates", "jobs"):
        forms: dict[str, list[str | None]] = {}
        for one in _of_listed(seen, name):
            forms.setdefault(one.asked, []).append(absence_form(one))
        gone = [asked for asked, found in forms.items() if len(found) > 1 and set(found) == {form}]
        if gone and len(gone) < len(forms):
            return "listed_gone"
    return None


def _by_gaps(seen: SeenAccount) -> str | None:
    found = None
    for name in BY_ID:
        missing = set(map(str, gaps(seen, name))) if detect_page_size(seen) != "uneven" else set()
        for one in seen.by_id[name]:
            if one.asked not in missing:
                continue
            if one.record is not None and len(one.record) > _BLANKED and absence_form(one) is None:
                mine = own_id(name, normalize_keys(one.record))
                if mine not in (one.asked, None):
                    return "merged"
                return "status" if _says_deleted(normalize_keys(one.record)) else "readable"
            found = "gone"
    return found


def _says_deleted(record: JsonObject) -> bool:
    held = record.get("status")
    return isinstance(held, dict) and held.get("name") == "Deleted"


DETECTORS: Final[Mapping[str, Any]] = {
    "absence": absence,
    "deletions": deletions,
    "by_id": detect_by_id,
    "by_id_refused": by_id_refused,
}
