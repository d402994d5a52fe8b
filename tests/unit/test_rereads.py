"""Rows whose by-id answer was refused are read again, some at each sight, and all once one is taken in."""

from bridge.capture.rereads import Rereads


def _read(rereads: Rereads, rows: int, fingerprint: bytes = b"same") -> int:
    return sum(rereads.rests("candidates", row_id, fingerprint) is None for row_id in range(rows))


def _refused(rows: int, *, absent: bool = False) -> Rereads:
    rereads = Rereads()
    for row_id in range(rows):
        rereads.note("candidates", row_id, b"same", absent=absent)
    return rereads


def test_a_few_are_read_at_every_sight() -> None:
    assert _read(_refused(200), 200) == 200


def test_of_many_only_some_are() -> None:
    assert 100 < _read(_refused(20_000), 20_000) < 320


def test_a_row_that_moved_is_read() -> None:
    assert _read(_refused(20_000), 20_000, b"moved") == 20_000


def test_once_one_is_taken_in_all_are_read() -> None:
    rereads = _refused(20_000)
    rereads.accept("candidates", 30_000)
    assert _read(rereads, 20_000) < 320
    rereads.accept("candidates", 7)
    assert _read(rereads, 20_000) == 20_000


def test_what_rests_is_absent_where_it_was() -> None:
    rereads = _refused(20_000, absent=True)
    assert {rereads.rests("candidates", row_id, b"same") for row_id in range(20_000)} == {True, None}
