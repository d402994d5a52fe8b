"""CloudEvents' own Python SDK reads every event, from Kafka and from an HTTP body, and sees the same."""

from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.bindings.http import HTTPMessage
from cloudevents.core.bindings.kafka import KafkaMessage
from hypothesis import given
from hypothesis import strategies as st
from trackerrms_contracts import codec, events
from trackerrms_contracts.entities import Model
from trackerrms_contracts.events import Event

from tests.contracts.generated import changes, few

models = pytest.mark.parametrize("model", list(Model))


def attributes(event: Event[Any]) -> dict[str, Any]:
    """The CloudEvents attributes of an event: all but its data."""
    names = [name for name in event.__struct_fields__ if name != "data"]
    return {name: getattr(event, name) for name in names}


def message(event: Event[Any]) -> KafkaMessage:
    """As it stands in Kafka; without the key, which the SDK would add to the attributes."""
    headers = events.headers(event.id, event.type, event.integrationid)
    return KafkaMessage(headers=dict(headers), key=None, value=codec.encode(event))


@models
@few
@given(data=st.data())
def test_the_sdk_reads_it_from_kafka(model: Model, data: st.DataObject) -> None:
    event = data.draw(changes(model))
    read = kafka.from_structured_event(message(event))
    assert read.get_attributes() == attributes(event)
    assert read.get_data() == msgspec.json.decode(codec.encode(event.data))


@models
@few
@given(data=st.data())
def test_the_sdk_reads_the_same_from_an_http_body(model: Model, data: st.DataObject) -> None:
    event = data.draw(changes(model))
    headers = {"content-type": events.CONTENT_TYPE.decode()}
    read = http.from_http_event(HTTPMessage(headers=headers, body=codec.encode(event)))
    assert read.get_attributes() == attributes(event)
    assert read.get_data() == msgspec.json.decode(codec.encode(event.data))


@few
@given(event=changes(Model.USER))
def test_the_headers_repeat_what_a_filter_needs(event: Event[Any]) -> None:
    headers = dict(events.headers(event.id, event.type, event.integrationid))
    assert headers == {
        "content-type": b"application/cloudevents+json; charset=UTF-8",
        "ce_id": event.id.encode(),
        "ce_type": event.type.encode(),
        "ce_integrationid": b"acme",
    }


@few
@given(event=changes(Model.ROLE))
def test_extension_names_are_lower_case_letters_and_digits(event: Event[Any]) -> None:
    assert all(name.isalnum() and name.islower() for name in attributes(event))
