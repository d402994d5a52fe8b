"""A whole bridge against a whole simulator: HTTP, PostgreSQL and Kafka between them are real."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Coroutine
from typing import Any, Protocol, Self

import aiohttp
import orjson
from trackerrms_contracts import topics
from trackerrms_contracts.entities import Model

from bridge import app, config, kafka
from bridge.app import Role, Tuning
from bridge.capture.stage import CaptureLimits
from bridge.config import Config
from bridge.kafka import Consumer
from bridge.simulator import server
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.server import Server
from bridge.simulator.world import World
from tests import oracle
from tests.oracle import Topics
from tests.waiting import cut_off, patient

INTEGRATION = "acme"
# A deletion is confirmed at once.
QUICK = Tuning(reads=CaptureLimits(confirm_seconds=0.0))


class Simulated:
    """The simulator as a person at its control calls sees it."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def change(self, op: str, entity: str, record_id: int | None = None, **fields: Any) -> int:
        """Make one change; returns the record's id."""
        body = {"op": op, "entity": entity, **fields} | ({} if record_id is None else {"id": record_id})
        return int((await self._post("/__change", body))["id"])

    async def fault(self, path: str, kind: str, **more: Any) -> None:
        """Plan a fault."""
        await self._post("/__faults", {"path": path, "kind": kind, **more})

    async def clear_faults(self) -> None:
        """Forget all faults."""
        async with self._http.delete(f"{self.url}/__faults") as answer:
            answer.raise_for_status()

    async def quirks(self, **wanted: bool) -> None:
        """Switch quirks."""
        await self._post("/__quirks", wanted)

    async def dialect(self, **wanted: str | None) -> None:
        """Set switches of what it speaks; ``None``: as assumed."""
        await self._post("/__dialect", wanted)

    async def index(self, **wanted: Any) -> None:
        """Set the index's lag, or flush it."""
        await self._post("/__index", wanted)

    async def calls(self) -> dict[str, Any]:
        """What was received."""
        async with self._http.get(f"{self.url}/__calls") as answer:
            return dict(await answer.json())

    async def forget_calls(self) -> None:
        """Start the count of calls at 0."""
        async with self._http.delete(f"{self.url}/__calls") as answer:
            answer.raise_for_status()

    async def truth(self) -> dict[str, list[dict[str, Any]]]:
        """Every record that exists now, by model."""
        return {str(model): await self._lines(f"/__truth?model={model}") for model in Model}

    async def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """Every change since."""
        return await self._lines(f"/__journal?after={after}")

    async def _lines(self, path: str) -> list[dict[str, Any]]:
        async with self._http.get(self.url + path) as answer:
            answer.raise_for_status()
            return [orjson.loads(line) for line in (await answer.read()).splitlines() if line]

    async def _post(self, path: str, body: Any) -> Any:
        async with self._http.post(self.url + path, data=orjson.dumps(body)) as answer:
            if answer.status >= 400:
                raise AssertionError(f"{path}: {answer.status} {await answer.text()}")
            return orjson.loads(await answer.read() or b"null")


class Installation:
    """A bridge that can be started, stopped and looked at from its topics."""

    def __init__(
        self,
        settings: Config,
        simulator: Simulated,
        server_: Server,
        roles: Collection[Role],
        tuning: Tuning,
    ) -> None:
        self.settings = settings
        self.tuning = tuning
        self.roles = roles
        self.simulator = simulator
        self.server = server_
        self.topics = Topics()
        self._consumer: Consumer | None = None
        self._running: asyncio.Task[int] | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._stack.aclose()

    def start(self, run: Coroutine[Any, Any, int] | None = None) -> None:
        """Start the stages of its roles in this process; ``run`` stands in for ``app.run_roles``."""
        running = run or app.run_roles(self.settings, self.roles, signals=(), tuning=self.tuning)
        self._running = asyncio.create_task(running, name="bridge")

    async def stop(self) -> None:
        """Cut it off in the middle, as a kill would as far as the store can tell."""
        running, self._running = self._running, None
        if running is not None:
            await cut_off(running)

    def check(self) -> None:
        """Raise what ended the bridge, if anything did."""
        if self._running is not None and self._running.done():
            raise AssertionError(f"the bridge ended: {self._running.result()}")

    async def read(self) -> Topics:
        """The topics up to their present end."""
        if self._consumer is None:
            await app.make_topics(self.settings)
            names = topics.all_events(self.settings.kafka.topic_prefix).values()
            self._consumer = await self._stack.enter_async_context(
                kafka.Consumer(self.settings.kafka, list(names), start="beginning")
            )
        self.topics.read(await self._consumer.read_to_end())
        return self.topics

    async def agree(self, within_seconds: float = 30.0) -> Topics:
        """Wait until the topics say what the simulator knows, of all twelve models."""
        deadline = time.monotonic() + patient(within_seconds)
        while True:
            self.check()
            began = time.monotonic()
            found = oracle.differences(await self.read(), INTEGRATION, await self.simulator.truth())
            if not found:
                return self.topics
            if time.monotonic() > deadline:
                raise AssertionError("topics and truth differ:\n" + "\n".join(found))
            # Comparing a large account takes seconds of the machine that the bridge works on.
            await asyncio.sleep(min(30, max(0.2, 3 * (time.monotonic() - began))))


class Install(Protocol):
    """What the fixture ``install`` gives: ``await install(world=…)`` is a bridge that is not started."""

    async def __call__(self, **given: Any) -> Installation: ...


@contextlib.asynccontextmanager
async def installed(
    store_url: str,
    bootstrap_servers: str,
    topic_prefix: str,
    *,
    world: World | None = None,
    options: Options | None = None,
    capture: dict[str, Any] | None = None,
    integration: dict[str, Any] | None = None,
    topics_: dict[str, Any] | None = None,
    roles: Collection[Role] = ("poller", "relay"),
    tuning: Tuning = QUICK,
    data_dir: str,
) -> AsyncIterator[Installation]:
    """A simulator, and a bridge that is configured for it and not started yet."""
    running = await server.start_server(
        world or World(seed=7, candidates=60, jobs=20, applications=80, users=12, index_lag_seconds=0.3),
        options=options or Options(rate_limit_per_minute=0, index_lag_seconds=0.3),
    )
    settings = config.parse_config(
        {
            "data_dir": data_dir,
            "store": {"url": store_url},
            "api": {"listen": "127.0.0.1:0"},
            "monitoring": {"listen": "127.0.0.1:0"},
            "kafka": {
                "bootstrap_servers": bootstrap_servers,
                "topic_prefix": topic_prefix,
                "partitions": 2,
            }
            | (topics_ or {}),
            "capture": {
                "poll_seconds": 0.5,
                "overlap_seconds": 1.0,
                "sweep_minutes": 0.02,
                "deletion_limit_percent": 100,
                "loss_limit_percent": 100,
            }
            | (capture or {}),
            "integrations": [
                {
                    "id": INTEGRATION,
                    "base_url": running.url,
                    "bearer_token": BEARER_TOKEN,
                    "time_zone": "Europe/London",
                    "requests_per_minute": 600_000,
                    "learn": False,
                }
                | (integration or {})
            ],
        }
    )
    try:
        async with (
            aiohttp.ClientSession() as http,
            Installation(settings, Simulated(running.url, http), running, roles, tuning) as made,
        ):
            yield made
    finally:
        await running.close()
