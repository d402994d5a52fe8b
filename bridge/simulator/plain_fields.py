"""The plain fields of TrackerRMS's records, with everything about a key in one place.

A line here defines a key's value in the simulated record, whether a change may set it, where it is shown, and
the unified field that it means. The bridge has a separate table, so that one mistake cannot be in both.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from bridge.json_types import MutableObject
from bridge.simulator.generate import pick
from bridge.simulator.pools import CURRENCIES, SOURCES

TEXT, NUMBER, FLAG = "text", "number", "flag"
Draws = tuple[int, ...]


class PlainField(Struct, frozen=True, kw_only=True):
    """A key of a record.

    ``make`` returns its value in a generated record, from the sixteen numbers that all values are drawn from.
    For a new key use ``pick(values, sum(numbers))``, so that no other value of any record changes.
    """

    key: str
    kind: str
    make: Callable[[Draws], Any]
    in_row: bool = False
    by_id: bool = True
    """``in_row``: rows of lists show it. ``by_id``: by-id reads show it, and REST writes it."""
    means: tuple[str, str] | None = None
    """The model and the unified field that have this value."""


RESOURCE: Final = (
    PlainField(key="source", kind=TEXT, make=lambda d: pick(SOURCES, d[4]), means=("candidate", "source")),
    PlainField(key="availableForWork", kind=FLAG, make=lambda d: d[8] % 4 != 0),
    PlainField(key="currentSalaryNum", kind=NUMBER, make=lambda d: 20000 + d[9] % 90 * 1000),
    PlainField(key="desiredSalaryNum", kind=NUMBER, make=lambda d: 22000 + d[9] % 95 * 1000),
    PlainField(key="desiredSalary", kind=TEXT, make=lambda _: ""),
    PlainField(key="noticePeriod", kind=NUMBER, make=lambda d: d[10] % 4 * 30),
)
OPPORTUNITY: Final = (
    PlainField(
        key="currencyCode",
        kind=TEXT,
        make=lambda d: pick(CURRENCIES, d[8]),
        in_row=True,
        by_id=False,
        means=("job", "salary_currency"),
    ),
)
PLAIN_FIELDS: Final[dict[str, tuple[PlainField, ...]]] = {"resource": RESOURCE, "opportunity": OPPORTUNITY}


def generate_plain_fields(entity: str, numbers: Draws) -> MutableObject:
    """Return the plain part of a generated record."""
    return {field.key: field.make(numbers) for field in PLAIN_FIELDS[entity]}


def plain_keys(
    entity: str, *, kind: str | None = None, in_row: bool = False, by_id: bool = False
) -> tuple[str, ...]:
    """Return the keys of this kind that rows or by-id reads show, if requested."""
    return tuple(
        field.key
        for field in PLAIN_FIELDS[entity]
        if kind in (None, field.kind) and (field.in_row or not in_row) and (field.by_id or not by_id)
    )


def plain_truth(model: str, record: MutableObject) -> MutableObject:
    """Return the true values of a model's plain fields: the record's values, or ``None`` for blank texts."""
    found: MutableObject = {}
    for fields in PLAIN_FIELDS.values():
        for field in fields:
            if field.means is not None and field.means[0] == model:
                value = record[field.key]
                found[field.means[1]] = None if isinstance(value, str) and not value.strip() else value
    return found
