"""What TrackerRMS keeps of a record as it was typed in: each key once, from how it is made to what it means.

The simulator's own record, what a change may set, what is shown and what is true of a unified field come from
a line here. Written apart from the bridge, which has a table of its own: one mistake can't hide in both.
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
    """One key of a record.

    ``make`` gives its value in a generated record, from the sixteen numbers that all values are drawn from. A
    new key takes ``pick(values, sum(numbers))``: every other value of every record stays as it was.
    """

    key: str
    kind: str
    make: Callable[[Draws], Any]
    in_row: bool = False
    by_id: bool = True
    """Whether the rows of lists show it, and by-id reads. REST writes what by-id reads show."""
    means: tuple[str, str] | None = None
    """The model and the unified field that it is the value of."""


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
    """Return the keys of this kind, that rows show, or that by-id reads show."""
    return tuple(
        field.key
        for field in PLAIN_FIELDS[entity]
        if kind in (None, field.kind) and (field.in_row or not in_row) and (field.by_id or not by_id)
    )


def plain_truth(model: str, record: MutableObject) -> MutableObject:
    """Return what a record says of a model's plain fields: as it stands, and nothing where it is blank."""
    found: MutableObject = {}
    for fields in PLAIN_FIELDS.values():
        for field in fields:
            if field.means is not None and field.means[0] == model:
                value = record[field.key]
                found[field.means[1]] = None if isinstance(value, str) and not value.strip() else value
    return found
