"""The widget API's envelope: whose credentials go into it, and what its replies come to."""

from typing import Any

import msgspec
import pytest

from bridge.config import IntegrationConfig, Secret
from bridge.errors import BridgeError
from bridge.tracker import widget
from bridge.tracker.errors import AlreadyThere, NoCredentials, Refused, Unreadable
from bridge.tracker.http import HttpResponse

KEY, USER, PASSWORD = "the-key", "the-user", "the-password"


def given(**settings: Any) -> widget.Credentials:
    return widget.credentials(IntegrationConfig(id="acme", region="uk", **settings))


def answer(body: Any, status: int = 200) -> HttpResponse:
    whole = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return HttpResponse(status=status, headers={}, body=whole)


def test_the_function_is_the_paths_last_part() -> None:
    assert widget.wrap_in_envelope("/api/widget/checkPerson", {"details": {}}) == {
        "trackerrms": {"checkPerson": {"details": {}}}
    }


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"api_key": Secret(KEY)}, {"apikey": KEY}),
        ({"username": USER, "password": Secret(PASSWORD)}, {"username": USER, "password": PASSWORD}),
        (
            {"api_key": Secret(KEY), "username": USER, "password": Secret(PASSWORD)},
            {"apikey": KEY, "username": USER, "password": PASSWORD},
        ),
    ],
)
def test_credentials_go_into_the_envelope_in_place_of_a_callers(
    settings: dict[str, Any], shown: dict[str, str]
) -> None:
    body = {"trackerrms": {"f": {"credentials": {"apikey": "theirs"}, "details": {}}}}
    assert widget.with_credentials(body, given(**settings)) == {
        "trackerrms": {"f": {"credentials": shown, "details": {}}}
    }
    assert body["trackerrms"]["f"]["credentials"] == {"apikey": "theirs"}


@pytest.mark.parametrize("data", [None, b"{}", [], {}, {"trackerrms": {}}, {"trackerrms": {"f": 5}}])
def test_without_an_envelope_the_header_has_to_do(data: Any) -> None:
    assert widget.with_credentials(data, given(api_key=Secret(KEY))) is None


def test_without_credentials_the_header_has_to_do() -> None:
    assert widget.with_credentials(widget.wrap_in_envelope("/f", {}), given(bearer_token=Secret("x"))) is None


@pytest.mark.parametrize(
    ("body", "status", "problem", "code"),
    [
        ({"status": 1}, 200, NoCredentials, None),
        ({"status": 2}, 200, NoCredentials, None),
        ({}, 401, NoCredentials, None),
        ({"status": 3}, 200, AlreadyThere, 409),
        ({"status": 99, "message": "Grace Hopper"}, 200, Refused, 400),
        ({}, 403, Refused, 403),
        ({}, 503, Refused, 503),
        (b"", 200, Unreadable, None),
        (b"<html>", 200, Unreadable, None),
        ([], 200, Unreadable, None),
        ({}, 200, Unreadable, None),
        ({"status": "zero"}, 200, Unreadable, None),
        ({"Status": "99"}, 200, Refused, 400),
        ({"status": True}, 200, Unreadable, None),
    ],
)
def test_a_reply_that_is_no_success_says_what_to_do(
    body: Any, status: int, problem: type[BridgeError], code: int | None
) -> None:
    with pytest.raises(problem) as told:
        widget.read_widget_reply("POST /f", answer(body, status), "a.test", "set paths.x", "reject")
    assert getattr(told.value, "status", None) == code
    assert "Hopper" not in str(told.value)


def test_refused_credentials_say_what_to_add() -> None:
    with pytest.raises(NoCredentials) as told:
        widget.read_widget_reply("POST /f", answer({"status": 1}), "a.test", "set paths.x", "reject")
    for word in ("api_key", "username and password", "oauth_refresh_token", 'actions.reject = "rest"'):
        assert word in str(told.value)


def test_a_success_gives_its_fields() -> None:
    reply = widget.read_widget_reply("POST /f", answer({"status": 0, "recordId": 7}), "a.test", "set paths.x")
    assert (reply.said, reply.fields["recordId"]) == ("POST /f answered status 0", 7)


def test_a_reply_that_lies_deeper_is_found() -> None:
    inner = {"status": 0, "recordId": 5}
    for body in (
        {"trackerrms": {"reply": inner}},
        {"d": msgspec.json.encode(inner).decode()},
        {"result": inner, "elapsed": 3, "log": "{not json"},
    ):
        assert widget.read_widget_reply("POST /f", answer(body), "here", "cure").fields == inner
    with pytest.raises(AlreadyThere):
        widget.read_widget_reply("POST /f", answer({"d": '{"status": 3}'}), "here", "cure")


def test_a_reply_without_one_status_says_what_to_set() -> None:
    for body in ({}, {"a": {"status": 0}, "b": {"status": 0}}, {"d": "Success"}):
        with pytest.raises(Unreadable) as error:
            widget.read_widget_reply("POST /f", answer(body), "here", "set the cure")
        assert str(error.value).endswith("without a status in its body; set the cure")
