"""A broker that refuses us is told from one that is away, by the key to look at; secrets stay unsaid."""

from pathlib import Path
from typing import Any

import pytest

from bridge import kafka
from bridge.config import KafkaConfig, Secret
from bridge.errors import BridgeError, ConfigError, EnvironmentFault, Transient
from tests.kafka_server import SASL_PASSWORD, SASL_USER, Broker

pytestmark = pytest.mark.system


def _sasl(broker: Broker, **keys: Any) -> KafkaConfig:
    defaults: dict[str, Any] = {"sasl_username": SASL_USER, "sasl_password": Secret(SASL_PASSWORD)}
    return KafkaConfig(bootstrap_servers=broker.sasl, security_protocol="SASL_PLAINTEXT", **(defaults | keys))


def _ssl(broker: Broker, cafile: Path | None) -> KafkaConfig:
    return KafkaConfig(
        bootstrap_servers=broker.ssl, security_protocol="SSL", ssl_cafile=str(cafile) if cafile else None
    )


async def _round_trip(config: KafkaConfig, topic: str) -> bytes | None:
    await kafka.ensure_topics(config, [kafka.TopicSpec(name=topic)])
    async with kafka.Producer(config) as producer:
        await producer.publish([kafka.Message(topic=topic, key=b"key", value=b"there and back")])
    async with kafka.Consumer(config, [topic]) as consumer:
        [record] = await consumer.read_to_end()
    return record.value


async def _failures(config: KafkaConfig) -> list[BridgeError]:
    """What the producer, the consumer and the maker of topics each raise."""
    message = kafka.Message(topic="any", key=b"key", value=b"value")
    raised = []
    with pytest.raises(BridgeError) as error:
        await kafka.ensure_topics(config, [kafka.TopicSpec(name="any")])
    raised.append(error.value)
    async with kafka.Producer(config, timeout_seconds=5) as producer:
        with pytest.raises(BridgeError) as error:
            await producer.publish([message])
    raised.append(error.value)
    with pytest.raises(BridgeError) as error:
        await kafka.Consumer(config, ["any"], timeout_seconds=5).__aenter__()
    return [*raised, error.value]


async def test_sasl_with_the_right_password_serves(broker: Broker, topic_prefix: str) -> None:
    assert await _round_trip(_sasl(broker), topic_prefix) == b"there and back"


async def test_tls_with_the_right_authority_serves(broker: Broker, topic_prefix: str) -> None:
    assert await _round_trip(_ssl(broker, broker.cafile), topic_prefix) == b"there and back"


async def test_a_wrong_password_names_its_key_and_shows_no_secret(broker: Broker) -> None:
    for error in await _failures(_sasl(broker, sasl_password=Secret("wrong horse"))):
        assert isinstance(error, EnvironmentFault)
        assert str(error).startswith("kafka.sasl_password: ")
        assert "horse" not in f"{error!r}{error.__cause__!r}"


async def test_a_mechanism_the_broker_lacks_names_its_key(broker: Broker) -> None:
    for error in await _failures(_sasl(broker, sasl_mechanism="SCRAM-SHA-512")):
        assert isinstance(error, EnvironmentFault)
        assert str(error).startswith("kafka.sasl_mechanism: ")


async def test_an_unknown_authority_names_its_key(broker: Broker) -> None:
    for error in await _failures(_ssl(broker, None)):
        assert isinstance(error, EnvironmentFault)
        assert str(error).startswith("kafka.ssl_cafile: ")


async def test_an_unreadable_authority_is_a_mistake_in_the_configuration(
    broker: Broker, tmp_path: Path
) -> None:
    for error in await _failures_of_construction(_ssl(broker, tmp_path / "absent.pem")):
        assert str(error).startswith("kafka.ssl_cafile: ")


async def _failures_of_construction(config: KafkaConfig) -> list[ConfigError]:
    with pytest.raises(ConfigError) as producing:
        kafka.Producer(config)
    with pytest.raises(ConfigError) as consuming:
        kafka.Consumer(config, ["any"])
    return [producing.value, consuming.value]


async def test_plain_speech_to_a_tls_listener_is_transient_and_named(broker: Broker) -> None:
    for error in await _failures(KafkaConfig(bootstrap_servers=broker.ssl)):
        assert isinstance(error, Transient)
        assert broker.ssl in str(error)
