"""Counts which of the mapped keys records have. Pure: looks at keys and objects, never at other values."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from bridge.json_types import JsonObject
from bridge.tracker import values
from bridge.tracker.schema import FieldPlace

_MOST_KEYS = 40


class KeyPresence(Struct, frozen=True, kw_only=True):
    """The numbers of records that could have a key for one of the places, and that have it.

    ``hidden``: the enclosing object is ``null``, so the keys inside are unknown. ``filled``: the key has a
    value.
    """

    total: int = 0
    there: int = 0
    hidden: int = 0
    filled: int = 0

    def __str__(self) -> str:
        looked_at = self.total - self.hidden
        said = f"in {self.there} of {looked_at} records"
        if self.hidden:
            said += f", {self.hidden} more have null in its place"
        return said if self.filled == self.there else f"{said}, with a value in {self.filled}"


def measure_presence(
    places: Iterable[FieldPlace], rows: Sequence[JsonObject], details: Sequence[JsonObject]
) -> KeyPresence:
    """Return the counts of the place that most records have."""
    return max((_of(read, rows, details) for read in places), key=_telling, default=KeyPresence())


def _of(read: FieldPlace, rows: Sequence[JsonObject], details: Sequence[JsonObject]) -> KeyPresence:
    records = {"row": rows, "detail": details, "any": [*details, *rows]}[read.source]
    found = [has(record, read.path) for record in records]
    return KeyPresence(
        total=len(records),
        there=found.count(True),
        hidden=found.count(None),
        filled=sum(not values.is_blank_text(value_at(record, read.path)) for record in records),
    )


def _telling(seen: KeyPresence) -> tuple[int, int, int]:
    return seen.there, seen.hidden, seen.total


def has(record: Any, path: Sequence[str]) -> bool | None:
    """Return true if a record has the key at the end of the path, whatever its value.

    Returns ``None`` if an enclosing object is ``null``.
    """
    for key in path:
        if record is None:
            return None
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


def value_at(record: Any, path: Sequence[str]) -> Any:
    """Return the value at the end of the path; ``None`` if it does not exist."""
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def describe_key_paths(records: Iterable[JsonObject]) -> str:
    """Return the keys of the records for a message, with a dot for those of inner objects."""
    names: dict[str, None] = {}
    for record in records:
        for key, value in record.items():
            inner = [f"{key}.{one}" for one in value] if isinstance(value, dict) else [key]
            names.update(dict.fromkeys(inner or [key]))
    shown = list(names)[:_MOST_KEYS]
    return ", ".join(shown) + (", …" if len(names) > _MOST_KEYS else "") or "none"
