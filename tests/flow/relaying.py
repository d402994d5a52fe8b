"""What the relay's tests share: rows to send, a relay at work, and what arrived."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.kafka import TopicSpec, ensure_topics
from bridge.relay import Relay
from bridge.runtime import supervisor
from bridge.store import outbox
from bridge.store.database import Database
from bridge.store.outbox import OutboxRow


async def with_topic(config: KafkaConfig) -> KafkaConfig:
    await ensure_topics(config, [TopicSpec(name=f"{config.topic_prefix}.t")])
    return config


async def append(db: Database, config: KafkaConfig, numbers: range, keys: int = 20, padding: int = 0) -> None:
    rows = [
        OutboxRow(
            topic=f"{config.topic_prefix}.t", key=b"key-%d" % (n % keys), value=b"%d" % n + b" " * padding
        )
        for n in numbers
    ]
    async with db.transaction() as tx:
        await outbox.append(tx, rows)


async def numbers_on_kafka(config: KafkaConfig) -> dict[bytes, list[int]]:
    """What lies in the topic, by key, in the topic's order."""
    by_key: dict[bytes, list[int]] = {}
    async with kafka.Consumer(config, [f"{config.topic_prefix}.t"]) as consumer:
        for record in await consumer.read_to_end():
            by_key.setdefault(record.key or b"", []).append(int(record.value or b"-1"))
    return by_key


def first_times(numbers: list[int]) -> list[int]:
    """Without repetitions: what a consumer that knows event ids sees."""
    return list(dict.fromkeys(numbers))


def assert_complete_and_in_order(found: dict[bytes, list[int]], numbers: range) -> None:
    assert sorted(n for of_key in found.values() for n in first_times(of_key)) == list(numbers)
    assert all(first_times(of_key) == sorted(first_times(of_key)) for of_key in found.values())


@contextlib.asynccontextmanager
async def relaying(
    db: Database, config: KafkaConfig, *, batch_size: int = 500, idle_seconds: float = 0.05
) -> AsyncIterator[asyncio.Task[int]]:
    """A supervised relay of its own, until the block ends."""
    stop = asyncio.Event()
    async with kafka.Producer(config, timeout_seconds=5) as producer:
        relay = Relay(db, producer, batch_size=batch_size, idle_seconds=idle_seconds, lease_seconds=3)
        task = asyncio.create_task(supervisor.supervise({"relay": relay.run}, stop=stop, signals=()))
        try:
            yield task
        finally:
            stop.set()
            assert await task == 0


async def is_empty(db: Database) -> bool:
    return (await outbox.depth(db))[0] == 0
