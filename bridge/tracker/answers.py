"""Classifies by-id answers: the requested record, another record, or something else. Pure.

An answer counts as the record only if it has the requested id and at least one mapped key. All other answers
are classified so that the caller can report what it saw and which key of ``bridge.toml`` to set. Reasons name
keys, statuses and types, never a record's values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from bridge.json_types import JsonObject
from bridge.tracker import pages, values
from bridge.tracker.errors import BadJson
from bridge.tracker.http import HttpResponse
from bridge.tracker.schema import BodyKind, DeletedRule, FieldPlace, ReadFrom, Resource

AnswerKind = BodyKind | Literal["status", "record", "deleted", "other", "stranger"]
SUCCESS = (200, 201, 202, 203)
_FLAGS = ("success", "issuccess", "succeeded", "ok")
_WORDS = ("message", "error", "errors", "errormessage", "exceptionmessage", "error_description", "title")
_LOGIN = re.compile(rb"type\s*=\s*[\"']?password", re.IGNORECASE)
_LOGIN_PATH = re.compile(r"log-?[io]n|sign-?in|auth", re.IGNORECASE)
_NO_DATE = re.compile(r"000[01]-01-01(T00:00:00(\.0+)?Z?)?|0000-00-00.*")
_DEEPEST = 3
_FEWEST_TEXTS = 4
_LOOKED_AT_BYTES = 1 << 16


class ByIdAnswer(Struct, frozen=True, kw_only=True):
    """A classified by-id answer.

    ``record`` is the requested record, if ``kind`` is ``record`` or ``deleted``. ``status``: not a success;
    the body was not examined. ``deleted``: the requested record, with a field that marks it as deleted.
    ``other``: another record, whose id is ``other_id``. ``stranger``: an unknown form. ``reason`` says what
    was seen and what to set; it is empty for ``record``.
    """

    status: int
    kind: AnswerKind
    reason: str = ""
    record: dict[str, Any] | None = None
    other_id: str | None = None


def look(answer: HttpResponse, table: Resource, remote_id: str) -> ByIdAnswer:
    """Classify the answer to a by-id read of ``remote_id``. Raises ``BadJson``."""
    if answer.status not in SUCCESS:
        return ByIdAnswer(status=answer.status, kind="status", reason=describe_answer(answer))
    if not answer.body.strip():
        return ByIdAnswer(status=answer.status, kind="empty", reason="the answer's body is empty")
    if is_page(answer):
        return ByIdAnswer(status=answer.status, kind="html", reason=describe_answer(answer))
    kind, reason, record, other_id = _judge(pages.decode_leniently(answer.utf8), table, remote_id)
    return ByIdAnswer(status=answer.status, kind=kind, reason=reason, record=record, other_id=other_id)


def is_page(answer: HttpResponse) -> bool:
    """Return true if the answer is a web page, by its content type or its first character."""
    return answer.is_html or answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def describe_answer(answer: HttpResponse) -> str:
    """Describe an answer: its status, if it is a web page, a login page or a redirect, and the keys of an
    error."""
    said = f"answered {answer.status}"
    if 300 <= answer.status < 400:
        login = _LOGIN_PATH.search(answer.headers.get("Location", ""))
        return f"{said}, a redirect to a login page" if login else f"{said}, a redirect"
    if is_page(answer):
        login_page = _LOGIN.search(answer.body[:_LOOKED_AT_BYTES])
        return f"{said} with a login page" if login_page else f"{said} with a web page"
    if answer.status in SUCCESS or not answer.body.strip():
        return said
    try:
        body = pages.decode_leniently(answer.utf8)
    except BadJson:
        return said
    return f"{said} (its keys: {describe_keys(body)})" if isinstance(body, dict) and body else said


def describe_keys(record: JsonObject) -> str:
    """Return the keys of an object, for a message."""
    return ", ".join(values.scrub(str(key)) for key in sorted(record)[:20])[:300] or "none"


def is_failure(value: Any) -> bool:
    """Return true if an object reports a failure: ``success: false``, or a message that is not blank."""
    if not isinstance(value, dict):
        return False
    folded = {str(key).casefold(): item for key, item in value.items()}
    if any(_flag(folded.get(name)) is False for name in _FLAGS):
        return True
    return any(not is_blank_value(folded.get(name)) for name in _WORDS)


def is_blank_value(value: Any) -> bool:
    """Return true for null, blank text, 0, false, an empty date, or a container of only such values."""
    if isinstance(value, dict):
        return all(is_blank_value(item) for item in value.values())
    if isinstance(value, list):
        return all(is_blank_value(item) for item in value)
    if isinstance(value, str):
        return values.is_blank_text(value) or _NO_DATE.fullmatch(value.strip()) is not None
    return not value


def says_deleted(rules: Iterable[DeletedRule], record: JsonObject, source: ReadFrom) -> bool:
    """Return true if a field of the row or of the by-id record marks the record as deleted."""
    return any(_matches(rule, _dig(record, rule.read.path)) for rule in _of(rules, source))


def is_silent(rules: Iterable[DeletedRule], record: JsonObject) -> bool:
    """Return true if a by-id record has none of the fields that could mark it as deleted."""
    return not any(_has(record, rule.read.path) for rule in _of(rules, "detail"))


DELETED_FLAGS = "deleted_flags"
"""The code of the remark on listed records that look deleted."""
_ALIVE = ("active", "isactive", "activerecord")
_DELETED = ("deleted", "isdeleted", "softdeleted", "archived", "isarchived")
_DELETED_AT = ("deletedat", "deletedon", "deleteddate", "datedeleted")


def may_say_deleted(key: object) -> bool:
    """Return true if a key is named like one that marks deleted records."""
    return plain_key(key) in (*_ALIVE, *_DELETED, *_DELETED_AT)


def plain_key(key: object) -> str:
    """Return a key's letters, independent of its spelling."""
    return str(key).casefold().replace("_", "")


