"""Health and metrics of one process, for who watches it: ``/livez``, ``/readyz``, ``/metrics``."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST

from bridge import inbound, metrics, supervisor
from bridge.config import MonitoringConfig
from bridge.errors import BridgeError
from bridge.heartbeat import Roster
from bridge.metrics import Sample
from bridge.store import budgets, deletions, outbox, overview
from bridge.store.database import Database

_log = structlog.get_logger(__name__)
_STORE_SECONDS = 2.0
_KAFKA_SECONDS = 5.0
# A loop goes round every few seconds. The longest steps, with every call at its longest and tried again,
# take minutes; no outage makes them longer than this. It is the last resort: who watches ends what is stuck.
SILENT_SECONDS = 1800.0


class Parts(Struct, frozen=True, kw_only=True):
    """What the stage is built from. ``reach_kafka`` raises ``BridgeError`` while the broker is away."""

    db: Database
    roster: Roster
    integrations: tuple[str, ...]
    reach_kafka: Callable[[], Awaitable[None]]


class Monitoring:
    """The stage; ``run`` is what the supervisor calls."""

    def __init__(
        self, parts: Parts, config: MonitoringConfig, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self._parts = parts
        self._config = config
        self._silent_seconds = silent_seconds
        self._broker = (float("-inf"), "ok")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``. Raises as ``inbound.serving`` does."""
        async with inbound.serving(
            self.application(), "monitoring", self._config.host, self._config.port
        ) as url:
            _log.info("monitoring.listening", url=url)
            await supervisor.stopped(stop)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _livez(self, request: web.Request) -> web.Response:
        silent = {
            name: f"no sign of life for {pulse.silent_seconds:.0f} s"
            for name, pulse in self._parts.roster.pulses.items()
            if pulse.silent_seconds > self._silent_seconds
        }
        return _answer({"status": "stuck" if silent else "ok", "stuck": silent}, ok=not silent)

    async def _readyz(self, request: web.Request) -> web.Response:
        store, broker = await self._store(), await self._kafka()
        stages = {name: _told(p.state, p.reason) for name, p in self._parts.roster.pulses.items()}
        waiting = [p for p in self._parts.roster.pulses.values() if p.state in ("starting", "backing off")]
        ok = store == broker == "ok" and not waiting
        status = "ok" if ok else "unavailable"
        return _answer({"status": status, "store": store, "broker": broker, "stages": stages}, ok=ok)

    async def _store(self) -> str:
        if await self._parts.db.answers(_STORE_SECONDS):
            return "ok"
        return f"PostgreSQL does not answer within {_STORE_SECONDS:g} s: look at store.url and the server"

    async def _kafka(self) -> str:
        """How the broker fares; asked again after some seconds only, so that probes do not hammer it."""
        now = asyncio.get_running_loop().time()
        if now - self._broker[0] > _KAFKA_SECONDS:
            said = "ok"
            try:
                async with asyncio.timeout(_STORE_SECONDS):
                    await self._parts.reach_kafka()
            except (BridgeError, TimeoutError):
                said = "Kafka does not answer: look at kafka.bootstrap_servers and the broker"
            self._broker = (now, said)
        return self._broker[1]

    async def _metrics(self, request: web.Request) -> web.Response:
        samples = [
            Sample(of=metrics.STAGE_SILENT, value=pulse.silent_seconds, labels=(name,))
            for name, pulse in self._parts.roster.pulses.items()
        ]
        failed = 0.0
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                samples += await stored(self._parts.db, self._parts.integrations)
        except (BridgeError, TimeoutError):
            failed = 1.0
        samples.append(Sample(of=metrics.SCRAPE_FAILED, value=failed))
        return web.Response(body=metrics.exposition(samples), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def stored(db: Database, integrations: tuple[str, ...]) -> list[Sample]:
    """What the store knows. Each query reads a few rows by an index, however many there are."""
    rows, oldest = await outbox.head(db)
    found = [
        Sample(of=metrics.OUTBOX_ROWS, value=rows),
        Sample(of=metrics.OUTBOX_OLDEST, value=oldest),
    ]
    for integration in integrations:
        for resource, at in (await overview.proved_at(db, integration)).items():
            age = (datetime.now(UTC) - at).total_seconds()
            found.append(Sample(of=metrics.SCAN_AGE, value=age, labels=(integration, resource)))
        held = sum(one.row_count for one in await deletions.waiting(db, integration))
        found.append(Sample(of=metrics.DELETIONS_HELD, value=held, labels=(integration,)))
        usage = await budgets.usage(db, integration)
        if usage is not None:
            left = max(0, usage.requests_per_minute - usage.used)
            found.append(Sample(of=metrics.BUDGET_USED, value=usage.used, labels=(integration,)))
            found.append(Sample(of=metrics.BUDGET_LEFT, value=left, labels=(integration,)))
    return found


def _told(state: str, reason: str) -> str:
    return f"{state}: {reason}" if reason else state


def _answer(body: object, *, ok: bool) -> web.Response:
    return web.Response(
        status=200 if ok else 503, body=msgspec.json.encode(body), content_type="application/json"
    )
