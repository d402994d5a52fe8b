"""What is no event is refused: by the bridge's reader, and by two JSON Schema engines alike."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackerrms_contracts import codec, events
from trackerrms_contracts.codec import ContractError
from trackerrms_contracts.entities import Model

from tests.contracts import engines
from tests.contracts.generated import example, few, trees

SECRET = "s3cret-person"
CANDIDATE = engines.event_schema(Model.CANDIDATE)


def mutated(path: str, value: Any) -> dict[str, Any]:
    """A candidate's event with another value at ``path``."""
    message = example(Model.CANDIDATE)
    *parents, last = path.split(".")
    place = message
    for parent in parents:
        place = place[parent]
    place[last] = value
    return message


WRONG = [
    ("specversion", "0.3"),
    ("id", 5),
    ("source", None),
    ("type", "candidate.vanished"),
    ("type", "person.created"),
    ("subject", "0" * 24),
    ("subject", "1" * 23),
    ("subject", "1" * 24 + "\n"),
    ("time", "yesterday"),
    ("time", "2026-11-23T22:00:00"),
    ("datacontenttype", "text/plain"),
    ("sequence", 1),
    ("data", None),
    ("data.cause", "whim"),
    ("data.changed_fields", "title"),
    ("data.previous", []),
    ("data.record", []),
    ("data.record.id", SECRET),
    ("data.record.remote_id", None),
    ("data.record.first_name", 1),
    ("data.record.phone_numbers", None),
    ("data.record.phone_numbers", [{"type": "MOBILE"}]),
    ("data.record.location", SECRET),
    ("data.record.remote_created_at", 1700000000),
    ("data.record.remote_data", SECRET),
]


def test_a_wrong_value_is_refused_by_all(subtests: pytest.Subtests) -> None:
    for path, value in WRONG:
        with subtests.test(path, value=value):
            message = mutated(path, value)
            assert engines.verdicts(CANDIDATE, message) == (False, False)
            with pytest.raises(ContractError):
                codec.decode_event(codec.encode(message))


def test_an_envelope_without_one_of_its_keys_is_refused_by_both_engines(subtests: pytest.Subtests) -> None:
    for key in sorted(example(Model.CANDIDATE)):
        with subtests.test(key):
            message = example(Model.CANDIDATE)
            del message[key]
            assert engines.verdicts(CANDIDATE, message) == (False, False)


def test_a_record_without_one_of_its_keys_is_refused_by_both_engines(subtests: pytest.Subtests) -> None:
    for model in Model:
        whole = example(model)
        for key in whole["data"]["record"]:
            with subtests.test(f"{model}.{key}"):
                message = copy.deepcopy(whole)
                del message["data"]["record"][key]
                assert engines.verdicts(engines.event_schema(model), message) == (False, False)


def test_one_models_event_is_not_anothers() -> None:
    assert engines.verdicts(CANDIDATE, example(Model.TAG)) == (False, False)


@few
@given(path=st.sampled_from(sorted({path for path, _ in WRONG})), value=trees)
def test_whatever_stands_in_a_field_the_engines_agree(path: str, value: Any) -> None:
    python, rust = engines.verdicts(CANDIDATE, mutated(path, value))
    assert python == rust


QUOTING = [
    codec.encode(mutated(path, SECRET))
    for path in ("type", "specversion", "data.cause", "time", "subject", "data.record.phone_numbers", "data")
]


@pytest.mark.parametrize("read", [codec.decode_event, codec.decode_command])
def test_no_refusal_quotes_what_the_message_said(read: Any, subtests: pytest.Subtests) -> None:
    for value in [*QUOTING, SECRET.encode(), f'{{"type": "{SECRET}'.encode()]:
        with subtests.test(value=value):
            with pytest.raises(ContractError) as refusal:
                read(value)
            assert SECRET not in str(refusal.value)
            assert refusal.value.__cause__ is None
            assert refusal.value.__suppress_context__


@pytest.mark.parametrize("read", [codec.decode_event, codec.decode_command])
def test_rubbish_is_a_contract_error_and_nothing_else(read: Any, subtests: pytest.Subtests) -> None:
    for value in [
        b"",
        b"null",
        b"\xff",
        b'{"type":"\xff"}',
        b'{"type":"\\ud800"}',
        b'{"type":"user.created","x":' + b"[" * 100_000,
        b'{"type":"user.created","x":1e999}',
    ]:
        with subtests.test(value=value), pytest.raises(ContractError):
            read(value)


def test_a_refusal_says_where_and_what_was_expected() -> None:
    with pytest.raises(ContractError, match=r"Expected `str \| null`, got `int` - at `\$.data.record.title`"):
        codec.decode_event(codec.encode(mutated("data.record.title", 1)))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b'{"type":"user.created","x":' + b"[" * 100_000, "nested too deeply"),
        (b'{"type":"\xff"}', "not UTF-8"),
        (b'{"type":"person.created"}', "`type` is not an event type"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_whole(value: bytes, says: str) -> None:
    with pytest.raises(ContractError, match=f"^not an event: {says}$"):
        codec.decode_event(value)


@pytest.mark.parametrize("kind", [f"{SECRET}.created", f"user.{SECRET}", SECRET, "user", "user.created.v1"])
def test_what_is_no_event_type_is_not_quoted(kind: str) -> None:
    with pytest.raises(ValueError, match="not an event type") as refusal:
        events.parse_type(kind)
    assert SECRET not in str(refusal.value)


@few
@given(value=st.binary(max_size=40))
def test_any_bytes_are_an_event_or_a_contract_error(value: bytes) -> None:
    with pytest.raises(ContractError):
        codec.decode_event(value)
