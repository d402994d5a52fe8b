"""Topics are made once, with the settings we need, and never fought over."""

import asyncio
from typing import Any

import confluent_kafka.admin
import msgspec
import pytest
import structlog

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.errors import ConfigError, EnvironmentFault, Transient
from tests.kafka.nameless_broker import nameless
from tests.waiting import patient


def _settings(config: KafkaConfig, topic: str) -> dict[str, str]:
    """The topic's settings, as another client reads them."""
    assert config.bootstrap_servers is not None
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": config.bootstrap_servers})
    resource = confluent_kafka.admin.ConfigResource(confluent_kafka.admin.ResourceType.TOPIC, topic)
    [described] = admin.describe_configs([resource]).values()
    return {name: entry.value for name, entry in described.result(30).items()}


def _partitions(config: KafkaConfig, topic: str) -> int:
    assert config.bootstrap_servers is not None
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": config.bootstrap_servers})
    return len(admin.list_topics(timeout=patient(30)).topics[topic].partitions)


def _config(given: KafkaConfig, **keys: Any) -> KafkaConfig:
    return KafkaConfig(bootstrap_servers=given.bootstrap_servers, topic_prefix=given.topic_prefix, **keys)


async def test_asking_for_a_topic_again_changes_nothing(kafka_config: KafkaConfig) -> None:
    topic = kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.a")
    await kafka.ensure_topics(kafka_config, [topic])
    await kafka.ensure_topics(_config(kafka_config, partitions=7), [topic])
    assert await asyncio.to_thread(_partitions, kafka_config, topic.name) == kafka_config.partitions


async def test_two_processes_may_create_the_same_topics_at_once(kafka_config: KafkaConfig) -> None:
    topics = [kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.{number}") for number in range(5)]
    await asyncio.gather(*(kafka.ensure_topics(kafka_config, topics) for _ in range(3)))
    assert await asyncio.to_thread(_partitions, kafka_config, topics[4].name) == kafka_config.partitions


@pytest.mark.system
async def test_a_new_topic_takes_messages_of_the_configured_size(kafka_config: KafkaConfig) -> None:
    topic = f"{kafka_config.topic_prefix}.a"
    await kafka.ensure_topics(_config(kafka_config, max_message_bytes=123_456), [kafka.TopicSpec(name=topic)])
    assert await kafka.effective_max_message_bytes(kafka_config, [topic]) == {topic: 123_456}


async def test_a_topic_nobody_can_describe_has_the_configured_limit(kafka_config: KafkaConfig) -> None:
    limits = await kafka.effective_max_message_bytes(kafka_config, [f"{kafka_config.topic_prefix}.none"])
    assert limits == {f"{kafka_config.topic_prefix}.none": kafka_config.max_message_bytes}


@pytest.mark.system
@pytest.mark.parametrize(
    ("compacted", "compactable", "policy"),
    [(True, True, "compact"), (True, False, "delete"), (False, True, "delete")],
)
async def test_only_a_compactable_topic_is_compacted_and_only_when_asked(
    kafka_config: KafkaConfig, compacted: bool, compactable: bool, policy: str
) -> None:
    topic = kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.a", compactable=compactable)
    await kafka.ensure_topics(_config(kafka_config, compacted=compacted), [topic])
    assert (await asyncio.to_thread(_settings, kafka_config, topic.name))["cleanup.policy"] == policy


@pytest.mark.system
async def test_more_replicas_than_brokers_names_the_key(kafka_config: KafkaConfig) -> None:
    with pytest.raises(EnvironmentFault, match=r"^kafka\.replication_factor: "):
        await kafka.ensure_topics(
            _config(kafka_config, replication_factor=3),
            [kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.a")],
        )


@pytest.mark.system
async def test_no_partitions_at_all_names_the_key(kafka_config: KafkaConfig) -> None:
    with pytest.raises(EnvironmentFault, match=r"^kafka\.partitions: Kafka refuses 0 partitions"):
        await kafka.ensure_topics(
            _config(kafka_config, partitions=0), [kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.a")]
        )


@pytest.mark.system
async def test_a_setting_that_kafka_refuses_is_left_to_kafka(kafka_config: KafkaConfig) -> None:
    topic = f"{kafka_config.topic_prefix}.a"
    refused = _config(kafka_config, max_message_bytes=-1, compacted=True)
    with structlog.testing.capture_logs() as logs:
        await kafka.ensure_topics(refused, [kafka.TopicSpec(name=topic, compactable=True)])
    settings = await asyncio.to_thread(_settings, kafka_config, topic)
    assert (settings["max.message.bytes"], settings["cleanup.policy"]) == ("1048588", "compact")
    [said] = [line for line in logs if line["event"] == "topics.settings_refused"]
    assert said["topics"] == [topic]
    assert "max.message.bytes" in said["reason"]


@pytest.mark.system
async def test_a_name_kafka_refuses_points_at_the_prefix(kafka_config: KafkaConfig) -> None:
    with pytest.raises(ConfigError, match=r"^kafka\.topic_prefix: .*no/such/name"):
        await kafka.ensure_topics(kafka_config, [kafka.TopicSpec(name="no/such/name")])


async def test_a_broker_that_names_none_yet_is_asked_again(kafka_config: KafkaConfig) -> None:
    topic = kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.a")
    async with nameless(kafka_config.bootstrap_servers or "", connections=4) as address:
        config = msgspec.structs.replace(kafka_config, bootstrap_servers=address)
        await kafka.ensure_topics(config, [topic])
    assert await asyncio.to_thread(_partitions, kafka_config, topic.name) == kafka_config.partitions


async def test_a_broker_that_is_away_is_transient() -> None:
    with pytest.raises(Transient, match=r"127\.0\.0\.1:1"):
        await kafka.ensure_topics(KafkaConfig(bootstrap_servers="127.0.0.1:1"), [kafka.TopicSpec(name="a")])
