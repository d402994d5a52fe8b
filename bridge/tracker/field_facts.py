"""Learns which of the mapped keys an account's records have."""

from collections.abc import Mapping, Sequence

from bridge.json_types import JsonObject
from bridge.tracker import presence
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings
from bridge.tracker.schema import FieldPlaces, ResourceName

# One API gives a user's name in two parts, the other as one. Either is enough.
_INSTEAD_OF: Mapping[str, tuple[str, ...]] = {
    "full_name": ("first_name", "last_name"),
    "first_name": ("full_name",),
    "last_name": ("full_name",),
}
# Fields that nearly every account uses, and how many records without one show that it is elsewhere.
_NEEDED: Mapping[str, tuple[str, ...]] = {"candidate": ("email",)}
_TELLING = 3


def learn_fields(
    client: Client,
    findings: Findings,
    name: ResourceName,
    rows: Sequence[JsonObject],
    details: Sequence[JsonObject],
) -> None:
    """Learn where the values of one resource are, from the keys of some rows and by-id records."""
    table = client.settings[name]
    _settle(findings, table.entity, table.fields, rows, details)
    if name == "jobs":
        lists = (
            presence.value_at(record, read.path) for read in table.fields["owners"] for record in details
        )
        owners = [one for found in lists if isinstance(found, list) for one in found if isinstance(one, dict)]
        _settle(findings, "owner", client.settings.owner, owners, ())


def _settle(
    findings: Findings,
    entity: str,
    fields: FieldPlaces,
    rows: Sequence[JsonObject],
    details: Sequence[JsonObject],
) -> None:
    for field, places in fields.items():
        key = f"fields.{entity}.{field}"
        seen = presence.measure_presence(places, rows, details)
        others = [other for other in _INSTEAD_OF.get(field, ()) if other in fields]
        if not places:
            findings.prove(key, "configured to be absent")
        elif seen.there:
            findings.prove(key, str(seen))
        elif not seen.total:
            findings.leave_open(key, "no record to look at", key)
        elif others and all(
            presence.measure_presence(fields[other], rows, details).there for other in others
        ):
            findings.prove(key, f"{' and '.join(others)} contain it")
        elif seen.hidden == seen.total and field in _NEEDED.get(entity, ()) and seen.total >= _TELLING:
            said = f"the enclosing object is null in all {seen.total} records; it may be elsewhere"
            findings.ask(key, f"{said}; set {key} to its place, or to [] if it does not exist", key)
        elif seen.hidden == seen.total:
            said = f"the enclosing object is null in all {seen.total} records"
            findings.leave_open(key, said, key)
        else:
            names = presence.describe_key_paths(rows if places[0].source == "row" else details)
            said = (
                f"{places[0]} is in none of {seen.total - seen.hidden} records; set {key} to its place, or "
                f"to [] if the account has none; their keys: {names}"
            )
            findings.ask(key, said, key)
