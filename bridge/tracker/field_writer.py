"""Places a record's values where the table says: REST's body, createResource's keys, columns. Pure.

The field names are those of ``writes.candidate``, ``writes.application`` and ``writes.document``. A value
without a place behind a door is omitted; ``stored`` holds the names of the others.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from bridge.tracker import amounts, countries, values
from bridge.tracker.errors import Refused
from bridge.tracker.schema import Door, Resources, Write

FieldValues = Mapping[str, str | float]
"""Our field names with their values: text, or a number for ``salary_amount``. ``country`` is an ISO 3166
alpha-2 code, ``owner`` a user's remote id."""
_LONGEST_ID = 18


class Placed(Struct, frozen=True, kw_only=True):
    """Values under TrackerRMS's names, nested for REST and flat otherwise. ``stored`` holds our names for
    them."""

    values: dict[str, Any]
    stored: frozenset[str]


def place_fields(settings: Resources, door: Door, fields: FieldValues, entity: str = "candidate") -> Placed:
    """Return the values that have a place behind ``door``. Raises ``Refused`` for an invalid name or value,
    without showing it."""
    placed: dict[str, Any] = {}
    stored = set()
    for name, value in fields.items():
        for write in _writes(settings, entity, name):
            if write.door == door:
                _put(placed, write.path, _value(name, value, door))
                stored.add(name)
                beside = settings.beside.get(".".join(write.path)) if door == "rest" else None
                if beside is not None:
                    _put(placed, tuple(beside[0].split(".")), beside[1])
    return Placed(values=placed, stored=frozenset(stored))


def updates(columns: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the list for ``updateRecord``, in which every value is text."""
    return [{"column": column, "value": str(value)} for column, value in columns.items()]


def numeric_id(what: str, value: str) -> int:
    """Return a record's id as a number. Raises ``Refused`` for anything else."""
    try:
        found = values.parse_record_id(value)
    except values.WrongType as error:
        raise Refused(f"{what} {error}", 400) from None
    if len(found) > _LONGEST_ID:
        raise Refused(f"{what} is a number of more than {_LONGEST_ID} digits, expected an id", 400)
    return int(found)


def _writes(settings: Resources, entity: str, name: str) -> tuple[Write, ...]:
    writes = settings.writes[entity]
    if name not in writes:
        raise Refused(f"{entity} has no field {name!r}; known: {', '.join(writes)}", 400)
    return writes[name]


def _put(placed: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        placed = placed.setdefault(key, {})
    placed[path[-1]] = value


def _value(name: str, value: str | float, door: Door) -> str | int | float:
    convert = _CONVERSIONS.get(name)
    found = convert(value) if convert else values.scrub(str(value))
    # Only REST is known to accept JSON numbers.
    return found if door == "rest" else str(found)


def _amount(value: str | float) -> int | float:
    found = amounts.number(value)
    if found is None or not math.isfinite(found):
        raise Refused("salary_amount is not a number", 400)
    return int(found) if found.is_integer() else found


def _country(value: str | float) -> str:
    return countries.english_name(str(value)) or values.scrub(str(value))


_CONVERSIONS: dict[str, Callable[[str | float], str | int | float]] = {
    "salary_amount": _amount,
    "country": _country,
    "owner": lambda value: numeric_id("owner", str(value)),
    "stage": lambda value: numeric_id("stage", str(value)),
    "candidate": lambda value: numeric_id("candidate", str(value)),
}
