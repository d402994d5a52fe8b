"""A bucket allows its rate, its burst and no more, and says how long to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.token_bucket import TokenBucket


@given(st.floats(0.1, 200), st.lists(st.floats(0, 2), min_size=1, max_size=300))
def test_no_second_has_more_than_the_rate_and_its_burst(rate: float, gaps: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate), 0.0, []
    for gap in gaps:
        now += gap
        if bucket.take(now) == 0:
            taken.append(now)
    for start in taken:
        within = sum(1 for at in taken if start <= at < start + 1)
        assert within <= rate + max(1, rate) + 1e-3


def test_a_bucket_says_how_long_to_wait() -> None:
    bucket = TokenBucket(2)
    assert [bucket.take(0), bucket.take(0)] == [0, 0]
    wait = bucket.take(0)
    assert wait == pytest.approx(0.5)
    assert bucket.take(wait) == 0


def test_a_burst_is_there_at_once_and_fills_again_evenly() -> None:
    bucket = TokenBucket(1, burst=3)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 1]
    assert [bucket.take(2) for _ in range(3)] == [0, 0, 1]
    assert [bucket.take(100) for _ in range(4)] == [0, 0, 0, 1]
