"""Pauses grow from the first to the longest, begin again when asked, and leave a share to chance."""

from bridge.retry import Backoff


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 5, jitter=0)
    assert [backoff.next() for _ in range(6)] == [0.5, 1, 2, 4, 5, 5]
    assert backoff.failures == 6


def test_after_a_reset_the_first_pause_comes_again() -> None:
    backoff = Backoff(1, 60, jitter=0)
    assert [backoff.next(), backoff.next()] == [1, 2]
    backoff.reset()
    assert [backoff.next(), backoff.next()] == [1, 2]


def test_a_pause_varies_by_its_jitter_and_is_never_longer_than_the_whole() -> None:
    backoff = Backoff(0.5, 30)
    assert 0.25 <= backoff.pause_after(1) <= 0.5
    assert 15 <= backoff.pause_after(20) <= 30
    assert len({backoff.pause_after(5) for _ in range(10)}) > 1
    assert backoff.failures == 0


def test_any_number_of_failures_has_a_pause() -> None:
    assert Backoff(0.5, 5, jitter=0).pause_after(100_000) == 5
