"""Commands shaped as Kombo's requests are read; what lacks something is refused."""

import base64
from typing import Any

import msgspec
import pytest
from trackerrms_contracts import codec, commands, entities, ids
from trackerrms_contracts.codec import ContractError

from tests.contracts import engines

APPLICATION = ids.entity_id("acme", "application", "9")
PERSON = {
    "first_name": "Ada",
    "last_name": "Example",
    "email_address": "ada@example.org",
    "additional_email_addresses": [{"type": "WORK", "email_address": "ada@work.example.org"}],
    "company": "Example Ltd",
    "title": "Engineer",
    "phone_number": "+44 20 7946 0000",
    "additional_phone_numbers": [{"type": "PERSONAL", "phone_number": "+44 7700 900000"}],
    "location": {
        "city": "Leeds",
        "country": "GB",
        "state": "West Yorkshire",
        "street_1": "1 Mill Lane",
        "zip_code": "LS1 1AA",
    },
    "gender": "FEMALE",
    "availability_date": "2027-01-31",
    "salary_expectations": {"period": "YEAR", "amount": 61000},
    "social_links": [{"url": "https://www.linkedin.com/in/ada-example"}],
}
FILES = [
    {"name": "CV.pdf", "type": "CV", "data_url": "https://files.example.org/cv.pdf"},
    {
        "name": "Letter.txt",
        "type": "COVER_LETTER",
        "content_type": "text/plain",
        "data": base64.b64encode(b"Dear all").decode(),
    },
]
EXAMPLES: dict[str, dict[str, Any]] = {
    "candidate.create": {
        "candidate": PERSON,
        "application": {"job_id": "remote:17", "stage_id": "remote:3"},
        "attachments": FILES,
        "source": {"name": "Careers page"},
        "sourced_by": {"user_id": "remote:2"},
        "gdpr_consent": {"given": True, "expires_at": "2028-01-01"},
        "screening_question_answers": [{"question_id": "q1", "answer": True}],
        "remote_fields": {"trackerrms": {"anything": 1}},
    },
    "application.create": {"candidate": PERSON, "job_id": APPLICATION, "stage_id": "remote:3"},
    "application.move_to_stage": {"application_id": APPLICATION, "stage_id": "remote:4"},
    "application.reject": {
        "application_id": "remote:9",
        "rejection_reason_id": "remote:12",
        "note": "Chose another",
    },
    "passthrough.request": {
        "method": "POST",
        "path": "/api/v1/Activity",
        "headers": {"accept": "application/json"},
        "params": {"page": "1"},
        "data": {"subject": "Called"},
        "response_as_base64": False,
        "multipart_form_data": [
            {"name": "kind", "value": "general"},
            {"name": "file", "value": {"name": "a.txt", "data": "aGk="}},
        ],
        "api_options": {"host": "widget"},
    },
}
kinds = pytest.mark.parametrize("kind", EXAMPLES)


def message(kind: str, data: Any, **others: Any) -> dict[str, Any]:
    """A command's envelope around ``data``."""
    envelope = {"specversion": "1.0", "id": "order-4711", "source": "careers", "type": kind}
    return {**envelope, "integrationid": "acme", "data": data, **others}


def within(part: Any, whole: Any) -> bool:
    """Whether ``whole`` says everything that ``part`` does."""
    if isinstance(part, dict):
        return all(key in whole and within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return bool(part == whole)


def schema(kind: str) -> str:
    return f"{kind.replace('.', '-')}.command.v1.json"


@kinds
def test_a_request_as_kombo_shapes_it_is_read_whole(kind: str) -> None:
    command, data = codec.decode_command(codec.encode(message(kind, EXAMPLES[kind])))
    assert type(data) is commands.INPUTS[command.type]
    given = msgspec.json.decode(codec.encode(data))
    assert within(EXAMPLES[kind], given)


@kinds
def test_both_engines_accept_it(kind: str) -> None:
    assert engines.verdicts(schema(kind), message(kind, EXAMPLES[kind])) == (True, True)


@kinds
def test_every_required_key_is_asked_for_by_all(kind: commands.CommandType) -> None:
    definitions = engines.committed(schema(kind))["$defs"]
    for name in definitions[commands.INPUTS[kind].__name__]["required"]:
        data = {key: value for key, value in EXAMPLES[kind].items() if key != name}
        assert engines.verdicts(schema(kind), message(kind, data)) == (False, False)
        with pytest.raises(ContractError, match=name):
            codec.decode_command(codec.encode(message(kind, data)))


def test_optional_envelope_keys_may_be_given() -> None:
    full = message(
        "application.reject",
        EXAMPLES["application.reject"],
        time="2026-11-23T22:00:00Z",
        subject=APPLICATION,
        traceparent="00-x",
    )
    command, _ = codec.decode_command(codec.encode(full))
    assert command.time is not None
    assert command.datacontenttype == "application/json"


@pytest.mark.parametrize(
    "envelope", [{"id": ""}, {"id": "x" * 201}, {"type": "candidate.hire"}, {"specversion": "0.3"}]
)
def test_a_wrong_envelope_is_refused(envelope: dict[str, str]) -> None:
    wrong = message("application.reject", EXAMPLES["application.reject"]) | envelope
    assert engines.verdicts(schema("application.reject"), wrong) == (False, False)
    with pytest.raises(ContractError):
        codec.decode_command(codec.encode(wrong))


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("application.reject", {"application_id": ""}),
        ("passthrough.request", {"path": "no-slash"}),
        ("passthrough.request", {"method": "TRACE"}),
        ("candidate.create", {"attachments": [{"name": "a", "type": "PHOTO"}]}),
        ("candidate.create", {"candidate": PERSON | {"location": {"country": "England"}}}),
        ("candidate.create", {"candidate": PERSON | {"availability_date": "soon"}}),
        ("candidate.create", {"candidate": PERSON | {"salary_expectations": {"period": "DAY", "amount": 1}}}),
    ],
)
def test_a_wrong_input_is_refused_by_all(kind: str, part: dict[str, Any]) -> None:
    wrong = message(kind, EXAMPLES[kind] | part)
    assert engines.verdicts(schema(kind), wrong) == (False, False)
    with pytest.raises(ContractError):
        codec.decode_command(codec.encode(wrong))


def test_every_command_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(commands.INPUTS), "add an input of each command to EXAMPLES, in this file"


OUTCOMES = [
    commands.Outcome(command_id="order-4711", result={"id": APPLICATION}),
    commands.Outcome(command_id="order-4711", warnings=(commands.Notice(message="No such question"),)),
    commands.Outcome(
        command_id="order-4711",
        error=commands.Failure(
            code="ATS.JOB_CLOSED", title="Job closed", message="The job takes nobody", retryable=False
        ),
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_result_comes_back_and_both_engines_accept_it(outcome: commands.Outcome) -> None:
    result = commands.Result(
        id="res_1",
        source="trackerrms/acme",
        type="application.reject.succeeded",
        subject="order-4711",
        time=msgspec.convert("2026-11-23T22:00:00Z", entities.Utc),
        dataschema="urn:trackerrms-bridge:command-result:1",
        integrationid="acme",
        data=outcome,
    )
    wire = codec.encode(result)
    assert msgspec.json.decode(wire, type=commands.Result) == result
    assert engines.verdicts("command-result.v1.json", msgspec.json.decode(wire)) == (True, True)
