"""How many records may disappear at once without a person's word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.capture.proof import Guard
from bridge.config import CaptureConfig

GUARD = Guard(count=500, percent=10.0)


@pytest.mark.parametrize(
    ("gone", "known"),
    [
        (30, 100),  # three in ten
        (6_000, 20_000),
        (5, 17),
        (11, 100),  # just over a tenth
        (501, 1_000_000),  # more than the number
        (3, 3),  # everything
        (4, 4),
    ],
)
def test_too_many_at_once_are_held(gone: int, known: int) -> None:
    assert GUARD.holds(gone, known)


@pytest.mark.parametrize(
    ("gone", "known"),
    [
        (10, 100),  # a tenth
        (500, 1_000_000),  # the number itself
        (4, 10),  # of so few a percentage says nothing
        (1, 1),
        (2, 2),
        (0, 0),
        (0, 100),
    ],
)
def test_a_few_may_go(gone: int, known: int) -> None:
    assert not GUARD.holds(gone, known)


def test_the_limits_are_the_configured_ones() -> None:
    config = CaptureConfig(deletion_limit_count=7, deletion_limit_percent=50.0)
    assert Guard.of(config) == Guard(count=7, percent=50.0)
    assert Guard.of(config).holds(8, 1_000)
    assert not Guard.of(config).holds(7, 14)


def test_at_a_hundred_percent_only_the_count_says() -> None:
    assert not Guard(count=10, percent=100.0).holds(10, 10)
    assert Guard(count=10, percent=100.0).holds(11, 11)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 50))
def test_more_are_never_held_less(gone: int, known: int, more: int) -> None:
    assert GUARD.holds(gone + more, known) >= GUARD.holds(gone, known)
