"""Moments and Kafka's milliseconds are converted exactly, whatever floats would say."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bridge.clock import from_milliseconds, to_milliseconds, whole_milliseconds


@given(st.integers(0, 4_102_444_800_000))
def test_a_count_comes_back_as_it_was(count: int) -> None:
    assert to_milliseconds(from_milliseconds(count)) == count


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_moment_is_cut_to_its_millisecond(moment: datetime) -> None:
    assert from_milliseconds(to_milliseconds(moment)) == whole_milliseconds(moment)


def test_the_zone_of_a_moment_counts() -> None:
    there = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert (
        to_milliseconds(there) == to_milliseconds(datetime(2026, 7, 1, 10, tzinfo=UTC)) == 1_782_900_000_000
    )


def test_what_has_no_time_is_of_1970() -> None:
    assert from_milliseconds(-1) == datetime(1970, 1, 1, tzinfo=UTC)
    assert to_milliseconds(datetime(1969, 12, 31, tzinfo=UTC)) == 0