def soft_flags(record: JsonObject) -> list[str]:
    """Return the fields that seem to mark a record as deleted, as rules such as ``active=n``."""
    found = []
    for key, value in record.items():
        name = plain_key(key)
        flag = _flag(value)
        if (name in _ALIVE and flag is False) or (name in _DELETED and flag is True):
            found.append(f"{values.scrub(str(key))}={_spelled(value)}")
        elif name in _DELETED_AT and isinstance(value, str) and not is_blank_value(value):
            found.append(f"{values.scrub(str(key))}=*")
    return found


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _judge(
    answer: Any, table: Resource, remote_id: str
) -> tuple[AnswerKind, str, dict[str, Any] | None, str | None]:
    value = _inside(answer, table.unwrap)
    if value is answer or is_blank_value(value):
        blank = _blank(answer, value)
        if blank is not None:
            return blank, f"the answer is {_BLANK[blank]}{_error_keys(answer)}", None, None
    if not isinstance(value, dict):
        reason = f"the answer is {values.kind(value)}, expected an object{_hint(value, table, remote_id)}"
        return "stranger", reason, None, None
    own = _own_id(table, value)
    if own is None:
        hint = _hint(value, table, remote_id)
        if is_failure(value) and not hint:
            return "failure", f"the answer is {_BLANK['failure']}{_error_keys(value)}", None, None
        wanted = " or ".join(str(read) for read in _id_reads(table))
        reason = f"the answer has no id at {wanted}; its keys: {describe_keys(value)}{hint}"
        return "stranger", reason, None, None
    if own == remote_id:
        return _judge_own(value, table)
    if _mapped(table, value) and not is_failure(value):
        return "other", "the answer is another record", None, own
    reason = f"the answer is another record or not a record; its keys: {describe_keys(value)}"
    return "stranger", reason + _hint(value, table, remote_id), None, None


def _judge_own(value: dict[str, Any], table: Resource) -> tuple[AnswerKind, str, dict[str, Any] | None, None]:
    mapped = _mapped(table, value)
    read_values = [value[key] for key in dict.fromkeys(read.path[0] for read in mapped)]
    if is_blank_value(read_values) or _is_emptied(read_values):
        paths = {read.path[0] for read in _id_reads(table)}
        rest = {key: item for key, item in value.items() if key not in paths}
        kind: AnswerKind = "blank-object" if is_blank_value(rest) else "stranger"
        what = "has only blank texts under the mapped keys" if mapped else "has none of the mapped keys"
        cure = f"; its keys: {describe_keys(value)}; set fields.{table.entity} if they have other names"
        return kind, f"the answer {what}{cure}", None, None
    if says_deleted(table.deleted or (), value, "detail"):
        return "deleted", "the record has a field that marks it as deleted", value, None
    return "record", "", value, None


