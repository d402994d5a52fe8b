"""Learns whether the list of placement statuses says what outcome each of them means."""

from collections.abc import Mapping, Sequence

from bridge.json_types import JsonObject
from bridge.tracker import statuses
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings

_ASSUMPTIONS: Mapping[str, tuple[str, str]] = {
    "statuses_none": ("statuses.listed", "rows.statuses"),
    "statuses_unreadable": ("statuses.readable", "fields.status.id"),
    "statuses_without_group": ("statuses.grouped", "fields.status.group"),
    "statuses_without_rejected": ("statuses.rejecting", "maps.status_group"),
    "statuses_of_unknown_group": ("statuses.known", "maps.status_group"),
}
"""A problem of the list -> the assumption that it refutes, and the key that cures it. What is fatal leaves
open what comes after it."""


def learn_status_list(client: Client, findings: Findings, rows: Sequence[JsonObject]) -> None:
    """Settle what the list says. ``rows`` are all of it."""
    problems = {problem.code: problem for problem in statuses.status_problems(rows, client.settings)}
    fatal = None
    for code, (assumption, key) in _ASSUMPTIONS.items():
        if (problem := problems.get(code)) is not None:
            findings.ask(assumption, problem.text, key)
            fatal = assumption if problem.fatal else fatal
        elif fatal is not None:
            findings.leave_open(assumption, f"can't be told before {fatal}", key)
        else:
            findings.prove(assumption, f"so it is with all {len(rows)} of them")
