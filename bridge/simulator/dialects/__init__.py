"""Dialects: plausible forms of a TrackerRMS account in the points that no one has seen.

Each uncertain point is a switch with its plausible values; the default is what the simulator assumes.
``DIALECTS`` has them all, so that a test can try each. A dialect changes only the account's answers, never
the truth about it, which is what the world says.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.simulator.dialects import (
    absence,
    candidate_records,
    dates,
    filters,
    job_records,
    lists,
    paths,
    records,
    statuses,
    tokens,
    values,
    wire,
    writes,
)
from bridge.simulator.dialects.switches import TOUCHES, Dialect, Switch, SwitchValue

#: The groups of switches, with their headings in documents.
GROUPS: Final[Mapping[str, Mapping[str, Switch]]] = MappingProxyType(
    {
        "Lists": lists.SWITCHES,
        "Filters": filters.SWITCHES,
        "Records": records.SWITCHES,
        "Candidates": candidate_records.SWITCHES,
        "Jobs, applications, users": job_records.SWITCHES,
        "Dates": dates.SWITCHES,
        "Values": values.SWITCHES,
        "Statuses": statuses.SWITCHES,
        "Absence and deletion": absence.SWITCHES,
        "Paths": paths.SWITCHES,
        "Tokens and limits": tokens.SWITCHES,
        "Writes": writes.SWITCHES,
        "The wire": wire.SWITCHES,
    }
)

DIALECTS: Final[Mapping[str, Switch]] = MappingProxyType(
    {name: one for group in GROUPS.values() for name, one in group.items()}
)

__all__ = ["DIALECTS", "GROUPS", "TOUCHES", "Dialect", "Switch", "SwitchValue"]
