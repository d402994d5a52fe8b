"""Learns which of the mapped keys an account's records have."""

from collections.abc import Mapping, Sequence

from bridge.tracker import presence
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings
from bridge.tracker.reading import Record
from bridge.tracker.shapes import ResourceName

# One API gives a user's name in two parts, the other as one: either will do.
_INSTEAD_OF: Mapping[str, tuple[str, ...]] = {
    "full_name": ("first_name", "last_name"),
    "first_name": ("full_name",),
    "last_name": ("full_name",),
}


def learn(
    client: Client, findings: Findings, name: ResourceName, rows: Sequence[Record], details: Sequence[Record]
) -> None:
    """Settle where the values of one resource stand, by the keys of some of its rows and by-id records."""
    table = client.settings[name]
    for field, places in table.fields.items():
        key = f"fields.{table.entity}.{field}"
        count, total = presence.of(places, rows, details)
        others = _INSTEAD_OF.get(field, ())
        if not places:
            findings.prove(key, "configured not to be there")
        elif not total:
            findings.leave_open(key, "there is no record to look at", key)
        elif count:
            findings.prove(key, f"in {count} of {total} records")
        elif others and all(
            presence.of(table.fields[other], rows, details)[0] for other in others if other in table.fields
        ):
            findings.prove(key, f"{' and '.join(others)} tell it")
        else:
            names = presence.keys_of(rows if places[0].source == "row" else details)
            said = (
                f"{places[0]} is in none of {total} records; set {key} to its place, or to [] where the "
                f"account has none; their keys: {names}"
            )
            findings.ask(key, said, key)
