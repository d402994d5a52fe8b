"""A fingerprint tells whether a row moved, and nothing else."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.tracker.fingerprints import fast_fingerprint, fingerprint

KEY = b"k" * 32
rows = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=6)


@settings(max_examples=30)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_white_space_do_not_matter(row: dict[str, Any], shuffle: Any) -> None:
    items = list(row.items())
    shuffle.shuffle(items)
    assert fingerprint(dict(items), KEY) == fingerprint(row, KEY)
    assert fingerprint(b'{ "a" : 1 }', KEY) == fingerprint(b'{"a":1}', KEY)


@settings(max_examples=30)
@given(rows, rows)
def test_different_rows_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (fingerprint(one, KEY) == fingerprint(other, KEY)) == (one == other)


def test_counters_that_move_by_themselves_are_left_out() -> None:
    volatile = frozenset({"views"})
    assert fingerprint({"a": 1, "views": 5}, KEY, volatile) == fingerprint(
        {"a": 1, "views": 6}, KEY, volatile
    )
    assert fingerprint({"a": 1, "views": 5}, KEY) != fingerprint({"a": 1, "views": 6}, KEY)


def test_both_are_keyed_and_have_their_sizes() -> None:
    assert fingerprint({"a": 1}, KEY) != fingerprint({"a": 1}, b"other")
    assert fast_fingerprint(b'{"a":1}', KEY) != fast_fingerprint(b'{"a":1}', b"other")
    assert (len(fingerprint({}, KEY)), len(fast_fingerprint(b"{}", KEY))) == (16, 8)


def test_a_lone_surrogate_has_a_fingerprint() -> None:
    assert fingerprint({"a": "\ud800"}, KEY) == fingerprint(rb'{"a":"\ud800"}', KEY)
