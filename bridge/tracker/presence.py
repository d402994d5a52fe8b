"""Which of the mapped keys records have. Pure: looks at keys, never at a value that is no object."""

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.tracker.reading import Record
from bridge.tracker.shapes import Read

_MOST_KEYS = 40


def of(places: Iterable[Read], rows: Sequence[Record], details: Sequence[Record]) -> tuple[int, int]:
    """Return how many records have a key for one of the places, and how many could have.

    An object that is ``null`` in a record tells nothing of the keys inside: the record counts as having them.
    """
    found, total = 0, 0
    for read in places:
        records = {"row": rows, "detail": details, "any": [*details, *rows]}[read.source]
        total = max(total, len(records))
        found = max(found, sum(has(record, read.path) for record in records))
    return found, total


def has(record: Any, path: Sequence[str]) -> bool:
    """Return whether a record has the key at the end of the path, whatever its value."""
    for key in path:
        if record is None:
            return True
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


def keys_of(records: Iterable[Record]) -> str:
    """Return the keys of the records for a message; those of inner objects with a dot."""
    names: dict[str, None] = {}
    for record in records:
        for key, value in record.items():
            inner = [f"{key}.{one}" for one in value] if isinstance(value, dict) else [key]
            names.update(dict.fromkeys(inner or [key]))
    shown = list(names)[:_MOST_KEYS]
    return ", ".join(shown) + (", …" if len(names) > _MOST_KEYS else "") or "none"
