"""Learns if a job's list and the dates of its record agree on whether it is open."""

from collections.abc import Mapping, Sequence

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker.client import Client
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.findings import Findings
from bridge.tracker.pages import Row
from bridge.tracker.schema import map_key

_NAME = "job_state_from"


def learn_job_states(
    client: Client,
    findings: Findings,
    rows: Mapping[str | None, Sequence[Row]],
    details: Mapping[str, JsonObject],
) -> None:
    """Learn what determines a job's state. ``rows`` are those of each list, ``details`` some of
    them by id."""
    table, settings = client.settings["jobs"], client.settings
    if settings.job_state_from != "auto":
        findings.prove(_NAME, f"by the {settings.job_state_from}, as configured")
        return
    looked_at, ended = 0, 0
    for row in rows.get("open", ()):
        detail = details.get(row.remote_id)
        if detail is None:
            continue
        try:
            reader = FieldReader(table.entity, table.fields, row.decode(), detail)
            status = reader.text("status")
        except Permanent:
            continue  # the reason is reported elsewhere
        if map_key(status or "") in settings.maps.job_status:
            continue
        looked_at += 1
        ended += reader.is_dated("ended_at")
    if ended:
        said = f"{ended} of {looked_at} jobs of the list open have an end date in their record"
        findings.ask(_NAME, f'{said}; set {_NAME} to "list" or "record"', _NAME)
    elif looked_at:
        findings.prove(_NAME, f"none of {looked_at} jobs of the list open has an end date in its record")
    else:
        findings.leave_open(_NAME, "no job of the list open was read by id", _NAME)
