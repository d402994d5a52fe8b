"""What to read next. Pure: a function of what is due; the clock is given.

Polls first, for they bring what changed; then what a person approved; then the first load of what was
never read whole; then the sweep, which goes on forever in the background. A sweep moves in short steps, so
that a poll never waits long. Where the polls alone would take all the time there is (a small budget, a busy
account), every now and then a step of the others goes before them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

# The order of a first load: an application's outcome needs the statuses.
ORDER = ("statuses", "users", "jobs", "candidates", "applications")

Work = Literal["poll", "load", "sweep", "delete"]


class Standing(Struct, kw_only=True):
    """Where one resource stands; times are seconds of a clock that never jumps.

    ``loaded``: its first load is complete. ``scanning``: a scan of it is under way. After a failure polls
    wait until ``blocked_until``, and the rest, the background, until ``background_blocked_until``.
    """

    incremental: bool
    loaded: bool = False
    scanning: bool = False
    poll_due_at: float = 0.0
    sweep_due_at: float = 0.0
    blocked_until: float = 0.0
    background_blocked_until: float = 0.0
    approved: bool = False


class Task(Struct, frozen=True, kw_only=True):
    """The next step of one resource."""

    work: Work
    resource: str


class Wait(Struct, frozen=True, kw_only=True):
    """Nothing is due for that long."""

    seconds: float


def choose(standings: Mapping[str, Standing], now: float, background_by: float = math.inf) -> Task | Wait:
    """The most urgent step that is due at ``now``.

    ``background_by``: when a step that is no poll must have had its turn, if there is one to do.
    """
    known = [name for name in ORDER if name in standings]
    pollable = [name for name in known if standings[name].blocked_until <= now]
    open_ = [name for name in known if standings[name].background_blocked_until <= now]
    polls: tuple[Work, list[str]] = ("poll", _polls(standings, pollable, now))
    background: tuple[tuple[Work, list[str]], ...] = (
        ("delete", [n for n in open_ if standings[n].approved]),
        ("load", [n for n in open_ if _needs_load(standings[n])]),
        ("sweep", _sweeps(standings, open_, now)),
    )
    for work, names in (*background, polls) if now >= background_by else (polls, *background):
        if names:
            return Task(work=work, resource=names[0])
    return Wait(seconds=max(0.0, _next_due(standings, now) - now))


def _polls(standings: Mapping[str, Standing], names: Sequence[str], now: float) -> list[str]:
    """The polls that are due, the longest overdue first."""
    due = [n for n in names if _poll_due_at(standings[n], now) <= now]
    return sorted(due, key=lambda n: standings[n].poll_due_at)


def _poll_due_at(standing: Standing, now: float) -> float:
    """When to poll next; what is read whole at each poll is scanned by polling it."""
    return now if standing.scanning and not standing.incremental else standing.poll_due_at


def _needs_load(standing: Standing) -> bool:
    return standing.incremental and not standing.loaded


def _sweeps(standings: Mapping[str, Standing], names: Sequence[str], now: float) -> list[str]:
    """The sweep under way, else the one longest due."""
    whole = [n for n in names if standings[n].incremental and standings[n].loaded]
    under_way = [n for n in whole if standings[n].scanning]
    if under_way:
        return under_way
    due = [n for n in whole if standings[n].sweep_due_at <= now]
    return sorted(due, key=lambda n: standings[n].sweep_due_at)


def _next_due(standings: Mapping[str, Standing], now: float) -> float:
    moments = []
    for standing in (standings[name] for name in ORDER if name in standings):
        moments.append(max(standing.blocked_until, _poll_due_at(standing, now)))
        if standing.approved or _needs_load(standing) or (standing.incremental and standing.scanning):
            moments.append(max(standing.background_blocked_until, now))
        elif standing.incremental:
            moments.append(max(standing.background_blocked_until, standing.sweep_due_at))
    return min(moments, default=now + 1.0)
