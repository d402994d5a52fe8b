"""Learns how an account answers a by-id read of an id that does not exist, and adopts it."""

from collections.abc import Sequence

from bridge.tracker import absence
from bridge.tracker.client import Client
from bridge.tracker.errors import CredentialsRefused
from bridge.tracker.findings import Findings
from bridge.tracker.pages import Row
from bridge.tracker.schema import ResourceName


async def learn_absence(
    client: Client, findings: Findings, name: ResourceName, rows: Sequence[Row], *, readable: bool
) -> None:
    """Learn the absence of one resource. ``readable``: the first of the ``rows`` could be read by id.

    Raises what the client raises, except for refused ids if records are readable.
    """
    if client.settings[name].by_id is None:
        return
    key = f"absence.{name}"
    try:
        facts = await absence.absence_of(
            client, name, existing=rows[0].remote_id if rows else None, was_read=readable
        )
    except CredentialsRefused as error:
        if not readable:
            raise
        # Records can be read by id, so TrackerRMS refuses these ids, not the token.
        findings.ask(key, f"{error}: deletions can't be proved", "absence.statuses")
        return
    if facts.recognized:
        findings.prove(key, facts.evidence)
    elif facts.settings:
        # The settings hold for all lists, so the next list's value is added to them.
        ((setting, value),) = facts.settings["absence"].items()
        findings.adopt(key, facts.evidence, f"absence.{setting}", value)
    elif facts.finding == "unknown" and not rows:
        findings.leave_open(key, facts.evidence, "absence.statuses")
    else:
        findings.ask(key, facts.evidence, "absence.statuses")
