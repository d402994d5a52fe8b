"""What is published arrives in order and is acknowledged, or the caller hears that it may not have."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.errors import Transient
from tests.kafka_server import Broker
from tests.waiting import patient


@pytest.fixture(params=["best", "embedded"])
def config(request: pytest.FixtureRequest, topic_prefix: str) -> KafkaConfig:
    """Once for the best broker to be had, once for the embedded one."""
    fixture = {"best": "kafka_bootstrap", "embedded": "embedded_kafka"}[request.param]
    address = request.getfixturevalue(fixture)
    return KafkaConfig(bootstrap_servers=address, topic_prefix=topic_prefix, partitions=3)


async def _topics(config: KafkaConfig, *names: str) -> list[str]:
    topics = [f"{config.topic_prefix}.{name}" for name in names]
    await kafka.ensure_topics(config, [kafka.TopicSpec(name=topic) for topic in topics])
    return topics


def _numbered(topics: Sequence[str], count: int, *, keys: int = 20, padding: int = 0) -> list[kafka.Message]:
    """Messages that carry their number; a key's numbers rise."""
    return [
        kafka.Message(
            topic=topics[number % len(topics)],
            key=f"key-{number % keys}".encode(),
            value=b"%d %s" % (number, b"x" * padding),
            headers=(("number", b"%d" % number),),
        )
        for number in range(count)
    ]


async def _read(config: KafkaConfig, topics: Iterable[str]) -> list[kafka.ConsumedRecord]:
    async with kafka.Consumer(config, topics) as consumer:
        return await consumer.read_to_end()


def _numbers_by_key(records: Iterable[kafka.ConsumedRecord]) -> dict[tuple[str, bytes | None], list[int]]:
    numbers = defaultdict(list)
    for record in records:
        assert record.value is not None
        numbers[record.topic, record.key].append(int(record.value.split()[0]))
    return numbers


async def test_each_message_arrives_once_and_in_the_order_of_its_key(config: KafkaConfig) -> None:
    topics = await _topics(config, "a", "b", "c")
    messages = _numbered(topics, 6_000, padding=2_000)  # several batches for each partition
    async with kafka.Producer(config) as producer:
        for start in range(0, len(messages), 2_500):
            await producer.publish(messages[start : start + 2_500])
    records = await _read(config, topics)
    assert sorted(n for numbers in _numbers_by_key(records).values() for n in numbers) == list(range(6_000))
    assert all(numbers == sorted(numbers) for numbers in _numbers_by_key(records).values())


async def test_concurrent_publishes_of_one_key_do_not_mix(config: KafkaConfig) -> None:
    topics = await _topics(config, "a")
    messages = _numbered(topics, 900, keys=1, padding=2_000)
    async with kafka.Producer(config) as producer:
        await asyncio.gather(*(producer.publish(messages[i : i + 300]) for i in (0, 300, 600)))
    [numbers] = _numbers_by_key(await _read(config, topics)).values()
    assert numbers == list(range(900))


async def test_headers_and_tombstones_arrive_as_they_were_sent(config: KafkaConfig) -> None:
    [topic] = await _topics(config, "a")
    headers = (("ce_id", b"evt_1"), ("ce_type", b"candidate.deleted"))
    async with kafka.Producer(config) as producer:
        await producer.publish([kafka.Message(topic=topic, key=b"k", value=None, headers=headers)])
    [record] = await _read(config, [topic])
    assert (record.key, record.value, record.headers) == (b"k", None, headers)


async def test_a_message_of_several_megabytes_travels_among_small_ones(config: KafkaConfig) -> None:
    [topic] = await _topics(config, "a")
    sizes = [10, 5_000_000, 10, 1_000_000, 10]
    async with kafka.Producer(config) as producer:
        await producer.publish([kafka.Message(topic=topic, key=b"k", value=b"x" * size) for size in sizes])
    assert [len(record.value or b"") for record in await _read(config, [topic])] == sizes


async def test_nothing_is_sent_when_one_message_is_over_the_configured_limit(config: KafkaConfig) -> None:
    [topic] = await _topics(config, "a")
    small, large = (kafka.Message(topic=topic, key=b"k", value=b"x" * size) for size in (10, 20_000_000))
    async with kafka.Producer(config) as producer:
        with pytest.raises(
            kafka.MessageTooLarge, match=rf"{re.escape(topic)}.*kafka\.max_message_bytes"
        ) as error:
            await producer.publish([small, large])
        assert error.value.message is large
        assert await _read(config, [topic]) == []
        await producer.publish([small])
    assert len(await _read(config, [topic])) == 1


