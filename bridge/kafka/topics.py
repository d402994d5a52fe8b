"""Topics: created if missing, never altered if they exist."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import structlog
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from msgspec import Struct

from bridge.config import KafkaConfig
from bridge.errors import BridgeError, ConfigError, EnvironmentFault
from bridge.kafka import connection

log = structlog.get_logger(__name__)

_WEEK_MS = 7 * 24 * 3600 * 1000
_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.05


class TopicSpec(Struct, frozen=True, kw_only=True):
    """A required topic. ``compactable``: it may be compacted if ``kafka.compacted`` asks for it."""

    name: str
    compactable: bool = False


async def ensure_topics(config: KafkaConfig, topics: Iterable[TopicSpec]) -> None:
    """Create the missing topics and wait until they are known. Safe to repeat.

    If the broker refuses the bridge's settings, the topic is created without them, and the log says so.
    Raises ``Transient`` if Kafka is unreachable, ``EnvironmentFault`` or ``ConfigError`` if it refuses.
    """
    async with _admin(config) as admin:
        topics = list(topics)
        missing = await _missing(admin, topics)
        for settings_of in (_settings, _compaction, _no_settings):
            refused = await _create(admin, config, {topic: settings_of(config, topic) for topic in missing})
            if not refused:
                return await _until_known(admin, topics)
            missing = list(refused)
            log.warning(
                "topics.settings_refused",
                topics=[topic.name for topic in missing],
                reason="; ".join(sorted(set(refused.values()))),
            )
        raise EnvironmentFault(
            f"Kafka refuses to create {missing[0].name}: {refused[missing[0]]}; create it yourself"
        )


async def _missing(admin: Any, topics: Iterable[TopicSpec]) -> list[TopicSpec]:
    known = set(await admin.list_topics())
    return [topic for topic in topics if topic.name not in known]


async def _until_known(admin: Any, topics: Iterable[TopicSpec]) -> None:
    """Wait until all topics are known: a broker reports a topic created before it learns of it itself."""
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        while await _missing(admin, topics):  # noqa: ASYNC110 (the broker has no event to wait for)
            await asyncio.sleep(_POLL_SECONDS)


def _settings(config: KafkaConfig, topic: TopicSpec) -> dict[str, str]:
    return {"max.message.bytes": str(config.max_message_bytes), **_compaction(config, topic)}


def _compaction(config: KafkaConfig, topic: TopicSpec) -> dict[str, str]:
    """Return the compaction settings, without ``delete``, for a topic that is a table.

    With ``delete`` an entity that is unchanged for a week would leave the table. For that week each version
    and each tombstone is kept, so that a reader that was away sees every change and every deletion.
    """
    if not (config.compacted and topic.compactable):
        return {}
    return {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(_WEEK_MS),
        "delete.retention.ms": str(_WEEK_MS),
    }


def _no_settings(_config: KafkaConfig, _topic: TopicSpec) -> dict[str, str]:
    return {}


async def _create(
    admin: Any, config: KafkaConfig, wanted: Mapping[TopicSpec, dict[str, str]]
) -> dict[TopicSpec, str]:
    """Create the topics. Return those refused because of their settings, with the broker's reason."""
    if not wanted:
        return {}
    response = await admin.create_topics(
        [
            NewTopic(topic.name, config.partitions, config.replication_factor, topic_configs=settings)
            for topic, settings in wanted.items()
        ]
    )
    by_name = {topic.name: topic for topic in wanted}
    refused: dict[TopicSpec, str] = {}
    for name, code, *message in response.topic_errors:
        kind = errors.for_code(code)
        if kind in (errors.InvalidConfigurationError, errors.PolicyViolationError):
            refused[by_name[name]] = str(message[0] if message else kind.__name__)
        elif kind not in (errors.NoError, errors.TopicAlreadyExistsError):
            raise _creation_failed(config, name, kind)
    return refused


def _creation_failed(config: KafkaConfig, name: str, kind: type[Exception]) -> BridgeError:
    if kind is errors.InvalidReplicationFactorError:
        return EnvironmentFault(
            f"kafka.replication_factor: Kafka at {config.bootstrap_servers} has fewer than "
            f"{config.replication_factor} brokers for {name}; lower it or add brokers"
        )
    if kind is errors.InvalidPartitionsError:
        return EnvironmentFault(f"kafka.partitions: Kafka refuses {config.partitions} partitions for {name}")
    if kind is errors.InvalidTopicError:
        return ConfigError(f"kafka.topic_prefix: {name} is not a valid topic name; change the prefix")
    return connection.translate(config, kind(), f"creating the topic {name}")


async def effective_max_message_bytes(config: KafkaConfig, names: Iterable[str]) -> dict[str, int]:
    """Return the largest batch, in bytes, that each topic accepts according to the broker.

    A topic that the broker does not describe (no right, no such topic, no such request) counts as having the
    configured ``kafka.max_message_bytes``. Raises ``Transient`` or ``EnvironmentFault``.
    """
    limits = dict.fromkeys(names, config.max_message_bytes)
    key = "max.message.bytes"
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, configs={key: None}) for name in limits]
    async with _admin(config) as admin:
        try:
            responses = await admin.describe_configs(wanted) if wanted else []
        except connection.FAILURES as error:  # the embedded broker closes the connection on this request
            log.info("topics.limits_unknown", reason=type(error).__name__)
            return limits
    for response in responses:
        for _code, _message, _type, name, entries in response.resources:
            limits |= [(name, int(value)) for entry, value, *_ in entries if entry == key and value]
    return limits


async def reach(config: KafkaConfig) -> None:
    """Return when the broker answers. Raises ``Transient`` or ``EnvironmentFault``."""
    async with _admin(config):
        pass


@contextlib.asynccontextmanager
async def _admin(config: KafkaConfig) -> AsyncIterator[Any]:
    """Yield an admin client. Failures inside the block are translated."""
    admin = await _settled(config)
    try:
        yield admin
    except connection.FAILURES as error:
        raise connection.translate(config, error, "managing topics") from error
    finally:
        await admin.close()


async def _settled(config: KafkaConfig) -> Any:
    """Return a client that knows a broker.

    A broker that has just started, or that its controller has fenced for a while, answers a new client
    without naming any broker. The client would keep that answer for minutes, so each attempt uses a new
    client.
    """
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        admin = await _started(config)
        try:
            await admin.list_topics()
        except errors.NodeNotReadyError as error:
            await admin.close()
            if time.monotonic() > deadline:
                raise await connection.unstarted(
                    config, _TIMEOUT_SECONDS, error, "managing topics"
                ) from error
            await asyncio.sleep(_POLL_SECONDS)
        except connection.FAILURES as error:
            await admin.close()
            raise connection.translate(config, error, "managing topics") from error
        except BaseException:
            await admin.close()
            raise
        else:
            return admin


async def _started(config: KafkaConfig) -> Any:
    admin = AIOKafkaAdminClient(**connection.options(config, _TIMEOUT_SECONDS))
    try:
        await connection.begun(admin.start())
    except BaseException as error:
        await admin.close()
        if isinstance(error, connection.FAILURES):
            raise await connection.unstarted(config, _TIMEOUT_SECONDS, error, "managing topics") from error
        raise
    return admin
