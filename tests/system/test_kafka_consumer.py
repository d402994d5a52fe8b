"""Reading starts where it should, sees only what was committed, and goes on where the group stopped."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise

import confluent_kafka
import pytest
from aiokafka import AIOKafkaProducer

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.errors import ConfigError, Transient
from bridge.runtime.heartbeat import Roster
from tests.kafka_server import Broker
from tests.waiting import patient, until


@pytest.fixture
async def topic(kafka_config: KafkaConfig) -> str:
    """A topic of this test's own."""
    spec = kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.read")
    await kafka.ensure_topics(kafka_config, [spec])
    return spec.name


async def _publish(config: KafkaConfig, topic: str, values: Iterable[bytes], key: bytes = b"key") -> None:
    async with kafka.Producer(config) as producer:
        await producer.publish([kafka.Message(topic=topic, key=key, value=value) for value in values])


async def _read_one(consumer: kafka.Consumer) -> kafka.ConsumedRecord:
    async with asyncio.timeout(patient(60)):
        while not (records := await consumer.getmany(1, max_records=1)):
            pass
    return records[0]


async def test_an_empty_topic_reads_as_nothing(kafka_config: KafkaConfig, topic: str) -> None:
    async with kafka.Consumer(kafka_config, [topic]) as consumer:
        assert await consumer.read_to_end() == []


async def test_reading_to_the_end_again_yields_only_what_is_new(
    kafka_config: KafkaConfig, topic: str
) -> None:
    await _publish(kafka_config, topic, [b"1", b"2", b"3"])
    async with kafka.Consumer(kafka_config, [topic]) as consumer:
        assert [record.value for record in await consumer.read_to_end()] == [b"1", b"2", b"3"]
        await _publish(kafka_config, topic, [b"4", b"5"])
        assert [record.value for record in await consumer.read_to_end()] == [b"4", b"5"]


async def test_a_reader_from_the_end_misses_what_was_there(kafka_config: KafkaConfig, topic: str) -> None:
    await _publish(kafka_config, topic, [b"old"])
    async with kafka.Consumer(kafka_config, [topic], start="end") as consumer:
        await consumer.getmany(0.5)
        await _publish(kafka_config, topic, [b"new"])
        assert (await _read_one(consumer)).value == b"new"


async def test_a_group_goes_on_after_what_it_committed(kafka_config: KafkaConfig, topic: str) -> None:
    await _publish(kafka_config, topic, [b"done", b"next"])
    for expected in (b"done", b"next"):
        async with kafka.Consumer(kafka_config, [topic], group_id=kafka_config.topic_prefix) as consumer:
            record = await _read_one(consumer)
            await consumer.commit({(record.topic, record.partition): record.offset + 1})
        assert record.value == expected


@pytest.mark.system  # the embedded broker lets a group's next member in after twice the session's timeout
async def test_what_a_group_did_not_commit_it_reads_again(kafka_config: KafkaConfig, topic: str) -> None:
    await _publish(kafka_config, topic, [b"again"])
    for _ in range(2):
        async with kafka.Consumer(kafka_config, [topic], group_id=kafka_config.topic_prefix) as consumer:
            assert (await _read_one(consumer)).value == b"again"


@pytest.mark.system
async def test_a_brief_hold_keeps_what_was_read_ahead(broker: Broker, topic_prefix: str) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix)
    spec = kafka.TopicSpec(name=f"{topic_prefix}.held")
    await kafka.ensure_topics(config, [spec])
    await _publish(config, spec.name, [b"first", b"second"])
    async with kafka.Consumer(config, [spec.name]) as consumer:
        assert (await _read_one(consumer)).value == b"first"
        consumer.hold(True)
        assert await consumer.getmany(0.1) == []
        await asyncio.to_thread(broker.stop)
        consumer.hold(False)
        assert (await _read_one(consumer)).value == b"second"