def _is_emptied(found: Iterable[Any]) -> bool:
    """Return true if all texts of a record are blank and only its numbers remain, as in no real record."""
    count = 0
    for text in _texts(list(found)):
        if not is_blank_value(text):
            return False
        count += 1
    return count >= _FEWEST_TEXTS


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


_BLANK: Mapping[BodyKind, str] = {
    "null": "null",
    "blank-object": "blank",
    "failure": "a failure",
}


def _blank(answer: Any, value: Any) -> BodyKind | None:
    if value is not answer and is_failure(answer):
        return "failure"
    if value is None or (isinstance(value, str) and values.is_blank_text(value)):
        return "null"
    if not is_blank_value(value):
        return None
    # {"success": false} is blank too.
    return "failure" if is_failure(value) else "blank-object"


def _error_keys(answer: Any) -> str:
    return f"; its keys: {describe_keys(answer)}" if isinstance(answer, dict) and answer else ""


def _inside(answer: Any, unwrap: Sequence[str]) -> Any:
    """Return the value under ``unwrap``, or the answer itself if the path does not exist."""
    value = answer
    for key in unwrap:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return answer
    return value


def _id_reads(table: Resource) -> list[FieldPlace]:
    return [read for read in table.fields["id"] if read.source != "row"]


def _own_id(table: Resource, value: JsonObject) -> str | None:
    for read in _id_reads(table):
        found = _as_id(_dig(value, read.path))
        if found is not None:
            return found
    return None


def _as_id(value: Any) -> str | None:
    try:
        found = values.parse_record_id(value)
    except values.WrongType:
        return None
    return None if found == "0" else found


def _mapped(table: Resource, value: JsonObject) -> list[FieldPlace]:
    reads = (read for name, several in table.fields.items() if name != "id" for read in several)
    return [read for read in reads if read.source != "row" and _has(value, read.path[:1])]


def _hint(value: Any, table: Resource, remote_id: str) -> str:
    """Return what to set if the requested record is elsewhere in the answer."""
    found = _place(value, table, remote_id, ())
    if found is None:
        return ""
    place, key = found
    said = ""
    if place:
        said = f'; the record is nested: set unwrap.{table.name} = "{".".join(place)}"'
    if key not in {read.path[0] for read in _id_reads(table)}:
        rows = [str(read) for read in table.fields["id"] if read.source == "row"]
        spelled = ", ".join(f'"{one}"' for one in [*rows, f"detail:{key}"])
        said += f"; its id is under {key}: set fields.{table.entity}.id = [{spelled}]"
        if key in table.id_keys:
            said += (
                f", and the detail: paths of fields.{table.entity}, because its keys are those of a list row"
            )
    return said


def _place(
    value: Any, table: Resource, remote_id: str, above: tuple[str, ...]
) -> tuple[tuple[str, ...], str] | None:
    if len(above) > _DEEPEST:
        return None
    if isinstance(value, list):
        return _place(value[0], table, remote_id, (*above, "0")) if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    known = [*(read.path[0] for read in _id_reads(table)), *table.id_keys]
    keys = [*known, *(key for key in value if str(key).casefold().endswith("id"))]
    for key in keys:
        if len(value) > 1 and _as_id(value.get(key)) == remote_id and (not above or key in known):
            return above, key
    for key, item in value.items():
        found = _place(item, table, remote_id, (*above, str(key)))
        if found is not None:
            return found
    return None


def _of(rules: Iterable[DeletedRule], source: ReadFrom) -> list[DeletedRule]:
    return [rule for rule in rules if rule.read.source in (source, "any")]


def _matches(rule: DeletedRule, value: Any) -> bool:
    if rule.value == "*":
        return not is_blank_value(value)
    wanted = values.flag(rule.value)
    if wanted is not None:
        return _flag(value) is wanted
    return isinstance(value, str | int) and str(value).strip().casefold() == rule.value.casefold()


def _flag(value: Any) -> bool | None:
    return None if isinstance(value, dict | list) else values.flag(value)


def _has(record: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


def _dig(record: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record