@pytest.mark.system
async def test_a_message_larger_than_the_topic_allows_is_named(kafka_config: KafkaConfig) -> None:
    [topic] = await _topics(_allowing(kafka_config, 100_000), "a")
    small, large = (kafka.Message(topic=topic, key=b"k", value=b"x" * size) for size in (10, 200_000))
    async with kafka.Producer(kafka_config) as producer:
        said = rf"100000 bytes of topic {re.escape(topic)}"
        with pytest.raises(kafka.MessageTooLarge, match=said) as error:
            await producer.publish([small, large, small])
        assert error.value.message is large
        await producer.publish([small, small])
    assert [record.value for record in await _read(kafka_config, [topic])] == [small.value] * 2


@pytest.mark.system
async def test_batches_shrink_to_what_an_older_topic_allows(kafka_config: KafkaConfig) -> None:
    topics = await _topics(_allowing(kafka_config, 100_000), "a", "b")
    async with kafka.Producer(kafka_config) as producer:
        await producer.publish(_numbered(topics, 2_000, padding=1_000))
    numbers = _numbers_by_key(await _read(kafka_config, topics))
    assert sum(map(len, numbers.values())) == 2_000
    assert all(one == sorted(one) for one in numbers.values())


def _allowing(config: KafkaConfig, size: int) -> KafkaConfig:
    return KafkaConfig(
        bootstrap_servers=config.bootstrap_servers, topic_prefix=config.topic_prefix, max_message_bytes=size
    )


async def test_a_broker_that_is_away_is_transient_and_named() -> None:
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1")
    async with kafka.Producer(config, timeout_seconds=5) as producer:
        with pytest.raises(Transient, match=r"can't reach Kafka at 127\.0\.0\.1:1"):
            await producer.publish(_numbered(["t"], 1))


async def test_a_cancelled_publish_leaves_nothing_running(config: KafkaConfig) -> None:
    topics = await _topics(config, "a")
    async with kafka.Producer(config) as producer:
        await producer.publish(_numbered(topics, 1))
        publishing = asyncio.create_task(producer.publish(_numbered(topics, 20_000, padding=2_000)))
        for _ in range(60):  # turns of the loop: 20 to sort them, the rest for batches to get under way
            await asyncio.sleep(0)
        assert not publishing.done()
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await producer.publish(_numbered(topics, 1))


@pytest.mark.system
async def test_a_broker_killed_under_a_publish_is_transient_and_the_next_publish_arrives(
    broker: Broker, topic_prefix: str
) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix, partitions=3)
    topics = await _topics(config, "a", "b")
    messages = _numbered(topics, 2_000, padding=500)
    async with kafka.Producer(config, timeout_seconds=5) as producer:
        await producer.publish(messages[:1_000])
        with pytest.raises(Transient, match=re.escape(broker.bootstrap)):
            await asyncio.gather(asyncio.to_thread(broker.kill), _publish_until_it_fails(producer, messages))
        with pytest.raises(Transient):
            await producer.publish(messages)
        await asyncio.to_thread(broker.start)
        await producer.publish(messages)
    for numbers in _numbers_by_key(await _read(config, topics)).values():
        assert numbers[-len(set(numbers)) :] == sorted(set(numbers))  # the last publish is whole and in order


async def _publish_until_it_fails(producer: kafka.Producer, messages: Sequence[kafka.Message]) -> None:
    while True:
        await producer.publish(messages)


@pytest.mark.system
async def test_a_silent_broker_is_transient_in_bounded_time(broker: Broker, topic_prefix: str) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix)
    topics = await _topics(config, "a")
    async with kafka.Producer(config, timeout_seconds=2) as producer:
        await producer.publish(_numbered(topics, 1))
        broker.pause()
        try:
            async with asyncio.timeout(patient(60)):
                with pytest.raises(Transient):
                    await producer.publish(_numbered(topics, 100))
                with pytest.raises(Transient):
                    await producer.publish(_numbered(topics, 100))
        finally:
            broker.resume()
        await _publish_when_back(producer, _numbered(topics, 100))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _publish_when_back(producer: kafka.Producer, messages: Sequence[kafka.Message]) -> None:
    for _ in range(20):
        try:
            return await producer.publish(messages)
        except Transient:
            continue
    raise AssertionError("the broker is back, yet nothing can be published")
