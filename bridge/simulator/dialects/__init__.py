"""Dialects: what a TrackerRMS account may be like where nobody has seen one.

Each doubtful point is a switch with its plausible values; a default is what the simulator assumes.
``DIALECTS`` has them all, so that a test can try each. A dialect changes what the account answers, never what
is true of it: the truth stays what the world says.
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

#: The groups of switches, by the heading that documents give them.
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
