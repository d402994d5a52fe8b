"""What TrackerRMS says in an error is passed on, and nothing about anybody with it."""

from typing import Any

import orjson
import pytest

from bridge.tracker import server_words
from bridge.tracker.http import HttpResponse

SENT = {
    "instructions": {"recordtype": "X", "recordid": 4711},
    "updates": [
        {"column": "opportunityresourcestatusid", "value": "10"},
        {"column": "rejectionreason", "value": "too far away"},
    ],
}


def said(body: Any, sent: Any = SENT, kind: str = "application/json") -> str:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return server_words.quote_server_words(
        HttpResponse(status=400, headers={"Content-Type": kind}, body=content), sent
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"status": 99, "message": "Object variable or With block variable not set.", "recordId": 0},
            ': "Object variable or With block variable not set."',
        ),
        (
            {"Message": "Invalid column name 'rejectionreason'."},
            ": \"Invalid column name 'rejectionreason'.\"",
        ),
        (
            {"ExceptionMessage": "System.Data.SqlClient.SqlException: Incorrect syntax near the keyword"},
            ': "System.Data.SqlClient.SqlException: Incorrect syntax near the keyword"',
        ),
        (
            {"title": "Validation failed", "errors": {"opportunityResourceStatusId": ["is required"]}},
            ': "Validation failed; opportunityResourceStatusId is required"',
        ),
        ({"error": {"message": "no such record"}}, ': "message no such record"'),
        ("The field is unknown", ': "The field is unknown"'),
        (b"field is unknown", ': "field is unknown"'),
        ({"message": "  "}, ""),
        ({"message": None}, ""),
        ({}, ""),
        ([], ""),
        (b"", ""),
        (b"<html>Grace</html>", ""),
    ],
)
def test_the_message_is_passed_on(body: Any, words: str) -> None:
    assert said(body) == words


@pytest.mark.parametrize(
    "message",
    [
        "Grace Hopper has already been rejected",
        "candidate Hopper, Grace (grace@example.org) is locked",
        'Conversion from string "Hopper" to type Integer is not valid; call +44 7700 900123',
        "the value TOO FAR AWAY is not allowed for 4711",
        "record of Zoë O’Hopper exists 1906-12-09",
        "O'Hopper's record; https://evouk.example/Resource/4711?name=Hopper",
    ],
)
def test_nobody_is_named(message: str) -> None:
    words = said({"message": message}).casefold()
    for secret in ("grace", "hopper", "zoë", "4711", "900123", "far away", "1906"):
        assert secret not in words


def test_an_endless_message_is_cut() -> None:
    assert len(said({"message": "not set " * 100_000})) < 300
