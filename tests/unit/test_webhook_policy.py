"""What an attempt leads to, how much an endpoint is given at a time, and who wants which event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import WebhooksConfig
from bridge.webhooks import matching, policy
from bridge.webhooks.flow_control import FlowControl, FlowLimits
from bridge.webhooks.matching import Filter, FilterTable
from bridge.webhooks.policy import Again, AttemptResult, Delivered, EndpointGone, GivenUp, RetryTerms

SCHEDULE = WebhooksConfig().retry_seconds
TERMS = RetryTerms(retry_seconds=SCHEDULE)
LIMITS = FlowLimits(most=8, failures=3, first_seconds=5, longest_seconds=40)


def again(seen: AttemptResult, attempt: int = 1, chance: float = 0.0) -> Again:
    verdict = policy.judge_attempt(seen, attempt, TERMS, chance)
    assert isinstance(verdict, Again)
    return verdict


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert policy.judge_attempt(AttemptResult(status=status), 1, TERMS, 0) == Delivered()


def test_410_is_the_end() -> None:
    assert policy.judge_attempt(AttemptResult(status=410), 1, TERMS, 0) == EndpointGone()


@pytest.mark.parametrize(
    ("status", "error"),
    [(301, "redirected"), (304, "redirected"), (400, "client_error"),
     (404, "client_error"), (429, "throttled"), (500, "server_error"), (503, "server_error")],
)  # fmt: skip
def test_other_statuses_are_failures_with_a_name(status: int, error: str) -> None:
    assert again(AttemptResult(status=status)).error == error


def test_a_failure_without_a_status_keeps_its_name() -> None:
    assert again(AttemptResult(error="dns_error")).error == "dns_error"


def test_the_pauses_are_those_of_the_specification() -> None:
    hours = 3600
    assert (
        5, 300, 1800, 2 * hours, 5 * hours, 10 * hours, 14 * hours, 20 * hours, 24 * hours
    ) == SCHEDULE  # fmt: skip
    assert [again(AttemptResult(status=500), n).after_seconds for n in range(1, 10)] == list(SCHEDULE)
    assert policy.judge_attempt(AttemptResult(status=500), 10, TERMS, 0) == GivenUp(error="server_error")


@given(st.floats(-1, 1), st.integers(1, 9))
def test_the_jitter_is_a_fifth_at_most(chance: float, attempt: int) -> None:
    pause = SCHEDULE[attempt - 1]
    assert 0.799 * pause <= again(AttemptResult(status=500), attempt, chance).after_seconds <= 1.201 * pause


@given(st.floats(-1, 1), st.floats(0, 1e7), st.sampled_from([429, 503]), st.integers(1, 9))
def test_what_retry_after_asks_for_is_never_cut_short(
    chance: float, asked: float, status: int, attempt: int
) -> None:
    verdict = again(AttemptResult(status=status, retry_after_seconds=asked), attempt, chance)
    assert verdict.after_seconds >= asked
    assert verdict.hold_seconds == asked


def test_retry_after_of_another_status_is_not_about_the_next_attempt() -> None:
    assert again(AttemptResult(status=500, retry_after_seconds=900)).after_seconds == 5


def test_a_window_opens_with_success_and_closes_with_failure() -> None:
    breaker = FlowControl(LIMITS)
    assert breaker.room(0, 0) == 4
    for _ in range(10):
        breaker.succeeded()
    assert breaker.room(0, 2) == 6
    breaker.failed(0)
    assert breaker.room(0, 0) == 4
    breaker.failed(0)
    assert breaker.room(0, 0) == 2


def test_failures_in_a_row_open_the_breaker_for_one_trial_at_a_time() -> None:
    breaker = FlowControl(LIMITS)
    assert [breaker.failed(0) for _ in range(3)] == [False, False, True]
    assert breaker.state(0) == breaker.state(5) == "open"
    assert breaker.room(4.9, 0) == 0
    assert breaker.closed_for(3) == 2
    assert breaker.room(5, 0) == 1
    assert breaker.room(5, 1) == 0


def test_each_failed_trial_doubles_the_pause_up_to_a_limit() -> None:
    breaker, now = FlowControl(LIMITS), 0.0
    for _ in range(3):
        breaker.failed(now)
    pauses = []
    for _ in range(5):
        pauses.append(breaker.closed_for(now))
        now += breaker.closed_for(now)
        breaker.failed(now)
    assert pauses == [5, 10, 20, 40, 40]


def test_one_success_closes_the_breaker() -> None:
    breaker = FlowControl(LIMITS)
    for _ in range(5):
        breaker.failed(0)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.room(0, 0) == 2
    assert breaker.closed_for(0) == 0


def test_an_endpoint_that_asked_for_patience_gets_nothing() -> None:
    breaker = FlowControl(LIMITS)
    breaker.hold(10)
    breaker.hold(7)
    assert breaker.room(9.9, 0) == 0
    assert breaker.closed_for(4) == 6
    assert breaker.state(9.9) == "held"
    assert breaker.room(10, 0) == 4
    assert breaker.state(10) == "closed"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("*", True), ("candidate.updated", True), ("candidate.*", True), ("*.updated", True), ("*.*", True),
     ("candidate.created", False), ("candidate_tag.*", False), ("*.deleted", False), ("candidate", False)],
)  # fmt: skip
def test_patterns(pattern: str, fits: bool) -> None:
    assert matching.fits(pattern, "candidate.updated") is fits


def wanting(*types: str, integrations: tuple[str, ...] = (), changed: tuple[str, ...] = ()) -> Filter:
    return Filter(integrations=frozenset(integrations), event_types=types, changed_fields=frozenset(changed))


BODY = b'{"data": {"record": {}, "changed_fields": ["title", "current_stage_id"]}}'


def test_a_table_knows_who_wants_what() -> None:
    table = FilterTable(
        [
            (wanting("*"), "all"),
            (wanting("application.*", integrations=("acme",)), "acme"),
            (wanting("*.updated", changed=("current_stage_id",)), "stage"),
            (wanting("*", changed=("salary",)), "salary"),
        ]
    )
    assert table.matching("application.updated", "acme", BODY) == ["all", "acme", "stage"]
    assert table.matching("application.updated", "other", b"no json") == ["all"]
    assert table.matching("candidate.created", "acme", BODY) == ["all", "salary"]


def test_a_body_is_not_read_where_no_filter_asks_for_it() -> None:
    assert FilterTable([(wanting("*"), 1)]).matching("candidate.updated", "acme", b"\xff") == [1]
