"""Which messages are commands, who is meant, and what every failure means to the caller."""

from pathlib import Path
from typing import Any, get_args

import pytest
from trackerrms_contracts.commands import INPUTS, CreateCandidate

from bridge.cli import send
from bridge.commands import candidate_fields, decoding, errors
from bridge.commands.decoding import DecodedCommand, InvalidCommand
from bridge.commands.errors import Code, CommandFailed, Undetermined
from bridge.errors import BridgeError, Permanent, Throttled
from bridge.tracker.errors import (
    AlreadyThere,
    AnswerTooLarge,
    BadJson,
    EffectUnknown,
    NoCredentials,
    Refused,
    Unreachable,
    WrongHost,
)
from tests.commanding import envelope
from tests.commanding import person as somebody

MOVE = "application.move_to_stage"


def read(kind: str, data: Any) -> DecodedCommand:
    found = decoding.decode_command(envelope(kind, data, "one"), ["acme"])
    assert isinstance(found, DecodedCommand), found
    return found


def moving(application: str) -> str | None:
    found = read(MOVE, {"application_id": application, "stage_id": "remote:4"})
    return decoding.subject("acme", found.input)


def test_an_application_is_one_subject_by_whatever_id() -> None:
    own = moving("remote:17")
    assert own == moving("remote:0017")
    assert own is not None
    assert own == moving(own.removeprefix("application:"))
    assert own != moving("remote:18")


@pytest.mark.parametrize("address", ["Ada1@Example.org", " ada1@example.org "])
def test_a_person_is_one_subject_however_the_address_is_written(address: str) -> None:
    made = {"candidate": somebody(email_address=address), "application": {"job_id": "remote:1"}}
    found = read("candidate.create", made)
    assert decoding.subject("acme", found.input) == "address:ada1@example.org"


def test_the_stage_knows_every_command() -> None:
    assert set(get_args(decoding.Input)) == set(INPUTS.values()), (
        "add the input to Input in bridge/commands/decoding.py; make check then names the match that lacks it"
    )


def test_what_names_an_application_is_in_order_with_the_others_of_it() -> None:
    for kind, struct in INPUTS.items():
        if "application_id" in struct.__struct_fields__:
            found = read(kind, dict.fromkeys(struct.__struct_fields__, "remote:17") | {"remote_fields": None})
            assert decoding.subject("acme", found.input) == moving("remote:17"), (
                f"{kind}: add it to subject() in bridge/commands/decoding.py"
            )
            assert send._key(found.command, found.input) == b"remote:17", (
                f"{kind}: add it to _key() in bridge/cli/send.py"
            )


def test_passthrough_has_no_subject() -> None:
    found = read("passthrough.request", {"method": "GET", "path": "/"})
    assert decoding.subject("acme", found.input) is None


def test_the_order_of_keys_is_no_content_and_unknown_keys_are() -> None:
    data = {"application_id": "remote:1", "stage_id": "remote:4"}
    assert read(MOVE, data).canonical == read(MOVE, dict(reversed(data.items()))).canonical
    assert read(MOVE, data).canonical != read(MOVE, data | {"x": 1}).canonical


@pytest.mark.parametrize("extra", ["1e999", "9" * 5_000, '"\\u0000"'], ids=len)
def test_a_value_that_no_input_has_can_not_do_harm(extra: str) -> None:
    value = envelope(MOVE, {"application_id": "remote:1", "stage_id": "remote:4", "x": 7}, "one")
    found = decoding.decode_command(value.replace(b'"x":7', f'"x":{extra}'.encode()), ["acme"])
    assert isinstance(found, DecodedCommand if "u0000" in extra else InvalidCommand)
    if isinstance(found, InvalidCommand):
        assert (found.command_id, found.type) == ("one", MOVE)


