"""Detects the switches of values from their form: e-mail addresses, amounts, flags, ids, blanks, texts."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.cli.recording.detectors.records import is_nested, row_shape
from bridge.cli.recording.seen import NAMES, SeenAccount
from bridge.json_types import JsonObject
from bridge.simulator.dialects.dates import TIME_KEYS
from bridge.tracker.layouts import compared_key

_EMAIL_KEYS: Final = frozenset(
    (
        *("email", "email2", "resourceemail", "emailaddress", "emailaddress2", "primaryemail"),
        *("secondaryemail", "workemail", "personalemail"),
    )
)
_AMOUNT_KEYS: Final = frozenset(("publishsalaryfrom", "publishsalaryto", "salaryfrom", "salaryto"))
_FLAG_KEYS: Final = frozenset(("active", "publishonline", "activerecord", "availableforwork"))
_NOT_PROSE: Final = _EMAIL_KEYS | _AMOUNT_KEYS | _FLAG_KEYS | {"advertstatus", "documenttype"}
_TIMES: Final = frozenset(map(compared_key, TIME_KEYS))
_EMAILS: Final = (
    (r"<a [^>]*>[^<]*</a>", "html"),
    (r"mailto:\S+", "mailto"),
    (r"[^<>]+ <[^<>]+>", "named"),
    (r"<[^<>]+>", "angled"),
    (r"\S+@\S+; \S+@\S+", "two"),
    (r"\S+@\S+, \S+@\S+", "two_comma"),
    (r"\S+\u00a0", "nbsp"),
    (r"\S+\u200b", "zero_width"),
    (r"\ufeff\S+", "bom"),
    (r"\S+\r\n", "line"),
    (r"\t\S+", "tab"),
    (r" +\S+ +", "spaces"),
    (r"\S+ ", "space"),
    (r"\S+@(?=.*[^\x00-\x7f])\S+", "unicode_domain"),
)
_AMOUNTS: Final = (
    (r"£[\d,]+", "pound"),
    (r"[A-Z]{3} \d+", "currency"),
    (r"[\d.]+k", "thousands"),
    (r"\d{1,3}(?:\u00a0\d{3})+", "spaced"),
    (r"\d{1,3}(?:,\d{3})+\.\d\d", "grouped"),
    (r"\d{1,3}(?:\.\d{3})+,\d\d", "german"),
    (r"\d{1,3}(?:\.\d{3})+", "dotted"),
    (r"\d+\.\d\d", "decimals"),
)
_FLAGS: Final = {
    ("y", "n"): "y_n",
    ("Y", "N"): "Y_N",
    ("Yes", "No"): "yes_no",
    ("true", "false"): "true_false",
    ("True", "False"): "true_false",
    ("1", "0"): "one_zero_text",
}
_ENTITY: Final = re.compile(r"&(?:amp|lt|gt|quot|#39);")
_PADDED: Final = 30


def email_text(seen: SeenAccount) -> str | None:
    """Detect from the text around the addresses."""
    found = [text for text in _texts(seen, _EMAIL_KEYS) if "@" in text]
    for form, name in _EMAILS:
        if any(re.fullmatch(form, text) for text in found):
            return name
    return "plain" if found else None


def amounts(seen: SeenAccount) -> str | None:
    """Detect from the text around the digits of salaries, and from their type."""
    rows, records = (
        [value for value in _under(seen, _AMOUNT_KEYS, by_id=by_id) if value not in (None, "")]
        for by_id in (False, True)
    )
    texts = [value for value in (*rows, *records) if isinstance(value, str)]
    for form, name in _AMOUNTS:
        if any(re.fullmatch(form, text) for text in texts):
            return name
    if row_shape(seen) != "nested" and any(_is_number(value) for value in rows):
        return "number"
    if is_nested(seen) and any(isinstance(value, str) for value in records):
        return "text"
    return "as_entered" if records else None


def row_flags(seen: SeenAccount) -> str | None:
    """Detect from the two values of flags in rows."""
    if row_shape(seen) == "nested":
        return None
    values = list(_under(seen, _FLAG_KEYS, by_id=False))
    if any(isinstance(value, bool) for value in values):
        return "boolean"
    if any(_is_number(value) for value in values):
        return "minus_one" if -1 in values else "one_zero"
    found = _flag_texts(values)
    if found == "y_n" and "n" not in values:
        return "y_blank" if "" in values else "y_null"
    return found


def record_flags(seen: SeenAccount) -> str | None:
    """Detect from the two values of flags in by-id records of jobs and candidates."""
    values = [
        value
        for name, by_id, record in seen.everything()
        if by_id and is_nested(seen) and name != "applications"
        for key, value in _leaves(record)
        if key in _FLAG_KEYS - {"active"}
    ]
    if any(isinstance(value, bool) for value in values):
        return "boolean"
    return "one_zero" if any(_is_number(value) for value in values) else _flag_texts(values)


def _flag_texts(values: list[Any]) -> str | None:
    texts = {value for value in values if isinstance(value, str)}
    return next((name for pair, name in _FLAGS.items() if texts & set(pair)), None)


def ids(seen: SeenAccount) -> str | None:
    """Detect from the type of ids."""
    for _, _, record in seen.everything():
        for key, value in record.items():
            if key.endswith("id") and value is not None and not isinstance(value, bool | dict | list):
                return (
                    "text" if isinstance(value, str) else "decimal" if isinstance(value, float) else "number"
                )
    return None


def blanks(seen: SeenAccount) -> str | None:
    """Detect from texts that mean nothing."""
    texts = [value for key, value in _prose(seen) if isinstance(value, str)]
    for text, name in ((" ", "space"), ("\u00a0", "nbsp"), ("N/A", "na"), ("-", "dash")):
        if texts.count(text) > 1:
            return name
    if any(text == "" for text in texts):
        return "empty"
    values = [value for _, value in _prose(seen)]
    return "null" if len(texts) > 50 and any(value is None for value in values) else None


def nulls(seen: SeenAccount) -> str | None:
    """Detect from values that are null or blank, and from keys that some records lack."""
    values = [value for _, _, record in seen.everything() for _, value in _leaves(record)]
    if not values:
        return None
    if any(value is None for value in values):
        return "shown"
    if leaves_out_nulls(seen):
        blank = any(value == "" for value in values)
        return "omitted" if blank else "blanks_omitted"
    return "blank" if any(value == "" for value in values) else None


def leaves_out_nulls(seen: SeenAccount) -> bool:
    """Return true if nothing is null and records of one list differ in their keys."""
    if any(value is None for _, _, record in seen.everything() for _, value in _leaves(record)):
        return False
    return any(len({_places(row) for row in seen.rows(name)}) > 1 for name in NAMES) or any(
        len({_places(one) for one in seen.records(name)}) > 1 for name in ("jobs", "candidates")
    )


def _places(record: JsonObject) -> frozenset[str]:
    return frozenset(record) - {"tagtext", "contactdetails"}


def detect_texts(seen: SeenAccount) -> str | None:
    """Detect from spaces after texts, and from HTML escapes."""
    found = [
        value
        for key, value in _prose(seen)
        if isinstance(value, str) and value.strip() and not key.endswith("description")
    ]
    short = [text for text in found if len(text.strip()) < _PADDED]
    if short and sum(len(text) == _PADDED and text.endswith(" ") for text in short) > len(short) / 3:
        return "padded"
    written = [value for key, value in _prose(seen) if isinstance(value, str)]
    marks = any(mark in text for text in written for mark in "<>'\"")
    entities = any(_ENTITY.search(text) for text in written)
    if entities and not marks:
        return "html"
    return "kept" if found else None


def _prose(seen: SeenAccount) -> Iterable[tuple[str, Any]]:
    for _, _, record in seen.everything():
        for key, value in _leaves(record):
            if key not in _NOT_PROSE and not key.endswith("id") and "date" not in key and key not in _TIMES:
                yield key, value


def _texts(seen: SeenAccount, keys: frozenset[str]) -> list[str]:
    found = [value for by_id in (False, True) for value in _under(seen, keys, by_id=by_id)]
    listed = [
        one.get("value")
        for record in seen.records("candidates")
        for one in _objects(record.get("contactdetails"))
    ]
    return [value for value in (*found, *listed) if isinstance(value, str)]


def _objects(value: Any) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _under(seen: SeenAccount, keys: frozenset[str], *, by_id: bool) -> Iterable[Any]:
    for _, is_record, record in seen.everything():
        if is_record is by_id:
            yield from (value for key, value in _leaves(record) if key in keys)


def _leaves(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, key)
    else:
        yield key, value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


DETECTORS: Final[Mapping[str, Any]] = {
    "email_text": email_text,
    "amounts": amounts,
    "row_flags": row_flags,
    "record_flags": record_flags,
    "ids": ids,
    "blanks": blanks,
    "nulls": nulls,
    "texts": detect_texts,
}
