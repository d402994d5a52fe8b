"""A page is taken apart row by row, and what is wrong with it is told apart."""

import msgspec
import pytest

from bridge.tracker.errors import BadJson, EmptyBody, NoRows, Unreadable
from bridge.tracker.pages import BadRow, PageDecoder

JOBS = PageDecoder("opportunities", ("opportunityId",), "job id")


def test_a_page_gives_its_rows_and_what_it_says_of_itself() -> None:
    body = b'{"opportunities":[{"opportunityId":7,"x":1}],'
    body += b'"totalCount":31,"totalPages":4,"pageSize":10,"hasNextPage":true}'
    page = JOBS.decode(body, 3)
    assert [(row.remote_id, row.place, row.decode()) for row in page.rows] == [
        ("7", 0, {"opportunityId": 7, "x": 1})
    ]
    assert (page.number, page.total_count, page.page_size, page.has_next) == (3, 31, 10, True)


@pytest.mark.parametrize(
    ("envelope", "has_next"),
    [
        (b'"hasNextPage":false,"totalPages":9', False),
        (b'"totalPages":2', True),
        (b'"totalPages":1', False),
        (b'"totalCount":11,"pageSize":10', True),
        (b'"totalCount":"10","pageSize":10', False),
        (b'"x":1', True),
    ],
)
def test_whether_there_is_more_follows_from_what_the_answer_has(envelope: bytes, has_next: bool) -> None:
    body = b'{"opportunities":[{"opportunityId":1}],' + envelope + b"}"
    assert JOBS.decode(body, 1).has_next is has_next


def test_a_bare_array_is_a_page_and_an_empty_one_the_last() -> None:
    assert [row.remote_id for row in JOBS.decode(b' [{"opportunityId":"5"}]', 1).rows] == ["5"]
    assert JOBS.decode(b"[]", 2).has_next is False


@pytest.mark.parametrize("rows_key", ["opportunities", "data"])
def test_the_envelope_of_one_client_is_read_too(rows_key: str) -> None:
    decoder = PageDecoder(rows_key, ("opportunityId",), "job id")
    page = decoder.decode(b'{"data":[{"opportunityId":5}],"totalRecords":12,"pageSize":10}', 1)
    assert (len(page.rows), page.total_count, page.has_next) == (1, 12, True)


@pytest.mark.parametrize("body", [b'[{"opportunityId":5}]', b'{"opportunities":[{"opportunityId":5}]}'])
def test_a_byte_order_mark_is_passed_over(body: bytes) -> None:
    assert [row.remote_id for row in JOBS.decode(b"\xef\xbb\xbf" + body, 1).rows] == ["5"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", EmptyBody),
        (b" \r\n", EmptyBody),
        (b"<html>", BadJson),
        (b'{"opportunities":[{"opportunityId":1},', BadJson),
        (b"[" * 100_000, BadJson),
        (b"null", NoRows),
        (b'"x"', NoRows),
        (b"5", NoRows),
        (b"{}", NoRows),
        (b'{"error":"x"}', NoRows),
        (b'{"opportunities":null}', NoRows),
        (b'{"opportunities":{"a":1}}', NoRows),
    ],
)
def test_what_is_no_page_is_told_apart(body: bytes, problem: type[Unreadable]) -> None:
    with pytest.raises(problem) as raised:
        JOBS.decode(body, 1)
    assert type(raised.value) is problem


def test_one_bad_row_does_not_lose_the_page() -> None:
    body = b'{"opportunities":[{"opportunityId":1},7,{"x":1},{"opportunityId":"secret"},{"opportunityId":2}]}'
    page = JOBS.decode(body, 1)
    assert [row.remote_id for row in page.rows] == ["1", "2"]
    assert page.bad_rows == (
        BadRow(place=1, reason="is a number, expected an object"),
        BadRow(place=2, reason="job id is null, expected an id"),
        BadRow(place=3, reason="job id is text that is not a decimal number, expected an id"),
    )


def test_a_lone_surrogate_costs_neither_page_nor_row() -> None:
    page = JOBS.decode(
        rb'{"opportunities":[{"opportunityId":1,"x":"a\ud800"},{"opportunityId":2}],"totalCount":2}', 1
    )
    assert [row.decode() for row in page.rows] == [{"opportunityId": 1, "x": "a\ufffd"}, {"opportunityId": 2}]
    assert page.total_count == 2


@pytest.mark.parametrize(
    "odd",
    [
        b"NaN",
        b"1e999",
        b"1" * 400,
        b"1" * 5000,
        b"-" + b"1" * 5000,
        b'"\\udfff\\ud800"',
        b'"\\u0000"',
    ],
)
def test_odd_values_are_decoded_into_something_that_encodes(odd: bytes) -> None:
    (row,) = JOBS.decode(b'{"opportunities":[{"opportunityId":1,"x":' + odd + b"}]}", 1).rows
    assert msgspec.json.encode(row.decode())


def test_an_id_may_stand_under_several_keys() -> None:
    users = PageDecoder("users", ("userId", "UserId"), "user id")
    assert [r.remote_id for r in users.decode(b'[{"UserId":4},{"userId":5,"UserId":6}]', 1).rows] == [
        "4",
        "5",
    ]
