"""What is read next: polls, then what was approved, then first loads, then sweeps; and nobody starves."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.capture.schedule import ORDER, Standing, Task, Wait, choose
from bridge.tracker import resources

few = settings(max_examples=50, deadline=None)
NOW = 1000.0
LATER, EARLIER = NOW + 60, NOW - 60

moments = st.sampled_from([0.0, EARLIER, NOW - 1, NOW, NOW + 1, LATER])
standings = st.dictionaries(
    st.sampled_from(ORDER),
    st.builds(
        Standing,
        incremental=st.booleans(),
        loaded=st.booleans(),
        scanning=st.booleans(),
        poll_due_at=moments,
        sweep_due_at=moments,
        blocked_until=moments,
        background_blocked_until=moments,
        approved=st.booleans(),
    ),
)
Standings = dict[str, Standing]


def idle(**given: object) -> Standing:
    """Loaded, and nothing due for a minute, but for what is given."""
    known: dict[str, Any] = {"incremental": True, "loaded": True, "poll_due_at": LATER, "sweep_due_at": LATER}
    return Standing(**(known | given))


def chosen(found: Standings, now: float = NOW, background_by: float = float("inf")) -> tuple[str, str]:
    """The work and the resource of the next step."""
    task = choose(found, now, background_by)
    assert isinstance(task, Task)
    return task.work, task.resource


def test_every_resource_has_a_place_in_the_order() -> None:
    assert set(ORDER) == set(resources.DEFAULT.resources)


def test_the_poll_that_is_longest_overdue_goes_first() -> None:
    found = {"jobs": idle(poll_due_at=NOW), "candidates": idle(poll_due_at=NOW - 5), "users": idle()}
    assert chosen(found) == ("poll", "candidates")


def test_the_statuses_are_polled_first_of_all_at_the_start() -> None:
    fresh = {name: Standing(incremental=name not in ("users", "statuses")) for name in ORDER}
    assert chosen(fresh) == ("poll", "statuses")


def test_what_a_person_approved_goes_before_loads_and_sweeps() -> None:
    found = {
        "jobs": idle(loaded=False),
        "candidates": idle(scanning=True),
        "applications": idle(approved=True),
    }
    assert chosen(found) == ("delete", "applications")


def test_first_loads_go_before_sweeps_one_after_the_other() -> None:
    found = {
        "jobs": idle(scanning=True, sweep_due_at=0.0),
        "candidates": idle(loaded=False),
        "applications": idle(loaded=False, scanning=True),
    }
    assert chosen(found) == ("load", "candidates")


def test_a_sweep_under_way_is_finished_before_another_begins() -> None:
    found = {"jobs": idle(sweep_due_at=0.0), "candidates": idle(scanning=True)}
    assert chosen(found) == ("sweep", "candidates")


def test_the_sweep_that_is_longest_due_begins() -> None:
    found = {"jobs": idle(sweep_due_at=NOW - 1), "candidates": idle(sweep_due_at=NOW - 2)}
    assert chosen(found) == ("sweep", "candidates")


def test_what_is_read_whole_is_neither_loaded_nor_swept() -> None:
    found = {"users": idle(incremental=False, loaded=False, sweep_due_at=0.0)}
    assert choose(found, NOW) == Wait(seconds=LATER - NOW)


def test_a_blocked_resource_is_left_alone_until_its_time() -> None:
    blocked = {"blocked_until": NOW + 3, "background_blocked_until": NOW + 4}
    found = {"jobs": idle(loaded=False, poll_due_at=0.0, approved=True, **blocked)}
    assert choose(found, NOW) == Wait(seconds=3.0)
    assert chosen(found, NOW + 3) == ("poll", "jobs")


def test_polls_go_on_while_the_background_is_blocked_and_the_other_way_round() -> None:
    found = {"jobs": idle(loaded=False, poll_due_at=0.0, background_blocked_until=NOW + 3)}
    assert chosen(found, background_by=NOW) == ("poll", "jobs")
    found = {"jobs": idle(loaded=False, poll_due_at=0.0, blocked_until=NOW + 3)}
    assert chosen(found) == ("load", "jobs")


def test_a_background_step_that_waited_too_long_goes_before_the_polls() -> None:
    found = {"jobs": idle(poll_due_at=0.0), "candidates": idle(loaded=False)}
    assert chosen(found, background_by=NOW + 1) == ("poll", "jobs")
    assert chosen(found, background_by=NOW) == ("load", "candidates")


def test_without_any_background_work_the_polls_go_on() -> None:
    assert chosen({"jobs": idle(poll_due_at=0.0)}, background_by=NOW) == ("poll", "jobs")


def test_with_nothing_to_read_it_looks_again_in_a_second() -> None:
    assert choose({}, NOW) == Wait(seconds=1.0)


@few
@given(standings, st.booleans())
def test_only_what_is_due_and_not_blocked_is_chosen(found: Standings, patient: bool) -> None:
    task = choose(found, NOW, float("inf") if patient else NOW)
    if isinstance(task, Wait):
        return
    standing = found[task.resource]
    assert (standing.blocked_until if task.work == "poll" else standing.background_blocked_until) <= NOW
    assert {
        "poll": standing.poll_due_at <= NOW or (standing.scanning and not standing.incremental),
        "delete": standing.approved,
        "load": standing.incremental and not standing.loaded,
        "sweep": standing.incremental
        and standing.loaded
        and (standing.scanning or standing.sweep_due_at <= NOW),
    }[task.work]


@few
@given(standings)
def test_polls_go_before_deletions_before_loads_before_sweeps(found: Standings) -> None:
    task = choose(found, NOW)
    rank = ["poll", "delete", "load", "sweep"]
    if isinstance(task, Task):
        without = {name: msgspec.structs.replace(s, poll_due_at=LATER) for name, s in found.items()}
        then = choose(without, NOW)
        assert isinstance(then, Wait) or rank.index(task.work) <= rank.index(then.work)


@few
@given(standings)
def test_a_wait_ends_when_something_is_due_and_not_after(found: Standings) -> None:
    wait = choose(found, NOW)
    if isinstance(wait, Wait) and found:
        assert wait.seconds > 0
        assert isinstance(choose(found, NOW + wait.seconds), Task)
        assert isinstance(choose(found, NOW + wait.seconds * 0.99), Wait)


@few
@given(st.floats(0.1, 30.0), st.floats(0.1, 30.0))
def test_nothing_starves_however_slow_the_polls(poll_takes: float, step_takes: float) -> None:
    found = {name: Standing(incremental=name not in ("users", "statuses")) for name in ORDER}
    now, background_by, steps, done = 0.0, 15.0, dict.fromkeys(ORDER, 0), set()
    for _ in range(400):
        task = choose(found, now, background_by)
        if isinstance(task, Wait):
            now += task.seconds
            continue
        standing, started = found[task.resource], now
        if task.work == "poll":
            now += poll_takes
            standing.poll_due_at = started + 15.0
        else:
            now += step_takes
            background_by = now + 15.0
            steps[task.resource] += 1
            standing.sweep_due_at = now + 60.0
            standing.scanning = steps[task.resource] % 3 != 0
            standing.loaded = standing.loaded or not standing.scanning
        done.add((task.work, task.resource))
    assert {resource for work, resource in done if work == "poll"} == set(ORDER)
    assert {r for work, r in done if work == "sweep"} == {"jobs", "candidates", "applications"}
