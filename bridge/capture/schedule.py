"""What to read next. Pure: a function of what is due; the clock is given.

Each resource is read by itself, one step at a time, and all of them side by side: none waits for another.
What one of them has to do takes turns: the records that somebody asked for, the poll, and the background.
In the background, what a person approved goes first, then the first load of what was never read whole, then
the sweep, which goes on forever; of all resources, one is in the background at a time. A poll and a scan move
in short steps, so that nothing waits long for its turn.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

# The order of a first load: an application's outcome needs the statuses.
ORDER = ("statuses", "users", "jobs", "candidates", "applications")

Background = Literal["load", "sweep", "delete"]
WorkKind = Literal["requests", "poll"] | Background
_BACKGROUND = ("load", "sweep", "delete")


class ResourceState(Struct, kw_only=True):
    """Where one resource stands; times are seconds of a clock that never jumps.

    ``loaded``: its first load is complete. ``scanning``: a scan of it is under way. ``hinted``: somebody
    asked for some of its records. ``waits``: another resource must be read before it. After a failure polls
    wait until ``blocked_until``, the requests until ``requests_blocked_until``, and the background until
    ``background_blocked_until``. ``doing`` is the step that is being done, ``did`` the one before.
    """

    incremental: bool
    loaded: bool = False
    scanning: bool = False
    hinted: bool = False
    waits: bool = False
    poll_due_at: float = 0.0
    sweep_due_at: float = 0.0
    blocked_until: float = 0.0
    requests_blocked_until: float = 0.0
    background_blocked_until: float = 0.0
    approved: bool = False
    doing: WorkKind | None = None
    did: WorkKind | None = None


class Task(Struct, frozen=True, kw_only=True):
    """The next step of one resource."""

    work: WorkKind
    resource: str


def due(standings: Mapping[str, ResourceState], now: float) -> list[Task]:
    """The steps that may begin at ``now``, one of each resource at most."""
    background = _background(standings, now)
    found = []
    for name in _known(standings):
        standing = standings[name]
        if standing.doing is None and not standing.waits:
            work = _turn(standing, now, background.get(name))
            found += [] if work is None else [Task(work=work, resource=name)]
    return found


def idle_seconds(standings: Mapping[str, ResourceState], now: float) -> float:
    """For how long nothing becomes due by itself."""
    moments = []
    busy = any(standing.doing is not None for standing in standings.values())
    for standing in (standings[name] for name in _known(standings)):
        if standing.doing is not None or standing.waits:
            continue
        moments.append(max(standing.blocked_until, _poll_due_at(standing, now)))
        if standing.hinted:
            moments.append(max(standing.requests_blocked_until, now))
        if busy:
            continue  # The background waits for what is under way, whose end is noticed.
        if standing.approved or _needs_load(standing) or (standing.incremental and standing.scanning):
            moments.append(max(standing.background_blocked_until, now))
        elif standing.incremental:
            moments.append(max(standing.background_blocked_until, standing.sweep_due_at))
    return max(0.0, min(moments, default=now + 1.0) - now)


def _turn(standing: ResourceState, now: float, background: Background | None) -> WorkKind | None:
    """Whose turn it is: of what is due, what comes after the last step's kind."""
    turns: list[WorkKind] = []
    if standing.hinted and standing.requests_blocked_until <= now:
        turns.append("requests")
    if standing.blocked_until <= now and _poll_due_at(standing, now) <= now:
        turns.append("poll")
    if background is not None:
        turns.append(background)
    if not turns:
        return None
    last = -1 if standing.did is None else _rank(standing.did)
    return next((work for work in turns if _rank(work) > last), turns[0])


def _rank(work: WorkKind) -> int:
    return {"requests": 0, "poll": 1}.get(work, 2)


def _background(standings: Mapping[str, ResourceState], now: float) -> Mapping[str, Background]:
    """The one resource whose background may go on, and how, unless that of one is under way."""
    known = _known(standings)
    if any(standings[name].doing in _BACKGROUND for name in known):
        return {}
    open_ = [n for n in known if standings[n].background_blocked_until <= now and not standings[n].waits]
    kinds: tuple[tuple[Background, list[str]], ...] = (
        ("delete", [n for n in open_ if standings[n].approved]),
        ("load", [n for n in open_ if _needs_load(standings[n])]),
        ("sweep", _sweeps(standings, open_, now)),
    )
    for work, names in kinds:
        if names:
            return {names[0]: work}
    return {}


def _known(standings: Mapping[str, ResourceState]) -> list[str]:
    return [name for name in ORDER if name in standings]


def _poll_due_at(standing: ResourceState, now: float) -> float:
    """When to poll next; what is read whole at each poll is scanned by polling it."""
    return now if standing.scanning and not standing.incremental else standing.poll_due_at


def _needs_load(standing: ResourceState) -> bool:
    return standing.incremental and not standing.loaded


def _sweeps(standings: Mapping[str, ResourceState], names: Sequence[str], now: float) -> list[str]:
    """The sweep under way, else the one longest due."""
    whole = [n for n in names if standings[n].incremental and standings[n].loaded]
    under_way = [n for n in whole if standings[n].scanning]
    if under_way:
        return under_way
    ready = [n for n in whole if standings[n].sweep_due_at <= now]
    return sorted(ready, key=lambda n: standings[n].sweep_due_at)