@pytest.mark.parametrize("command_id", ["a\0", "a\n", "\u200b", "x" * 201, ""])
def test_an_id_that_can_not_be_printed_is_none(command_id: str) -> None:
    found = decoding.decode_command(envelope(MOVE, {}, command_id), ["acme"])
    assert isinstance(found, InvalidCommand)
    assert found.command_id is None


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (Throttled("", 5), "REMOTE.RATE_LIMIT_EXCEEDED", True),
        (NoCredentials(""), "INTEGRATION.AUTHENTICATION_INVALID", False),
        (WrongHost(""), "INTEGRATION.AUTHENTICATION_INVALID", False),
        (EffectUnknown(""), "PLATFORM.TASK_TIMED_OUT", True),
        (Unreachable(""), "REMOTE.SERVICE_UNAVAILABLE", True),
        (BadJson(""), "REMOTE.SERVICE_UNAVAILABLE", True),
        (AlreadyThere(""), "REMOTE.INPUT_INVALID", False),
        (AnswerTooLarge("", 200), "REMOTE.UNKNOWN_HTTP_ERROR", False),
        (Permanent(""), "REMOTE.UNKNOWN_HTTP_ERROR", False),
        (Refused("", 400), "REMOTE.INPUT_INVALID", False),
        (Refused("", 403), "INTEGRATION.PERMISSION_MISSING", False),
        (Refused("", 404), "INTEGRATION.ACTION_NOT_AVAILABLE", False),
        (Refused("", 408), "REMOTE.SERVICE_UNAVAILABLE", True),
        (Refused("", 418), "REMOTE.UNKNOWN_HTTP_ERROR", False),
        (Refused("", 422), "REMOTE.INPUT_INVALID", False),
        (Refused("", 503), "REMOTE.SERVICE_UNAVAILABLE", True),
        (CommandFailed("ATS.JOB_CLOSED", ""), "ATS.JOB_CLOSED", False),
        (Undetermined(""), "PLATFORM.TASK_TIMED_OUT", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_an_error_means(error: BridgeError, code: Code, retryable: bool) -> None:
    found = errors.failure_of(error).failure
    assert (found.code, found.retryable, found.title) == (code, retryable, errors.TITLES[code])


def test_every_code_has_a_title_and_is_reached_through_a_whole_bridge() -> None:
    tests = "".join(path.read_text() for path in Path("tests/flow").glob("test_commands_*.py"))
    assert set(get_args(Code)) == set(errors.TITLES)
    assert [code for code in errors.TITLES if f'"{code}"' not in tests] == []


def whom(**more: Any) -> candidate_fields.CandidateValues:
    data = {"candidate": somebody(**more), "application": {"job_id": "remote:1"}}
    found = read("candidate.create", data).input
    assert isinstance(found, CreateCandidate)
    return candidate_fields.map_candidate(found, default_source="Web", owner=None)


def test_of_an_existing_candidate_only_blanks_are_filled_and_the_rest_is_named() -> None:
    found = {"first_name": "ada ", "last_name": "Known", "email": "ada1@example.org", "source": None}
    one = whom(title="Engineer")
    assert one.missing(found, made=False) == {"title": "Engineer"}
    assert one.kept(found) == ["candidate.last_name", "source.name"]


def test_lines_are_added_to_a_note_once() -> None:
    one = whom(social_links=[{"url": "https://code.example.org/ada"}])
    first = one.missing({"note": "Speaks Welsh"}, made=False)["note"]
    assert first == "Speaks Welsh\nProfile: https://code.example.org/ada"
    assert "note" not in one.missing({"note": first}, made=False)


@pytest.mark.parametrize(
    ("period", "amount", "yearly", "text"),
    [
        ("YEAR", 61000, 61_000, "61000 a year"),
        ("MONTH", 5000.5, 60_006, "5000.5 a month"),
        ("MONTH", 0, 0, "0 a month"),
    ],
)
def test_a_salary_is_kept_as_a_years_number_and_in_words(
    period: str, amount: float, yearly: float, text: str
) -> None:
    fields = whom(salary_expectations={"period": period, "amount": amount}).fields
    assert (fields["salary_amount"], fields["salary_text"]) == (yearly, text)
