"""kill -9 of the webhook stage under load, Kafka and PostgreSQL restarted: all arrives, in order."""

import asyncio
import contextlib
import os
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from bridge import config, embedded
from bridge.config import Config, KafkaConfig
from bridge.errors import Transient
from bridge.simulator.options import BEARER_TOKEN
from bridge.store import schema
from tests.crash.killable import Killable
from tests.kafka_server import Broker
from tests.waiting import until
from tests.webhooks.installed import KEY, Delivering, delivering, id_of
from tests.webhooks.receiving import Capture, Receiver, need_node, taking, verify

KILLS = int(os.environ.get("WEBHOOK_KILLS", "8"))
SEED = int(os.environ.get("CRASH_SEED", "5"))
_ENTITIES = 25


def settings(store_url: str, kafka: KafkaConfig, data_dir: Path) -> Config:
    """Retries soon, gives nothing up; its own name in the group, so that it reads on at once."""
    return config.parse_config(
        {
            "data_dir": str(data_dir),
            "store": {"url": store_url},
            "kafka": {
                "bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": kafka.topic_prefix,
                "partitions": 3, "group_instance_id": "killed",
            },
            "sealing": {"key": KEY},
            "outbound": {"allow_networks": ["127.0.0.0/8"], "allow_http": True},
            "webhooks": {"retry_seconds": [0.3] * 500},
            "integrations": [{"id": "acme", "base_url": "http://127.0.0.1:9", "bearer_token": BEARER_TOKEN}],
        }
    )  # fmt: skip


class Moody:
    """A subscriber that fails every now and then, and now and then takes its time."""

    def __init__(self, seed: int, *, fails: float, slow: float = 0.0) -> None:
        self.taken: list[Capture] = []
        self._random = Random(seed)
        self._fails, self._slow = fails, slow

    async def __call__(self, capture: Capture) -> web.StreamResponse:
        if self._random.random() < self._slow:
            await asyncio.sleep(self._random.uniform(0.1, 3))
        if self._random.random() < self._fails:
            return web.Response(status=503)
        self.taken.append(capture)
        return web.Response(status=200)


async def load(hooks: Delivering, sent: list[str], count: int) -> None:
    """Publish so many events; while Kafka is away, the same ones again."""
    messages = [hooks.event(str(n % _ENTITIES)) for n in range(count)]
    while True:
        try:
            await hooks.publish(messages)
        except Transient:
            continue
        sent += [id_of(message) for message in messages]
        return


def check_order(taken: Sequence[Capture]) -> None:
    """No event of an entity was taken for the first time before the one before it."""
    seen: dict[str, int] = defaultdict(int)
    for capture in taken:
        subject, number = capture.event["subject"], int(capture.event["sequence"])
        assert number <= seen[subject] + 1, (subject, seen[subject], number)
        seen[subject] = max(seen[subject], number)


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.timeout(240 + 20 * KILLS)
async def test_kills_and_restarts_lose_nothing(
    broker: Broker, topic_prefix: str, data_dir: Path, tmp_path: Path
) -> None:
    need_node()
    random = Random(SEED)
    with contextlib.ExitStack() as server:
        url = server.enter_context(embedded.postgres(data_dir))
        await schema.migrate(url)
        kafka = KafkaConfig(bootstrap_servers=broker.bootstrap, topic_prefix=topic_prefix)
        made = settings(url, kafka, data_dir)
        ordered, loose = Moody(1, fails=0.15, slow=0.02), Moody(2, fails=0.3, slow=0.02)
        async with (
            delivering(made) as hooks,
            Killable(made, tmp_path, only="webhooks") as process,
            Receiver(ordered) as first,
            Receiver(loose) as second,
            Receiver(taking) as healthy,
            Receiver(taking) as limited,
        ):
            _, [secret] = await hooks.subscribe(first, order="per_entity")
            await hooks.subscribe(second)
            await hooks.subscribe(healthy, order="per_entity")
            await hooks.subscribe(limited, rate_limit_per_second=60)
            sent: list[str] = []
            for n in range(KILLS):
                await process.start()
                await load(hooks, sent, 60)
                if n % 4 == 1:
                    await asyncio.to_thread(broker.kill)
                    await asyncio.to_thread(broker.start)
                if n % 4 == 2:
                    await asyncio.to_thread(server.close)
                    server.enter_context(embedded.postgres(data_dir))
                wanted = len(healthy.captures) + random.randrange(0, 60)
                with contextlib.suppress(TimeoutError):
                    await until(partial(lambda wanted: len(healthy.captures) >= wanted, wanted), 20)
                await asyncio.sleep(random.uniform(0, 0.3))
                await process.kill()
            await process.start()
            await load(hooks, sent, 60)
            for ids in (
                lambda: {c.event_id for c in ordered.taken},
                lambda: {c.event_id for c in loose.taken},
                lambda: healthy.ids,
                lambda: limited.ids,
            ):
                await until(partial(lambda ids: ids() == set(sent), ids), 120)
            check_order(ordered.taken)
            check_order(healthy.captures)
            verify(first.captures, [secret.secret])
            await until(lambda: _nothing_is_pending(hooks), 60)
            await hooks.offsets_done()
            await process.stop()


async def _nothing_is_pending(hooks: Delivering) -> bool:
    query = (
        "SELECT (SELECT count(*) FROM pending_deliveries) + (SELECT count(*) FROM pending_batch_shares) = 0"
    )
    return bool(await hooks.db.fetchval(query))
