"""A by-id answer is the record asked for, or is told apart from it, with what to set."""

import msgspec
import pytest

from bridge.tracker import answers, resources
from bridge.tracker.answers import ByIdAnswer
from bridge.tracker.http import HttpResponse
from bridge.tracker.schema import ResourceName

CANDIDATE = {"id": 105, "firstName": "Ada", "surname": "Late", "contactDetails": {"email": "a@b.test"}}
JOB = {"id": 105, "name": "Pilot", "status": {"id": 1, "name": "Open"}}


def look(
    body: object,
    resource: ResourceName = "candidates",
    *,
    content_type: str = "application/json",
    **raw: object,
) -> ByIdAnswer:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = HttpResponse(status=200, headers={"Content-Type": content_type}, body=data)
    return answers.look(answer, resources.configure_resources(raw)[resource], "105")


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (CANDIDATE, "record", ""),
        ({"id": "105", "surname": "Late"}, "record", ""),
        (b"", "empty", "body is empty"),
        (b" \r\n", "empty", "body is empty"),
        (None, "null", "null"),
        ("", "null", "null"),
        ({}, "blank-object", "blank"),
        ([], "blank-object", "blank"),
        ({"id": 0, "firstName": None, "contactDetails": {"email": ""}}, "blank-object", "blank"),
        ({"id": 0, "creationDate": "0001-01-01T00:00:00"}, "blank-object", "blank"),
        ({"id": 105}, "blank-object", "has none of the mapped keys"),
        ({"id": 105, "success": True}, "stranger", "has none of the mapped keys; its keys: id, success"),
        ({"id": 105, "firstName": "", "surname": None}, "blank-object", "only blank texts"),
        (
            {
                "id": 105,
                "firstName": "",
                "surname": " ",
                "jobTitle": "",
                "currentSalaryNum": 40000,
                "contactDetails": {"email": "", "id": 7},
                "creationDate": "",
            },
            "stranger",
            "only blank texts",
        ),
        ({"id": 105, "firstName": "", "currentClient": {"id": 5}}, "record", ""),
        ({"success": False, "message": "Temporarily unavailable"}, "failure", "its keys: message, success"),
        ({"success": False}, "failure", "its keys: success"),
        ({"Message": "An error has occurred."}, "failure", "its keys: Message"),
        ({"success": False, "data": None, "error": "no"}, "failure", "its keys: data, error, success"),
        ({"id": 7, "message": "no"}, "stranger", "another record or not a record"),
        ({**CANDIDATE, "id": 7}, "other", "another record"),
        ([CANDIDATE], "stranger", 'set unwrap.candidates = "0"'),
        ({"data": CANDIDATE}, "stranger", 'set unwrap.candidates = "data"'),
        ({"result": {"record": CANDIDATE}, "message": "ok"}, "stranger", '"result.record"'),
        (
            {"resourceId": 105, "firstname": "Ada", "title": "Pilot"},
            "stranger",
            'fields.candidate.id = ["row:resourceId", "detail:resourceId"], and the detail: paths',
        ),
        ({"personId": 105, "firstName": "Ada"}, "stranger", '"detail:personId"]'),
        ("Service unavailable", "stranger", "is text, expected an object"),
        (b"<html><body>Sorry</body></html>", "html", "with a web page"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html>", "html", "with a web page"),
        (b'<form><input type="password"></form>', "html", "with a login page"),
    ],
    ids=str,
)
def test_what_an_answer_is(body: object, kind: str, words: str) -> None:
    seen = look(body)
    assert (seen.kind, words in seen.reason) == (kind, True), seen.reason
    assert "Late" not in seen.reason
    assert "@" not in seen.reason


def test_a_record_is_taken_from_where_it_lies() -> None:
    wrapped = {"success": True, "data": JOB}
    assert look(wrapped, "jobs", unwrap={"jobs": "data"}).record == JOB
    assert look([JOB], "jobs", unwrap={"jobs": "0"}).record == JOB
    # An account that stopped wrapping is read as well: the id decides.
    assert look(JOB, "jobs", unwrap={"jobs": "data"}).record == JOB
    assert look({"data": None, "success": False}, "jobs", unwrap={"jobs": "data"}).kind == "failure"
    assert look({"data": None}, "jobs", unwrap={"jobs": "data"}).kind == "null"
    assert look({"data": {}}, "jobs", unwrap={"jobs": "data"}).kind == "blank-object"


@pytest.mark.parametrize(
    ("rules", "more", "deleted"),
    [
        ("active=n", {"active": "n"}, True),
        ("active=n", {"active": False}, True),
        ("active=n", {"active": "y"}, False),
        ("active=n", {}, False),
        ("row:active=n", {"active": "n"}, False),
        ("detail:status.name=Do Not Use", {"status": {"name": "do not use "}}, True),
        (["active=n", "isDeleted=true"], {"isDeleted": 1}, True),
        ("deletedOn=*", {"deletedOn": "2026-10-01T00:00:00"}, True),
        ("deletedOn=*", {"deletedOn": "0001-01-01T00:00:00"}, False),
    ],
    ids=str,
)
def test_fields_say_that_a_record_is_deleted(rules: object, more: dict[str, object], deleted: bool) -> None:
    seen = look({**CANDIDATE, **more}, deleted={"candidates": rules})
    assert seen.kind == ("deleted" if deleted else "record")


def test_what_looks_like_a_soft_flag_is_named_as_a_rule() -> None:
    shown = {"active": "n", "isDeleted": True, "deleted": False, "DeletedDate": "2026-01-01", "name": "n"}
    assert answers.soft_flags(shown) == ["active=n", "isDeleted=true", "DeletedDate=*"]
    assert answers.soft_flags({"active": "y", "activeRecord": "n"}) == ["activeRecord=n"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (302, {"Location": "/Account/LogOn?back=1"}, b"", "answered 302, a redirect to a login page"),
        (301, {"Location": "/elsewhere"}, b"", "answered 301, a redirect"),
        (404, {"Content-Type": "text/html"}, b"<html>secret</html>", "answered 404 with a web page"),
        (400, {}, b'{"message": "secret", "code": 7}', "answered 400 (its keys: code, message)"),
        (404, {}, b"", "answered 404"),
        (404, {}, b"not found, secret", "answered 404"),
    ],
)
def test_an_answer_is_described_without_its_values(
    status: int, headers: dict[str, str], body: bytes, words: str
) -> None:
    assert answers.describe_answer(HttpResponse(status=status, headers=headers, body=body)) == words
