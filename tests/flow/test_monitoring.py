"""What a process says of itself to who watches it: alive, ready, and in figures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bridge import inbound, kafka, metrics, supervisor
from bridge.config import KafkaConfig, MonitoringConfig
from bridge.heartbeat import Roster
from bridge.monitoring import Monitoring, Parts
from bridge.store import leases
from bridge.store.database import Database
from bridge.supervisor import Stage
from tests.waiting import until


@contextlib.asynccontextmanager
async def watched(
    url: str, broker: str, stages: Mapping[str, Stage], silent_seconds: float = 60.0
) -> AsyncIterator[aiohttp.ClientSession]:
    """``stages`` run and are watched while the block lasts; gives a client of the monitoring server."""
    roster, stop = Roster(), asyncio.Event()
    config = KafkaConfig(bootstrap_servers=broker)
    async with await Database.open(url, pool_size=2) as db:
        parts = Parts(db=db, roster=roster, integrations=("acme",), reach_kafka=lambda: kafka.reach(config))
        app = Monitoring(parts, MonitoringConfig(port=0), silent_seconds).application()
        running = asyncio.create_task(supervisor.run(stages, stop=stop, roster=roster))
        async with inbound.serving(app, "monitoring", "127.0.0.1", 0) as at, aiohttp.ClientSession(at) as web:
            yield web
        stop.set()
        await running


async def wedged(stop: asyncio.Event) -> None:
    await stop.wait()


async def test_a_stage_that_is_stuck_is_named(store_url: str, embedded_kafka: str) -> None:
    stages = {"stuck": wedged, "well": supervisor.stopped}
    async with watched(store_url, embedded_kafka, stages, silent_seconds=0.3) as web:

        async def is_named() -> bool:
            async with web.get("/livez") as said:
                return said.status == 503 and "stuck" in (await said.json())["stuck"]

        await until(is_named)


async def test_standing_by_for_a_lease_is_ready_and_shown(store_url: str, embedded_kafka: str) -> None:
    async with await Database.open(store_url, pool_size=2) as db:
        await leases.acquire(db, "relay", "another", 60)

        async def standing_by(stop: asyncio.Event) -> None:
            await leases.stand_by(db, "relay", "me", 60, stop, look_seconds=0.1)

        async with watched(store_url, embedded_kafka, {"relay": standing_by}) as web:

            async def is_shown() -> bool:
                async with web.get("/readyz") as said:
                    return said.status == 200 and "standing by" in (await said.json())["stages"]["relay"]

            await until(is_shown)


async def test_without_kafka_it_is_alive_and_not_ready(store_url: str) -> None:
    async with watched(store_url, "127.0.0.1:1", {"well": supervisor.stopped}) as web:
        async with web.get("/livez") as said:
            assert said.status == 200
        async with web.get("/readyz") as said:
            body = await said.json()
    assert said.status == 503
    assert body["store"] == "ok"
    assert "kafka.bootstrap_servers" in body["broker"]


async def test_nothing_is_shown_that_is_not_documented(store_url: str, embedded_kafka: str) -> None:
    async with (
        watched(store_url, embedded_kafka, {"well": supervisor.stopped}) as web,
        web.get("/metrics") as said,
    ):
        families = list(text_string_to_metric_families(await said.text()))
    shown = {f"{f.name}_total" if f.type == "counter" else f.name for f in families}
    ours = {name for name in shown if name.startswith("bridge_")}
    assert ours == {name for name, *_ in metrics.documented()}
    assert {f.name: f.samples[0].value for f in families if f.samples}["bridge_store_scrape_failed"] == 0
    assert "process_resident_memory_bytes" in shown
