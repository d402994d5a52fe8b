"""Finds where an answer's rows are and how its keys are spelled, from the answer itself. Pure.

Looks only at keys and types, never at a record's values.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from msgspec import Struct

from bridge.tracker.schema import FieldPlaces, KeyCase

_DEEPEST = 3
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class RowsFound(Struct, frozen=True, kw_only=True):
    """A list of rows in an answer: its dotted path ("" is the answer itself) and its objects."""

    path: str
    rows: Sequence[Mapping[str, Any]]


def respell(key: str, case: KeyCase) -> str:
    """Return a camel-case key of the table in another case."""
    match case:
        case "camel":
            return key
        case "pascal":
            return key[:1].upper() + key[1:]
        case "lower":
            return key.lower()
        case "snake":
            return _HUMP.sub("_", key).lower()


def compared_key(key: str) -> str:
    """Return the form in which keys are compared: without case, underscores and hyphens."""
    return key.replace("_", "").replace("-", "").casefold()


def find_row_lists(answer: Any) -> list[RowsFound]:
    """Return every list of objects in an answer, the shallowest first. Empty lists are included."""
    return sorted(_lists(answer, ()), key=lambda found: found.path.count("."))


def _lists(value: Any, path: tuple[str, ...]) -> Iterator[RowsFound]:
    if isinstance(value, list):
        if all(isinstance(item, dict) for item in value):
            yield RowsFound(path=".".join(path), rows=value)
    elif isinstance(value, dict) and len(path) < _DEEPEST:
        for key, item in value.items():
            yield from _lists(item, (*path, key))


def detect_key_case(records: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> KeyCase | None:
    """Return the case that matches most of the table's keys; camel case wins a tie.

    Returns ``None`` if no key matches in any case.
    """
    present = {key for record in records for key in record}
    wanted = tuple(keys)
    hits: dict[KeyCase, int] = {
        case: sum(respell(key, case) in present for key in wanted) for case in get_args(KeyCase)
    }
    best = max(hits, key=lambda case: hits[case])
    return best if hits[best] else None


def row_keys(fields: FieldPlaces) -> tuple[str, ...]:
    """Return the first keys of the paths that are read from a row."""
    return _keys(fields, "detail")


def detail_keys(fields: FieldPlaces) -> tuple[str, ...]:
    """Return the first keys of the paths that are read from a by-id record."""
    return _keys(fields, "row")


def _keys(fields: FieldPlaces, left_out: str) -> tuple[str, ...]:
    reads = (read for places in fields.values() for read in places)
    return tuple(dict.fromkeys(read.path[0] for read in reads if read.source != left_out))


def id_key(rows: Sequence[Mapping[str, Any]], id_keys: Iterable[str]) -> str | None:
    """Return the key of the rows that is one of ``id_keys``, in any case; ``None`` if there is none."""
    wanted = {compared_key(key) for key in id_keys}
    return next((key for row in rows[:1] for key in row if compared_key(key) in wanted), None)


def find_record(
    answer: Any, carries_id: Callable[[Mapping[str, Any]], bool], path: tuple[str, ...] = ()
) -> str | None:
    """Return the dotted path of the only object in an answer that has the id; "" is the answer itself.

    Returns ``None`` if no object has it.
    """
    if isinstance(answer, list) and len(answer) == 1:
        return find_record(answer[0], carries_id, (*path, "0"))
    if not isinstance(answer, dict):
        return None
    if carries_id(answer):
        return ".".join(path)
    if len(path) >= _DEEPEST:
        return None
    found = (find_record(item, carries_id, (*path, key)) for key, item in answer.items())
    return next((one for one in found if one is not None), None)
