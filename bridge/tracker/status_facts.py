"""Learns if the list of placement statuses determines the outcome of each status."""

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
"""A problem of the list -> the assumption that it refutes, and the key that corrects it. After a fatal
problem, the following assumptions stay open."""


def learn_status_list(client: Client, findings: Findings, rows: Sequence[JsonObject]) -> None:
    """Learn from the list. ``rows`` are all of its rows."""
    problems = {problem.code: problem for problem in statuses.status_problems(rows, client.settings)}
    fatal = None
    for code, (assumption, key) in _ASSUMPTIONS.items():
        if (problem := problems.get(code)) is not None:
            findings.ask(assumption, problem.text, key)
            fatal = assumption if problem.fatal else fatal
        elif fatal is not None:
            findings.leave_open(assumption, f"can't be determined before {fatal}", key)
        else:
            findings.prove(assumption, f"true of all {len(rows)} statuses")
