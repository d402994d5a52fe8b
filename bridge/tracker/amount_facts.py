"""Learns if the amounts of an account can be read without knowing its decimal mark."""

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.json_types import JsonObject
from bridge.tracker import amounts, presence, values
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings
from bridge.tracker.schema import FieldPlaces

_FIELDS = ("salary_from", "salary_to", "salary_amount")
_NAME = "decimal_mark"


def amount_samples(
    fields: FieldPlaces, rows: Sequence[JsonObject], details: Sequence[JsonObject]
) -> list[Any]:
    """Return the values of every field that holds an amount."""
    records = {"row": rows, "detail": details, "any": [*details, *rows]}
    reads = (read for name in _FIELDS for read in fields.get(name, ()))
    found = (presence.value_at(record, read.path) for read in reads for record in records[read.source])
    return [value for value in found if not values.is_blank_text(value)]


def learn_amounts(client: Client, findings: Findings, samples: Iterable[Any]) -> None:
    """Decide if the decimal mark must be configured."""
    found = list(samples)
    texts = [value for value in found if isinstance(value, str)]
    mark = client.settings.decimal_mark
    doubtful = sum(amounts.is_doubtful_amount(text, mark) and _is_told_by_a_mark(text) for text in texts)
    if not found:
        findings.leave_open(_NAME, "no record has an amount", _NAME)
    elif doubtful:
        said = f"{doubtful} of {len(found)} amounts have two readings, depending on the decimal mark"
        findings.ask(_NAME, f'{said}; set {_NAME} to "." or ","', _NAME)
    elif texts:
        findings.prove(_NAME, f"{len(found)} amounts have one reading each, {len(texts)} of them are text")
    else:
        findings.prove(_NAME, f"{len(found)} amounts are numbers")


def _is_told_by_a_mark(text: str) -> bool:
    return amounts.number(text, ".") is not None or amounts.number(text, ",") is not None
