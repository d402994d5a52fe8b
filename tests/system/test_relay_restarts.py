"""Outbox → Kafka while the broker is killed or PostgreSQL restarts: everything, in order per key."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge import embedded
from bridge.config import KafkaConfig
from bridge.errors import Transient
from bridge.store import schema
from bridge.store.database import Database
from tests.flow.relaying import (
    append,
    assert_complete_and_in_order,
    is_empty,
    numbers_on_kafka,
    relaying,
    with_topic,
)
from tests.kafka_server import Broker
from tests.waiting import until

pytestmark = pytest.mark.system


@pytest.fixture
async def config(kafka_bootstrap: str, topic_prefix: str) -> KafkaConfig:
    return await with_topic(KafkaConfig(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))


async def test_publishing_resumes_when_the_broker_is_back(
    db: Database, broker: Broker, topic_prefix: str
) -> None:
    config = await with_topic(KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix))
    with capture_logs() as lines:
        async with relaying(db, config, batch_size=200):
            await append(db, config, range(2_000), padding=1_000)
            await until(lambda: any(line["event"] == "relay.batch_published" for line in lines))
            await asyncio.to_thread(broker.kill)
            await append(db, config, range(2_000, 2_500))
            await until(lambda: any(line["event"] == "relay.stalled" for line in lines))
            await asyncio.to_thread(broker.start)
            await until(lambda: is_empty(db), seconds=60)
    assert_complete_and_in_order(await numbers_on_kafka(config), range(2_500))
    assert len([line for line in lines if line["event"] == "relay.stalled"]) == 1
    assert len([line for line in lines if line["event"] == "relay.resumed"]) == 1


async def test_a_restart_of_postgres_in_the_middle_loses_nothing(data_dir: Path, config: KafkaConfig) -> None:
    with capture_logs() as lines, contextlib.ExitStack() as server:
        url = server.enter_context(embedded.postgres(data_dir))
        await schema.migrate(url)
        db = await Database.open(url)
        await append(db, config, range(4_000), padding=500)
        async with relaying(db, config, batch_size=100):
            await until(lambda: any(line["event"] == "relay.batch_published" for line in lines))
            await asyncio.to_thread(server.close)
            await until(lambda: any(line["log_level"] == "warning" for line in lines))
            server.enter_context(embedded.postgres(data_dir))
            await until(lambda: answers_that_all_is_sent(db))
        await db.close()
    assert_complete_and_in_order(await numbers_on_kafka(config), range(4_000))


async def answers_that_all_is_sent(db: Database) -> bool:
    try:
        return await is_empty(db)
    except Transient:
        return False
