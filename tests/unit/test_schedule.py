"""What is read next: each resource by itself, its requests, polls and background in turn; nothing starves."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.capture.schedule import ORDER, ResourceState, Task, WorkKind, due, idle_seconds
from bridge.tracker import resources

few = settings(max_examples=50, deadline=None)
NOW = 1000.0
LATER, EARLIER = NOW + 60, NOW - 60
BACKGROUND = ("load", "sweep", "delete")

moments = st.sampled_from([0.0, EARLIER, NOW - 1, NOW, NOW + 1, LATER])
works = st.sampled_from([None, "requests", "poll", "load", "sweep", "delete"])
states = st.dictionaries(
    st.sampled_from(ORDER),
    st.builds(
        ResourceState,
        incremental=st.booleans(),
        loaded=st.booleans(),
        scanning=st.booleans(),
        requested=st.booleans(),
        waits=st.booleans(),
        poll_due_at=moments,
        sweep_due_at=moments,
        blocked_until=moments,
        requests_blocked_until=moments,
        background_blocked_until=moments,
        approved=st.booleans(),
        doing=works,
        did=works,
    ),
)
Standings = dict[str, ResourceState]


def idle(**given: object) -> ResourceState:
    """Loaded, and nothing due for a minute, but for what is given."""
    known: dict[str, Any] = {"incremental": True, "loaded": True, "poll_due_at": LATER, "sweep_due_at": LATER}
    return ResourceState(**(known | given))


def chosen(found: Standings, now: float = NOW) -> dict[str, WorkKind]:
    """The work that may begin, by resource."""
    return {task.resource: task.work for task in due(found, now)}


def test_every_resource_has_a_place_in_the_order() -> None:
    assert set(ORDER) == set(resources.DEFAULT.resources)


def test_the_polls_of_all_resources_begin_side_by_side() -> None:
    found = {"jobs": idle(poll_due_at=NOW), "candidates": idle(poll_due_at=NOW - 5), "users": idle()}
    assert chosen(found) == {"jobs": "poll", "candidates": "poll"}


def test_a_resource_that_is_being_read_is_left_alone_and_holds_up_no_other() -> None:
    found = {"candidates": idle(poll_due_at=0.0, doing="poll"), "applications": idle(poll_due_at=NOW)}
    assert chosen(found) == {"applications": "poll"}


def test_hints_polls_and_the_background_of_a_resource_take_turns() -> None:
    busy = idle(requested=True, poll_due_at=0.0, scanning=True)
    seen: list[WorkKind] = []
    for _ in range(6):
        (task,) = due({"candidates": busy}, NOW)
        seen.append(task.work)
        busy.did = task.work
    assert seen == ["requests", "poll", "sweep"] * 2


def test_what_must_be_read_after_another_waits_for_it() -> None:
    found = {"applications": idle(poll_due_at=0.0, loaded=False, waits=True)}
    assert chosen(found) == {}


def test_what_a_person_approved_goes_before_loads_and_sweeps() -> None:
    found = {
        "jobs": idle(loaded=False),
        "candidates": idle(scanning=True),
        "applications": idle(approved=True),
    }
    assert chosen(found) == {"applications": "delete"}


def test_first_loads_go_before_sweeps_one_after_the_other() -> None:
    found = {
        "jobs": idle(scanning=True, sweep_due_at=0.0),
        "candidates": idle(loaded=False),
        "applications": idle(loaded=False, scanning=True),
    }
    assert chosen(found) == {"candidates": "load"}


def test_a_sweep_under_way_is_finished_before_another_begins() -> None:
    found = {"jobs": idle(sweep_due_at=0.0), "candidates": idle(scanning=True)}
    assert chosen(found) == {"candidates": "sweep"}
    assert chosen({**found, "candidates": idle(scanning=True, doing="sweep")}) == {}


def test_the_sweep_that_is_longest_due_begins() -> None:
    found = {"jobs": idle(sweep_due_at=NOW - 1), "candidates": idle(sweep_due_at=NOW - 2)}
    assert chosen(found) == {"candidates": "sweep"}


def test_what_is_read_whole_is_neither_loaded_nor_swept() -> None:
    found = {"users": ResourceState(incremental=False, poll_due_at=LATER, sweep_due_at=0.0)}
    assert chosen(found) == {}
    assert idle_seconds(found, NOW) == LATER - NOW


def test_a_resource_in_trouble_waits_and_holds_up_no_other() -> None:
    blocked = {
        "blocked_until": NOW + 3,
        "background_blocked_until": NOW + 3,
        "requests_blocked_until": NOW + 3,
    }
    found = {"jobs": idle(loaded=False, poll_due_at=0.0, approved=True, requested=True, **blocked)}
    assert chosen(found) == {}
    assert idle_seconds(found, NOW) == 3.0
    assert chosen({**found, "candidates": idle(loaded=False)}) == {"candidates": "load"}


def test_polls_and_the_background_of_a_resource_are_blocked_apart() -> None:
    found = {"jobs": idle(loaded=False, poll_due_at=0.0, background_blocked_until=NOW + 3)}
    assert chosen(found) == {"jobs": "poll"}
    found = {"jobs": idle(loaded=False, poll_due_at=0.0, blocked_until=NOW + 3)}
    assert chosen(found) == {"jobs": "load"}


def test_with_nothing_to_read_it_looks_again_in_a_second() -> None:
    assert (due({}, NOW), idle_seconds({}, NOW)) == ([], 1.0)


@few
@given(states)
def test_only_what_is_due_and_not_blocked_is_chosen(found: Standings) -> None:
    tasks = due(found, NOW)
    for task in tasks:
        state = found[task.resource]
        assert state.doing is None
        assert not state.waits
        blocked = {"poll": state.blocked_until, "requests": state.requests_blocked_until}
        assert blocked.get(task.work, state.background_blocked_until) <= NOW
        assert {
            "requests": state.requested,
            "poll": state.poll_due_at <= NOW or (state.scanning and not state.incremental),
            "delete": state.approved,
            "load": state.incremental and not state.loaded,
            "sweep": state.incremental and state.loaded and (state.scanning or state.sweep_due_at <= NOW),
        }[task.work]
    running = [s for s in found.values() if s.doing in BACKGROUND]
    assert len([task for task in tasks if task.work in BACKGROUND]) <= (0 if running else 1)


@few
@given(states)
def test_a_wait_ends_when_something_is_due_and_not_after(found: Standings) -> None:
    if due(found, NOW) or any(state.doing for state in found.values()):
        return
    wait = idle_seconds(found, NOW)
    if all(state.waits for state in found.values()):
        assert wait == 1.0
        return
    assert wait > 0
    assert due(found, NOW + wait)
    assert not due(found, NOW + wait * 0.99)


@few
@given(st.floats(0.1, 30.0), st.floats(0.1, 30.0), st.floats(0.1, 30.0))
def test_nothing_starves_however_slow_the_others(poll: float, step: float, requests: float) -> None:
    takes: dict[WorkKind, float] = {
        "poll": poll,
        "requests": requests,
        "load": step,
        "sweep": step,
        "delete": step,
    }
    found = {name: ResourceState(incremental=name not in ("users", "statuses")) for name in ORDER}
    now, steps, done = 0.0, dict.fromkeys(ORDER, 0), list[tuple[float, Task]]()
    ends: list[tuple[float, Task]] = []
    while now < 4000:
        for state in found.values():
            state.requested = True
        for task in due(found, now):
            found[task.resource].doing = task.work
            ends.append((now + takes[task.work], task))
        ends.sort(key=lambda end: end[0])
        now, task = ends.pop(0)
        _end(found[task.resource], task, now, steps)
        done.append((now, task))
    incremental = ("jobs", "candidates", "applications")
    expected: dict[WorkKind, tuple[str, ...]] = {"requests": ORDER, "poll": ORDER, "sweep": incremental}
    for work, names in expected.items():
        for name in names:
            assert len([1 for at, task in done if at > 1000 and task == Task(work=work, resource=name)]) > 2


def _end(state: ResourceState, task: Task, now: float, steps: dict[str, int]) -> None:
    state.did, state.doing = state.doing, None
    if task.work == "poll":
        state.poll_due_at = now + 15.0
    elif task.work in BACKGROUND:
        steps[task.resource] += 1
        state.scanning = steps[task.resource] % 3 != 0
        if not state.scanning:
            state.sweep_due_at = now + 60.0
        state.loaded = state.loaded or not state.scanning
