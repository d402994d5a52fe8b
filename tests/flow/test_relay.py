"""Outbox → Kafka: everything, in order per key, whatever breaks on the way."""

import asyncio
import contextlib

import pytest
from structlog.testing import capture_logs

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.errors import LeaseLost
from bridge.relay import LEASE, Relay
from bridge.store import outbox
from bridge.store.database import Database
from bridge.store.outbox import OutboxRow
from tests.flow.relaying import (
    append,
    assert_complete_and_in_order,
    is_empty,
    numbers_on_kafka,
    relaying,
    with_topic,
)
from tests.waiting import patient, until


@pytest.fixture
async def config(kafka_bootstrap: str, topic_prefix: str) -> KafkaConfig:
    return await with_topic(KafkaConfig(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))


async def test_rows_reach_kafka_in_order_and_leave_the_outbox(db: Database, config: KafkaConfig) -> None:
    await append(db, config, range(3_000))
    async with relaying(db, config):
        await append(db, config, range(3_000, 4_000))
        await until(lambda: is_empty(db))
    found = await numbers_on_kafka(config)
    assert_complete_and_in_order(found, range(4_000))
    assert sum(map(len, found.values())) == 4_000
    assert sum(p.sent_count for p in await outbox.progress(db)) == 4_000


async def test_headers_keys_and_tombstones_arrive_as_they_were(db: Database, config: KafkaConfig) -> None:
    topic = f"{config.topic_prefix}.t"
    async with db.transaction() as tx:
        await outbox.append(
            tx,
            [
                OutboxRow(topic=topic, key=b"k", value=b"{}", headers=(("ce_id", b"evt_1"),)),
                OutboxRow(topic=topic, key=b"k", value=None),
            ],
        )
    async with relaying(db, config), kafka.Consumer(config, [topic]) as consumer:
        await until(lambda: is_empty(db))
        event, tombstone = await consumer.read_to_end()
    assert (event.key, event.value, event.headers) == (b"k", b"{}", (("ce_id", b"evt_1"),))
    assert tombstone.value is None


async def test_a_commit_wakes_the_relay(db: Database, config: KafkaConfig) -> None:
    async with relaying(db, config, idle_seconds=300):
        for number in range(3):
            await append(db, config, range(number, number + 1))
            await until(lambda: is_empty(db))


async def test_each_batch_leaves_one_line_without_its_content(db: Database, config: KafkaConfig) -> None:
    await append(db, config, range(100), padding=10)
    with capture_logs() as lines:
        async with relaying(db, config):
            await until(lambda: is_empty(db))
    [line] = [line for line in lines if line["event"] == "relay.batch_published"]
    assert line["rows"] == 100
    assert line["bytes"] == sum(len(str(n)) + 10 for n in range(100))
    assert "key-1" not in str(lines)


async def test_of_two_relays_one_works_and_the_other_takes_over(db: Database, config: KafkaConfig) -> None:
    def tokens() -> list[int]:
        return [line["token"] for line in lines if line["event"] == "relay.took_over"]

    with capture_logs() as lines:
        async with contextlib.AsyncExitStack() as active:
            await active.enter_async_context(relaying(db, config))
            await until(lambda: tokens() == [1])
            async with relaying(db, config):
                await append(db, config, range(1_000))
                await until(lambda: is_empty(db))
                assert tokens() == [1]
                await active.aclose()
                await append(db, config, range(1_000, 2_000))
                await until(lambda: is_empty(db))
                assert tokens() == [1, 2]
    found = await numbers_on_kafka(config)
    assert_complete_and_in_order(found, range(2_000))
    assert sum(map(len, found.values())) == 2_000


async def test_a_relay_whose_lease_was_taken_marks_nothing_and_stands_by(
    db: Database, config: KafkaConfig
) -> None:
    async with kafka.Producer(config) as producer:
        relay = Relay(db, producer, lease_seconds=30)
        task = asyncio.create_task(relay.run(asyncio.Event()))
        await until(lambda: held_by_someone(db))
        await db.execute("UPDATE leases SET token = token + 1, expires_at = now() + interval '1 hour'")
        await append(db, config, range(10))
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(task, patient(30))
    assert (await outbox.depth(db))[0] == 10


async def held_by_someone(db: Database) -> bool:
    return bool(await db.fetchval("SELECT count(*) FROM leases WHERE name = $1", LEASE))


async def test_a_message_too_large_holds_back_its_shard_and_no_other(
    db: Database, config: KafkaConfig
) -> None:
    narrow = KafkaConfig(
        bootstrap_servers=config.bootstrap_servers,
        topic_prefix=config.topic_prefix,
        max_message_bytes=100_000,
    )
    await append(db, config, range(20))
    await append(db, config, range(20, 21), padding=200_000)  # of key-0
    await append(db, config, range(21, 100))
    stuck = outbox.shard_of(b"key-0")
    left = "SELECT count(*) FROM outbox WHERE shard <> $1"

    async def others_are_gone() -> bool:
        return bool(await db.fetchval(left, stuck) == 0)

    with capture_logs() as lines:
        async with relaying(db, narrow):
            await until(others_are_gone)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["relay.row_refused"]
    assert "kafka.max_message_bytes" in next(line for line in lines if line["log_level"] == "error")["reason"]
    assert (await numbers_on_kafka(config))[b"key-0"] == [0]
    async with relaying(db, config):
        await until(lambda: is_empty(db))
    found = await numbers_on_kafka(config)
    assert_complete_and_in_order(found, range(100))
    assert sum(map(len, found.values())) == 100


async def test_a_row_that_was_refused_is_tried_again(db: Database, config: KafkaConfig) -> None:
    narrow = KafkaConfig(
        bootstrap_servers=config.bootstrap_servers,
        topic_prefix=config.topic_prefix,
        max_message_bytes=100_000,
    )
    await append(db, config, range(1), padding=200_000)
    stop = asyncio.Event()
    with capture_logs() as lines:
        async with kafka.Producer(narrow) as producer:
            relay = Relay(db, producer, idle_seconds=0.02, refused_again_seconds=0.1)
            task = asyncio.create_task(relay.run(stop))
            await until(lambda: len([line for line in lines if line["event"] == "relay.row_refused"]) >= 3)
            await db.execute("UPDATE outbox SET value = '0'")  # as if the broker had been told to take it
            await until(lambda: is_empty(db))
            stop.set()
            await task
