"""Schedule of a poller: what to read next. Pure: a function of what is due and the given time.

Each resource is read one step at a time, and all of them in parallel: none waits for another. A resource's
kinds of work take turns: requested records, the poll, and background work. In the background, approved
deletions come first, then the first load, then the sweep, which never ends. Only one resource at a time works
in the background. Polls and scans progress in short steps, so that nothing waits long for its turn.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

# The order of a first load: an application's outcome requires the statuses.
ORDER = ("statuses", "users", "jobs", "candidates", "applications")

Background = Literal["load", "sweep", "delete"]
WorkKind = Literal["requests", "poll"] | Background
_BACKGROUND = ("load", "sweep", "delete")


class ResourceState(Struct, kw_only=True):
    """State of one resource. Times are seconds of a monotonic clock.

    ``loaded``: its first load is complete. ``scanning``: a scan of it is in progress. ``requested``: some of
    its records are requested. ``waits``: another resource must be read first. After a failure polls wait
    until ``blocked_until``, requests until ``requests_blocked_until``, and background work until
    ``background_blocked_until``. ``doing`` is the present step, ``did`` the previous one.
    """

    incremental: bool
    loaded: bool = False
    scanning: bool = False
    requested: bool = False
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


def due(states: Mapping[str, ResourceState], now: float) -> list[Task]:
    """Return the steps that may begin at ``now``, at most one per resource."""
    background = _background(states, now)
    found = []
    for name in _known(states):
        state = states[name]
        if state.doing is None and not state.waits:
            work = _turn(state, now, background.get(name))
            found += [] if work is None else [Task(work=work, resource=name)]
    return found


def idle_seconds(states: Mapping[str, ResourceState], now: float) -> float:
    """Return the seconds until something becomes due."""
    moments = []
    busy = any(state.doing is not None for state in states.values())
    for state in (states[name] for name in _known(states)):
        if state.doing is not None or state.waits:
            continue
        moments.append(max(state.blocked_until, _poll_due_at(state, now)))
        if state.requested:
            moments.append(max(state.requests_blocked_until, now))
        if busy:
            continue  # Background work waits for the step in progress, whose end is noticed.
        if state.approved or _needs_load(state) or (state.incremental and state.scanning):
            moments.append(max(state.background_blocked_until, now))
        elif state.incremental:
            moments.append(max(state.background_blocked_until, state.sweep_due_at))
    return max(0.0, min(moments, default=now + 1.0) - now)


def _turn(state: ResourceState, now: float, background: Background | None) -> WorkKind | None:
    """Return the work whose turn it is: of the work that is due, the kind that follows the last step's."""
    turns: list[WorkKind] = []
    if state.requested and state.requests_blocked_until <= now:
        turns.append("requests")
    if state.blocked_until <= now and _poll_due_at(state, now) <= now:
        turns.append("poll")
    if background is not None:
        turns.append(background)
    if not turns:
        return None
    last = -1 if state.did is None else _rank(state.did)
    return next((work for work in turns if _rank(work) > last), turns[0])


def _rank(work: WorkKind) -> int:
    return {"requests": 0, "poll": 1}.get(work, 2)


def _background(states: Mapping[str, ResourceState], now: float) -> Mapping[str, Background]:
    """Return the one resource that may work in the background, and the work; none while one does."""
    known = _known(states)
    if any(states[name].doing in _BACKGROUND for name in known):
        return {}
    open_ = [n for n in known if states[n].background_blocked_until <= now and not states[n].waits]
    kinds: tuple[tuple[Background, list[str]], ...] = (
        ("delete", [n for n in open_ if states[n].approved]),
        ("load", [n for n in open_ if _needs_load(states[n])]),
        ("sweep", _sweeps(states, open_, now)),
    )
    for work, names in kinds:
        if names:
            return {names[0]: work}
    return {}


def _known(states: Mapping[str, ResourceState]) -> list[str]:
    return [name for name in ORDER if name in states]


def _poll_due_at(state: ResourceState, now: float) -> float:
    """Return when to poll next. A poll of a resource that is read in full completes its scan too."""
    return now if state.scanning and not state.incremental else state.poll_due_at


def _needs_load(state: ResourceState) -> bool:
    return state.incremental and not state.loaded


def _sweeps(states: Mapping[str, ResourceState], names: Sequence[str], now: float) -> list[str]:
    """Return the sweep in progress, or else the sweeps that are due, longest first."""
    whole = [n for n in names if states[n].incremental and states[n].loaded]
    under_way = [n for n in whole if states[n].scanning]
    if under_way:
        return under_way
    ready = [n for n in whole if states[n].sweep_due_at <= now]
    return sorted(ready, key=lambda n: states[n].sweep_due_at)
