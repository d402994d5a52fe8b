"""Whatever the structs admit goes out as JSON, is valid to two engines, and comes back the same."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackerrms_contracts import codec, events, ids
from trackerrms_contracts.entities import STRUCTS, Model

from tests.contracts import engines
from tests.contracts.generated import changes, example, few

models = pytest.mark.parametrize("model", list(Model))


@models
@few
@given(data=st.data())
def test_an_event_comes_back_as_it_went_out(model: Model, data: st.DataObject) -> None:
    event = data.draw(changes(model))
    again = codec.decode_event(codec.encode(event))
    assert type(again.data.record) is STRUCTS[model]
    assert codec.encode(again) == codec.encode(event)


@models
@few
@given(data=st.data())
def test_both_engines_accept_it(model: Model, data: st.DataObject) -> None:
    message = msgspec.json.decode(codec.encode(data.draw(changes(model))))
    assert engines.verdicts(engines.event_schema(model), message) == (True, True)


def test_every_key_of_the_record_is_on_the_wire(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            assert list(example(model)["data"]["record"]) == list(STRUCTS[model].__struct_fields__)


def test_readers_ignore_what_a_newer_bridge_adds(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            message = example(model)
            known = codec.decode_event(codec.encode(message))
            message["novel"] = message["data"]["novel"] = message["data"]["record"]["novel"] = {"a": [1]}
            assert codec.decode_event(codec.encode(message)) == known


def test_absent_previous_and_command_are_no_keys() -> None:
    assert set(example(Model.TAG)["data"]) == {"record", "changed_fields", "cause"}


def test_text_that_utf_8_cannot_hold_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        codec.encode({"name": "\ud800"})


def test_an_event_type_names_model_and_operation(subtests: pytest.Subtests) -> None:
    for model, operation in itertools.product(Model, events.OPERATIONS):
        with subtests.test(f"{model}.{operation}"):
            assert events.parse_type(events.event_type(model, operation)) == (model, operation)


def test_the_content_is_every_field_but_those_about_the_record() -> None:
    assert codec.field_names(STRUCTS[Model.ROLE]) == ("remote_id", "remote_label", "scope", "unified_type")


def test_ids_in_events_need_no_look_up() -> None:
    event = example(Model.CANDIDATE)
    assert event["id"] == ids.event_id(event["subject"], int(event["sequence"]))
