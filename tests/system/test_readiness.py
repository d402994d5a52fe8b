"""What ``/readyz`` and ``/livez`` say while what a whole bridge stands on goes away and comes back."""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bridge import app, embedded
from bridge.config import ApiConfig, MonitoringConfig
from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.installation import INTEGRATION, Installation, installed
from tests.kafka_server import Broker
from tests.ports import free_port
from tests.waiting import until

LEASED = {"relay", f"poller:{INTEGRATION}"}


class Watched:
    """A bridge with all roles: what its monitoring and its API say of it."""

    def __init__(self, bridge: Installation, http: aiohttp.ClientSession, ports: tuple[int, int]) -> None:
        self.bridge = bridge
        self._http = http
        self._monitoring, self._api = (f"http://127.0.0.1:{port}" for port in ports)

    async def ready(self) -> tuple[int, Any]:
        """Its status and body; 0 while nobody listens yet."""
        return await self._ask(f"{self._monitoring}/readyz")

    async def api(self) -> dict[str, int]:
        """The status of what the API says, by path."""
        return {path: (await self._ask(self._api + path))[0] for path in ("/livez", "/readyz")}

    async def says(self, wanted: Callable[[int, Any], bool], seconds: float = 60.0) -> Any:
        """Wait until ``/readyz`` says so; its body then. It lives all the while."""
        last: list[Any] = []

        async def said() -> bool:
            self.bridge.check()
            status, body = await self.ready()
            last[:] = [status, body]
            alive, _ = await self._ask(f"{self._monitoring}/livez")
            return alive == 200 and wanted(status, body)

        try:
            await until(said, seconds)
        except TimeoutError:
            raise AssertionError(f"it said last: {last}") from None
        return last[1]

    async def is_ready(self) -> Any:
        """Wait until it is; the body."""
        return await self.says(lambda status, _: status == 200)

    async def _ask(self, url: str) -> tuple[int, Any]:
        try:
            async with self._http.get(url) as answer:
                return answer.status, await answer.json()
        except aiohttp.ClientConnectionError:
            return 0, None


@contextlib.asynccontextmanager
async def watched(
    url: str,
    bootstrap: str,
    topic_prefix: str,
    data_dir: Path,
    integration: dict[str, Any] | None = None,
) -> AsyncIterator[Watched]:
    """It is at work, and ready."""
    world = World(seed=7, candidates=12, jobs=4, applications=10, users=3, index_lag_seconds=0)
    options = Options(rate_limit_per_minute=0, index_lag_seconds=0)
    ports = free_port(), free_port()
    async with (
        installed(
            url,
            bootstrap,
            topic_prefix,
            data_dir=str(data_dir),
            world=world,
            options=options,
            integration=integration,
        ) as bridge,
        aiohttp.ClientSession() as http,
    ):
        settings = msgspec.structs.replace(
            bridge.settings,
            monitoring=MonitoringConfig(listen=f"127.0.0.1:{ports[0]}"),
            api=ApiConfig(listen=f"127.0.0.1:{ports[1]}"),
        )
        bridge.start(app.run_roles(settings, signals=(), tuning=bridge.tuning))
        made = Watched(bridge, http, ports)
        body = await made.is_ready()
        assert (body["missing"], body["trackerrms"]) == ([], {INTEGRATION: "ok"})
        assert {name for name, how in body["leases"].items() if how == "held"} >= LEASED
        yield made


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that the embedded PostgreSQL's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as made:
        yield Path(made)


async def test_without_postgresql_it_is_not_ready_until_it_is_back(
    directory: Path, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    with contextlib.ExitStack() as server:
        url = server.enter_context(embedded.postgres(directory))
        async with watched(url, embedded_kafka, topic_prefix, data_dir) as bridge:
            await asyncio.to_thread(server.close)
            body = await bridge.says(lambda status, body: status == 503 and "store" in body["missing"])
            assert "store.url" in body["store"]
            assert body["broker"] == "ok"
            assert "unknown" in body["trackerrms"][INTEGRATION]
            assert await bridge.api() == {"/livez": 200, "/readyz": 503}
            assert await asyncio.to_thread(server.enter_context, embedded.postgres(directory)) == url
            await bridge.is_ready()
            assert await bridge.api() == {"/livez": 200, "/readyz": 200}


@pytest.mark.system
async def test_without_kafka_it_is_not_ready_and_its_api_is(
    store_url: str, broker: Broker, topic_prefix: str, data_dir: Path
) -> None:
    async with watched(store_url, broker.bootstrap, topic_prefix, data_dir) as bridge:
        await asyncio.to_thread(broker.stop)
        body = await bridge.says(lambda status, body: status == 503 and "broker" in body["missing"])
        assert "kafka.bootstrap_servers" in body["broker"]
        assert body["store"] == "ok"
        # Capture goes on: what changes waits in the outbox.
        assert body["stages"][f"poller:{INTEGRATION}"] == "running"
        assert await bridge.api() == {"/livez": 200, "/readyz": 200}
        await asyncio.to_thread(broker.start)
        await bridge.is_ready()


async def test_without_trackerrms_it_is_ready_and_says_that_it_can_not_be_read(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    async with watched(store_url, embedded_kafka, topic_prefix, data_dir) as bridge:
        await bridge.bridge.server.close()
        body = await bridge.says(lambda _, body: "in trouble" in body["trackerrms"][INTEGRATION])
        assert (body["status"], body["missing"]) == ("ok", [])
        assert "can't connect" in body["trackerrms"][INTEGRATION]
        assert body["stages"][f"poller:{INTEGRATION}"] == "running"


async def test_patience_that_trackerrms_asks_for_is_told_with_its_end_and_believed_for_a_while(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    async with watched(store_url, embedded_kafka, topic_prefix, data_dir) as bridge:
        await bridge.bridge.simulator.fault("/api/", "status", status=429, retry_after=120_000, times=None)
        body = await bridge.says(lambda _, body: "429" in body["trackerrms"][INTEGRATION])
        assert (body["status"], body["missing"]) == ("ok", [])
        assert body["stages"][f"poller:{INTEGRATION}"] == "running"
        told = body["trackerrms"][INTEGRATION]
        assert re.search(r"asks for patience until \d{4}-\d\d-\d\d \d\d:\d\d UTC", told), told
        assert "(Retry-After 120000 s); the bridge tries again at " in told
        assert "patience_seconds is the longest that it waits" in told


async def test_an_account_is_called_again_when_its_patience_is_over(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    patience = {"tracker": {"patience_seconds": 1}}
    async with watched(store_url, embedded_kafka, topic_prefix, data_dir, patience) as bridge:
        await bridge.bridge.simulator.fault("/api/", "status", status=429, retry_after=120_000, times=None)
        await bridge.says(lambda _, body: "429" in body["trackerrms"][INTEGRATION])
        await bridge.bridge.simulator.clear_faults()
        await bridge.says(lambda _, body: body["trackerrms"][INTEGRATION] == "ok")
