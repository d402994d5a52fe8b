"""A right that Kafka denies is named: it won't come back by itself, so nobody waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from bridge import kafka
from bridge.config import KafkaConfig, Secret
from bridge.errors import EnvironmentFault
from tests.kafka_server import SASL_PASSWORD, SASL_USER, Broker
from tests.waiting import patient, until

pytestmark = pytest.mark.system


@pytest.fixture
def config(broker: Broker, topic_prefix: str) -> KafkaConfig:
    """A configuration of one whom Kafka knows by name, with topics of this test's own."""
    return KafkaConfig(
        bootstrap_servers=broker.sasl,
        security_protocol="SASL_PLAINTEXT",
        sasl_username=SASL_USER,
        sasl_password=Secret(SASL_PASSWORD),
        topic_prefix=topic_prefix,
        partitions=1,
    )


@pytest.fixture
async def topic(config: KafkaConfig) -> str:
    """A topic with two records."""
    name = f"{config.topic_prefix}.a"
    await kafka.ensure_topics(config, [kafka.TopicSpec(name=name)])
    async with kafka.Producer(config) as producer:
        await producer.publish([kafka.Message(topic=name, key=b"k", value=value) for value in (b"1", b"2")])
    return name


@contextlib.asynccontextmanager
async def denied(
    broker: Broker, operation: AclOperation, kind: ResourceType, name: str
) -> AsyncIterator[None]:
    """Kafka denies us that while the block lasts."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    where = (kind, name, ResourcePatternType.LITERAL)
    us = (f"User:{SASL_USER}", "*")
    # Where there is any rule nothing goes without one.
    rules = [
        AclBinding(*where, *us, AclOperation.ALL, AclPermissionType.ALLOW),
        AclBinding(*where, *us, operation, AclPermissionType.DENY),
    ]
    ours = AclBindingFilter(*where, *us, AclOperation.ANY, AclPermissionType.ANY)

    async def stand(count: int) -> bool:
        return len(await asyncio.to_thread(admin.describe_acls(ours).result, patient(30))) == count

    for made in admin.create_acls(rules).values():
        await asyncio.to_thread(made.result, patient(30))
    try:
        await until(lambda: stand(len(rules)))
        yield
    finally:
        await asyncio.to_thread(admin.delete_acls([ours])[ours].result, patient(30))
        await until(lambda: stand(0))


async def test_a_topic_that_we_may_not_create(broker: Broker, config: KafkaConfig) -> None:
    name = f"{config.topic_prefix}.a"
    create = AclOperation.CREATE
    async with (
        denied(broker, create, ResourceType.BROKER, "kafka-cluster"),
        denied(broker, create, ResourceType.TOPIC, name),
    ):
        with pytest.raises(EnvironmentFault, match=f"does not authorize creating the topic {name}"):
            await kafka.ensure_topics(config, [kafka.TopicSpec(name=name)])


async def test_a_topic_that_we_may_not_write(broker: Broker, config: KafkaConfig, topic: str) -> None:
    message = kafka.Message(topic=topic, key=b"k", value=b"3")
    async with denied(broker, AclOperation.WRITE, ResourceType.TOPIC, topic), kafka.Producer(config) as it:
        with pytest.raises(EnvironmentFault, match="does not authorize publishing"):
            await it.publish([message])


async def test_a_topic_that_we_may_not_read(broker: Broker, config: KafkaConfig, topic: str) -> None:
    now = datetime.now(UTC)
    async with (
        kafka.Consumer(config, [topic]) as consumer,
        kafka.Replay(config) as replay,
        denied(broker, AclOperation.READ, ResourceType.TOPIC, topic),
    ):
        with pytest.raises(EnvironmentFault, match="does not authorize reading"):
            await _read_on(consumer)
        with pytest.raises(EnvironmentFault, match="does not authorize reading a record again"):
            await replay.at(topic, 0, 0)
        with pytest.raises(EnvironmentFault, match="does not authorize reading again"):
            async for _ in replay.between([topic], now - timedelta(minutes=1), now):
                pass


async def test_a_topic_that_we_may_not_even_see(broker: Broker, config: KafkaConfig, topic: str) -> None:
    async with denied(broker, AclOperation.DESCRIBE, ResourceType.TOPIC, topic):
        with pytest.raises(EnvironmentFault, match="does not authorize reading"):
            await kafka.Consumer(config, [topic], timeout_seconds=5).__aenter__()


async def test_a_group_that_we_may_not_join(broker: Broker, config: KafkaConfig, topic: str) -> None:
    async with kafka.Consumer(config, [topic], group_id=config.topic_prefix) as consumer:
        await _read_one(consumer)
        async with denied(broker, AclOperation.READ, ResourceType.GROUP, config.topic_prefix):
            with pytest.raises(EnvironmentFault, match="does not authorize committing offsets"):
                await consumer.commit({(topic, 0): 1})


async def _read_one(consumer: kafka.Consumer) -> None:
    async with asyncio.timeout(patient(60)):
        while not await consumer.getmany(1, max_records=1):
            pass


async def _read_on(consumer: kafka.Consumer) -> None:
    """Read, whatever comes."""
    async with asyncio.timeout(patient(60)):
        while True:
            await consumer.getmany(1)
