"""While the store or Kafka is away nothing is lost, and what waited goes on when it is back."""

import asyncio
import contextlib
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from bridge import embedded
from bridge.config import KafkaConfig
from bridge.store import deliveries, schema
from tests.kafka_server import Broker
from tests.waiting import until
from tests.webhooks.installed import delivering, settings
from tests.webhooks.receiving import Capture, Receiver, taking


async def test_deliveries_go_on_when_the_store_is_back(kafka_config: KafkaConfig, data_dir: Path) -> None:
    answered = asyncio.Event()

    async def late(capture: Capture) -> web.StreamResponse:
        await answered.wait()
        return await taking(capture)

    with contextlib.ExitStack() as server:
        url = server.enter_context(embedded.postgres(data_dir))
        await schema.migrate(url)
        async with (
            delivering(settings(url, kafka_config, str(data_dir))) as hooks,
            Receiver(late) as slow,
            Receiver() as orderly,
        ):
            endpoints = [
                (await hooks.subscribe(slow))[0],
                (await hooks.subscribe(orderly, order="per_entity"))[0],
            ]
            hooks.start()
            sent = await hooks.send(3)
            await until(lambda: len(slow.captures) == 3)
            with structlog.testing.capture_logs() as logs:
                server.close()
                answered.set()
                sent += await hooks.send(5)
                await until(lambda: {line["event"] for line in logs} >= _TOLD)
            server.enter_context(embedded.postgres(data_dir))
            await until(lambda: slow.ids & orderly.ids >= set(sent), 60)
            await hooks.offsets_done()
            for endpoint in endpoints:
                made = await hooks.deliveries(endpoint, state="delivered")
                assert {one.event_id for one in made} == set(sent)


_TOLD = {
    "webhooks.recording_stalled",
    "webhooks.look_up_failed",
    "webhooks.claiming_failed",
    "webhooks.endpoints_unread",
}


@pytest.mark.system
async def test_a_resend_waits_for_kafka(
    broker: Broker, topic_prefix: str, store_url: str, data_dir: Path
) -> None:
    config = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix, partitions=1)
    async with delivering(settings(store_url, config, str(data_dir))) as hooks, Receiver() as receiver:
        endpoint, _ = await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send()
        delivery = await hooks.one(endpoint, "delivered")
        await asyncio.to_thread(broker.stop)
        with structlog.testing.capture_logs() as logs:
            again = await deliveries.request_resend(hooks.db, hooks.sealer, delivery.id)
            await until(lambda: "webhooks.reading_again_failed" in {line["event"] for line in logs}, 60)
        await asyncio.to_thread(broker.start)
        await until(lambda: len(receiver.captures) == 2, 60)
        assert again != delivery.id
        assert receiver.captures[0].body == receiver.captures[1].body