@pytest.mark.system
async def test_aborted_transactions_are_not_seen_and_do_not_hide_the_end(
    kafka_config: KafkaConfig, topic: str
) -> None:
    settings = {"bootstrap_servers": kafka_config.bootstrap_servers, "transactional_id": topic}
    async with AIOKafkaProducer(**settings) as producer:
        async with producer.transaction():
            await producer.send(topic, b"committed", key=b"key")
        await producer.begin_transaction()
        await producer.send(topic, b"aborted", key=b"key")
        await producer.abort_transaction()
    async with kafka.Consumer(kafka_config, [topic]) as consumer, asyncio.timeout(patient(60)):
        assert [record.value for record in await consumer.read_to_end()] == [b"committed"]


async def test_librdkafka_reads_what_we_publish(kafka_config: KafkaConfig, topic: str) -> None:
    await _publish(kafka_config, topic, [b"1", b"2", b"3"])
    assert await asyncio.to_thread(_read_with_librdkafka, kafka_config, topic, 3) == [b"1", b"2", b"3"]


def _read_with_librdkafka(config: KafkaConfig, topic: str, count: int) -> list[bytes | None]:
    settings = {"bootstrap.servers": config.bootstrap_servers, "auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer(settings | {"group.id": f"{topic}.librdkafka"})
    try:
        partitions = consumer.list_topics(topic, timeout=patient(60)).topics[topic].partitions
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
        return [message.value() for message in consumer.consume(count, timeout=patient(60))]
    finally:
        consumer.close()


def test_a_broker_that_nobody_named_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"^kafka\.bootstrap_servers: "):
        kafka.Consumer(KafkaConfig(), ["a"])


async def test_a_broker_that_is_away_is_transient() -> None:
    with pytest.raises(Transient, match=r"127\.0\.0\.1:1"):
        async with kafka.Consumer(KafkaConfig(bootstrap_servers="127.0.0.1:1"), ["a"]):
            pass


@pytest.mark.system
async def test_a_topic_that_is_not_there_may_come_yet(kafka_config: KafkaConfig) -> None:
    with pytest.raises(Transient, match="it answers but has no metadata yet"):
        await kafka.Consumer(
            kafka_config, [f"{kafka_config.topic_prefix}.none"], timeout_seconds=1
        ).__aenter__()


@pytest.mark.system
async def test_the_end_of_a_topic_whose_broker_went_away_can_not_be_told(
    broker: Broker, topic_prefix: str
) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix, partitions=1)
    topic = f"{topic_prefix}.read"
    await kafka.ensure_topics(config, [kafka.TopicSpec(name=topic)])
    async with kafka.Consumer(config, [topic], timeout_seconds=1) as consumer:
        await asyncio.to_thread(broker.stop)
        with pytest.raises(Transient, match="reading end offsets failed"):
            await consumer.read_to_end()


@pytest.mark.system
async def test_a_commit_that_waits_for_the_broker_gives_signs_of_life(
    broker: Broker, topic_prefix: str
) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix, partitions=1)
    topic, group = f"{topic_prefix}.read", f"{topic_prefix}.group"
    await kafka.ensure_topics(config, [kafka.TopicSpec(name=topic)])
    await _publish(config, topic, [b"done", b"next"])
    pulse = Roster().enter("reader")
    async with kafka.Consumer(config, [topic], group_id=group) as consumer:
        await _read_one(consumer)
        await asyncio.to_thread(broker.stop)
        committing = asyncio.create_task(consumer.commit({(topic, 0): 1}))
        silences = [pulse.silent_seconds]

        def moved_on() -> bool:
            silences.append(pulse.silent_seconds)
            assert not committing.done()
            return sum(later < before for before, later in pairwise(silences)) >= 3

        await until(moved_on, 20)
        await asyncio.to_thread(broker.start)
        await asyncio.wait_for(committing, patient(60))
    async with kafka.Consumer(config, [topic], group_id=group) as consumer:
        assert (await _read_one(consumer)).value == b"next"
