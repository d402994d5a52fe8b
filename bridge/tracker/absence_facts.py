"""Learns how an account answers a by-id read of an id that does not exist, and lets the client read by it."""

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
    """Settle it for one resource. ``readable``: the first of the ``rows`` was read by id.

    Raises what the client raises, but for ids that are refused where records are readable.
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
        # Records are read by id, so it is the ids that are refused, and not the token.
        findings.ask(key, f"{error}: deletions can't be proved", "absence.statuses")
        return
    if facts.recognized:
        findings.prove(key, facts.evidence)
    elif facts.settings:
        # One way of absence for all lists: what the next one adds goes on top.
        ((setting, value),) = facts.settings["absence"].items()
        findings.adopt(key, facts.evidence, f"absence.{setting}", value)
    elif facts.finding == "unknown" and not rows:
        findings.leave_open(key, facts.evidence, "absence.statuses")
    else:
        findings.ask(key, facts.evidence, "absence.statuses")
