"""What was read before is read again as long as Kafka has it, and told from what it can't be asked for."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.errors import Transient
from tests.kafka_server import Broker
from tests.waiting import patient


async def published(config: KafkaConfig, *values: bytes) -> str:
    """A topic of one partition with these records."""
    spec = kafka.TopicSpec(name=f"{config.topic_prefix}.again")
    await kafka.ensure_topics(config, [spec])
    async with kafka.Producer(config) as producer:
        await producer.publish([kafka.Message(topic=spec.name, key=b"k", value=value) for value in values])
    return spec.name


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> KafkaConfig:
    """A configuration whose topics have one partition."""
    return KafkaConfig(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, partitions=1)


async def read(replay: kafka.Replay, topic: str, since: datetime, until: datetime) -> list[bytes | None]:
    """The values of that time."""
    return [record.value async for batch in replay.between([topic], since, until) for record in batch]


async def test_what_was_published_within_a_time_is_read_again_and_nothing_beside_it(
    config: KafkaConfig,
) -> None:
    before = datetime.now(UTC)
    topic = await published(config, b"1", b"2", b"3")
    after, moment = datetime.now(UTC) + timedelta(seconds=1), timedelta(seconds=20)
    async with kafka.Replay(config) as replay:
        assert await read(replay, topic, before, after) == [b"1", b"2", b"3"]
        # Within the minute by which clocks may differ, and yet before, or after.
        assert await read(replay, topic, before - moment, before - timedelta(seconds=1)) == []
        assert await read(replay, topic, after, after + moment) == []


@pytest.mark.system
async def test_a_record_that_kafka_has_forgotten_is_not_found_where_it_stood(config: KafkaConfig) -> None:
    topic = await published(config, b"old", b"new")
    async with kafka.Replay(config) as replay:
        await asyncio.to_thread(_forget, config, topic)
        assert await replay.at(topic, 0, 0) is None
        found = await replay.at(topic, 0, 1)
    assert found is not None
    assert found.value == b"new"


def _forget(config: KafkaConfig, topic: str) -> None:
    """Have the first record deleted, as retention does."""
    admin = AdminClient({"bootstrap.servers": config.bootstrap_servers or ""})
    for done in admin.delete_records([TopicPartition(topic, 0, 1)]).values():
        done.result(patient(30))


@pytest.mark.system
async def test_nothing_is_read_again_while_the_broker_is_away(broker: Broker, topic_prefix: str) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix, partitions=1)
    topic, now = await published(config, b"1"), datetime.now(UTC)
    async with kafka.Replay(config, timeout_seconds=1) as replay:
        await asyncio.to_thread(broker.stop)
        with pytest.raises(Transient, match="reading a record again failed"):
            await replay.at(topic, 0, 0)
        with pytest.raises(Transient, match="reading again failed"):
            await read(replay, topic, now - timedelta(minutes=1), now)


async def test_a_broker_that_is_away_is_transient() -> None:
    with pytest.raises(Transient, match=r"127\.0\.0\.1:1"):
        await kafka.Replay(KafkaConfig(bootstrap_servers="127.0.0.1:1")).__aenter__()
