"""Learns how an account writes times: their format, and what a zone that is written beside them means."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from bridge.tracker import date_formats, presence
from bridge.tracker.client import Client
from bridge.tracker.date_formats import DateFormat
from bridge.tracker.findings import Findings
from bridge.tracker.reading import Record
from bridge.tracker.shapes import Fields

_FIELDS = (
    *("opened_at", "closed_at", "ended_at", "created_at", "updated_at"),
    *("posting_created_at", "posting_updated_at"),
)


def samples_of(fields: Fields, rows: Sequence[Record], details: Sequence[Record]) -> list[Any]:
    """Return the values of every field that holds a time."""
    found: list[Any] = []
    for name in _FIELDS:
        for read in fields.get(name, ()):
            records = {"row": rows, "detail": details, "any": [*details, *rows]}[read.source]
            found += [
                value for record in records if (value := presence.value_at(record, read.path)) is not None
            ]
    return found


def learn(client: Client, findings: Findings, samples: Mapping[str, Iterable[Any]]) -> None:
    """Settle format and zone. ``samples`` are the values of the fields that hold a time, by resource."""
    values = [value for found in samples.values() for value in found if date_formats.is_dated(value)]
    if not values:
        findings.leave_open("date_format", "no record has a time", "date_format")
        return
    fits = date_formats.formats_that_fit(values)
    current = client.settings.date_format
    evidence = f"{len(values)} times fit {', '.join(sorted(fits)) or 'no format that is known'}"
    if fits == {current} or (current in fits and current != "iso" and _is_configured(findings)):
        findings.prove("date_format", evidence)
    elif len(fits) == 1:
        findings.adopt("date_format", evidence, "date_format", next(iter(fits)))
    else:
        findings.ask("date_format", f"{evidence}; known: {', '.join(get_args(DateFormat))}", "date_format")
    _zones(client, findings, values)


def _zones(client: Client, findings: Findings, values: Sequence[Any]) -> None:
    if not date_formats.names_zones(values):
        findings.prove("times", "times name no zone, so they are local")
    elif client.settings.times == "auto":
        said = "times name a zone (Z or an offset): whether their digits are local or UTC can't be told"
        findings.ask("times", f'{said}; set times to "tenant", "utc" or "offset"', "times")
    else:
        findings.prove("times", f"times name a zone; read as {client.settings.times}")


def _is_configured(findings: Findings) -> bool:
    return findings.is_configured("date_format")
