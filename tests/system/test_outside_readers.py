"""Readers that know nothing of us agree on every event of a whole run, on a real Apache Kafka."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from random import Random
from typing import cast

import confluent_kafka
import pytest
from cloudevents.core.bindings import kafka as cloudevents_kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from trackerrms_contracts import topics
from trackerrms_contracts.entities import Model

from tests.contracts.engines import event_schema, verdicts
from tests.installation import Install
from tests.waiting import patient

pytestmark = pytest.mark.system


def _read_all(bootstrap: str, names: list[str]) -> Iterator[confluent_kafka.Message]:
    """Every record of these topics, by librdkafka, up to their present ends."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    known = consumer.list_topics(timeout=patient(30)).topics
    left = {(name, partition) for name in names for partition in known[name].partitions}
    consumer.assign([confluent_kafka.TopicPartition(n, p, confluent_kafka.OFFSET_BEGINNING) for n, p in left])
    while left:
        message = consumer.poll(30)
        assert message is not None, "librdkafka read nothing for 30 seconds"
        error = message.error()
        if error is None:
            yield message
        else:
            assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF, error
            left.discard((message.topic(), message.partition()))
    consumer.close()


async def test_librdkafka_cloudevents_and_two_schema_engines_agree_on_every_event(
    install: Install, real_kafka: str, topic_prefix: str
) -> None:
    bridge = await install(bootstrap_servers=real_kafka)
    bridge.start()
    await bridge.agree()
    rng = Random(23)
    for _ in range(300):
        bridge.server.world.random_change(rng)
    ours = await bridge.agree()
    names = topics.all_events(topic_prefix)
    by_topic = {name: model for model, name in names.items()}
    messages = await asyncio.to_thread(lambda: list(_read_all(real_kafka, list(by_topic))))
    assert len(messages) == sum(ours.types.values())
    for message in messages:
        _check(message, by_topic[_topic(message)])
    assert {by_topic[_topic(message)] for message in messages} == set(Model)


def _topic(message: confluent_kafka.Message) -> str:
    topic = message.topic()
    assert topic is not None
    return topic


def _check(message: confluent_kafka.Message, model: Model) -> None:
    # The library declares what a producer may set; a consumed message has a list of names and bytes.
    headers = dict(cast(list[tuple[str, bytes]], message.headers()))
    key, value = message.key(), message.value()
    assert key is not None
    assert value is not None
    event = cloudevents_kafka.from_structured_event(KafkaMessage(headers=headers, key=None, value=value))
    assert event.get_type().partition(".")[0] == model
    assert event.get_id() == headers["ce_id"].decode()
    assert event.get_subject() == key.decode()
    assert verdicts(event_schema(model), json.loads(value)) == (True, True)
