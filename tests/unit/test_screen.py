"""How long something took, or is ago, as a person reads it."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.cli import screen


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 ms"),
        (0.85, "850 ms"),
        (12.4, "12 s"),
        (99.0, "99 s"),
        (180.0, "3 min"),
        (99 * 60.0, "99 min"),
        (2 * 3600 + 5 * 60.0, "2 h 05 min"),
        (47 * 3600 + 59 * 60.0, "47 h 59 min"),
        (3.5 * 86_400, "3 days"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert screen.duration(seconds) == said


def test_what_never_was_is_never_and_what_is_to_come_is_now() -> None:
    assert screen.ago(None) == "never"
    assert screen.ago(datetime.now(UTC) + timedelta(hours=1)) == "0 ms ago"
    assert screen.ago(datetime.now(UTC) - timedelta(hours=5)) == "5 h 00 min ago"
