"""Health and metrics endpoints of one process: ``/livez``, ``/readyz`` and ``/metrics``."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar, get_args

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST

from bridge import listener, metrics
from bridge.clock import utc_now
from bridge.config import MonitoringConfig
from bridge.errors import BridgeError
from bridge.metrics import GaugeSample
from bridge.runtime import supervisor
from bridge.runtime.heartbeat import SILENT_SECONDS, Roster
from bridge.store import budgets, gaps, holds, outbox, overview, parked, pending, remarks, tokens, unlisted
from bridge.store.database import Database
from bridge.tracker.schema import ResourceName

_log = structlog.get_logger(__name__)
_ANSWER_SECONDS = 2.0
_REMEMBERED_SECONDS = 5.0

T = TypeVar("T")


class MonitoringDependencies(Struct, frozen=True, kw_only=True):
    """Dependencies of the stage. ``reach_kafka`` raises ``BridgeError`` while the broker is unreachable."""

    db: Database
    roster: Roster
    integrations: tuple[str, ...]
    reach_kafka: Callable[[], Awaitable[None]]


class Readiness(Struct, frozen=True, kw_only=True):
    """Body of ``/readyz``. ``missing`` lists what the process needs and lacks; it is ready if that is empty.

    ``trackerrms`` shows whether each integration can be read. It does not affect readiness: another process
    could not read it either, and Kafka, command results and webhooks still work.
    """

    status: str
    missing: tuple[str, ...]
    store: str
    broker: str
    trackerrms: Mapping[str, str]
    stages: Mapping[str, str]
    leases: Mapping[str, str]


class Monitoring:
    """The monitoring stage. The supervisor calls ``run``. ``url`` is set once the server listens."""

    def __init__(
        self,
        parts: MonitoringDependencies,
        config: MonitoringConfig,
        silent_seconds: float = SILENT_SECONDS,
        remembered_seconds: float = _REMEMBERED_SECONDS,
    ) -> None:
        self.url: str | None = None
        self._parts = parts
        self._config = config
        self._silent_seconds = silent_seconds
        self._kafka = _Remembered(self._ask_kafka, remembered_seconds)
        self._trackerrms = _Remembered(self._ask_trackerrms, remembered_seconds)
        self._stored = _Remembered(self._ask_store, remembered_seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``. Raises as ``listener.serving`` does."""
        async with listener.serving(self.application(), "monitoring.listen", self._config.listen) as url:
            self.url = url
            _log.info("monitoring.listening", url=url)
            await supervisor.stopped(stop)

    def application(self) -> web.Application:
        """Build the aiohttp application."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _livez(self, request: web.Request) -> web.Response:
        stuck = self._parts.roster.stuck(self._silent_seconds)
        return _answer({"status": "stuck" if stuck else "ok", "stuck": stuck}, ok=not stuck)

    async def _readyz(self, request: web.Request) -> web.Response:
        store, broker = await asyncio.gather(self._store(), self._kafka())
        unknown = dict.fromkeys(self._parts.integrations, "unknown: the store can't be read")
        pulses = self._parts.roster.pulses
        missing = [name for name, said in (("store", store), ("broker", broker)) if said != "ok"]
        missing += [
            f"stage {name}" for name, pulse in pulses.items() if pulse.state in ("starting", "backing off")
        ]
        said = Readiness(
            status="unavailable" if missing else "ok",
            missing=tuple(missing),
            store=store,
            broker=broker,
            trackerrms=await self._trackerrms() or unknown if store == "ok" else unknown,
            stages={name: _with_reason(pulse.state, pulse.reason) for name, pulse in pulses.items()},
            leases={lease: how for pulse in pulses.values() for lease, how in pulse.leases.items()},
        )
        return _answer(said, ok=not missing)

    async def _store(self) -> str:
        if await self._parts.db.answers(_ANSWER_SECONDS):
            return "ok"
        return f"PostgreSQL does not answer within {_ANSWER_SECONDS:g} s: check store.url and the server"

    async def _ask_kafka(self) -> str:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._parts.reach_kafka()
        except (BridgeError, TimeoutError):
            return "Kafka does not answer: check kafka.bootstrap_servers and the broker"
        return "ok"

    async def _ask_trackerrms(self) -> dict[str, str] | None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return {one: await trouble(self._parts.db, one) for one in self._parts.integrations}
        except (BridgeError, TimeoutError):
            return None

    async def _ask_store(self) -> list[GaugeSample] | None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await stored(self._parts.db, self._parts.integrations)
        except (BridgeError, TimeoutError):
            return None

    async def _metrics(self, request: web.Request) -> web.Response:
        samples = [
            GaugeSample(of=metrics.STAGE_SILENT, value=pulse.silent_seconds, labels=(name,))
            for name, pulse in self._parts.roster.pulses.items()
        ]
        found = await self._stored()
        samples.append(GaugeSample(of=metrics.STORE_UP, value=float(found is not None)))
        return web.Response(
            body=metrics.exposition(samples + (found or [])), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


class _Remembered(Generic[T]):
    """A cached answer of another system: concurrent requests cause one query within ``seconds``."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._said: tuple[float, T] | None = None

    async def __call__(self) -> T:
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if self._said is None or now - self._said[0] >= self._seconds:
                self._said = (now, await self._ask())
            return self._said[1]


async def stored(db: Database, integrations: tuple[str, ...]) -> list[GaugeSample]:
    """Read the gauges from the store. Each query reads a few rows through an index."""
    rows, oldest = await outbox.outbox_head(db)
    pending_rows, pending_deliveries_oldest = await pending.pending_head(db)
    found = [
        GaugeSample(of=metrics.OUTBOX_ROWS, value=rows),
        GaugeSample(of=metrics.OUTBOX_OLDEST, value=oldest),
        GaugeSample(of=metrics.PENDING, value=pending_rows),
        GaugeSample(of=metrics.PENDING_OLDEST, value=pending_deliveries_oldest),
        *count_lease_holders(await overview.lease_holders(db), integrations),
    ]
    for integration in integrations:
        found += await _of_integration(db, integration)
    return found


async def _of_integration(db: Database, integration: str) -> list[GaugeSample]:
    found: list[GaugeSample] = []
    for resource, at in (await overview.proved_at(db, integration)).items():
        age = (utc_now() - at).total_seconds()
        found.append(GaugeSample(of=metrics.SCAN_AGE, value=age, labels=(integration, resource)))
    # Report 0 for each kind, so that an alert rule can tell "nothing is held" from "unknown".
    names = get_args(ResourceName)
    waiting = Counter({(integration, name, kind): 0 for name in names for kind in holds.KINDS})
    waiting.update(
        (integration, one.resource, one.kind)
        for one in await holds.load_waiting_holds(db, integration)
        if one.state != "discarded"
    )
    found += [GaugeSample(of=metrics.HOLDS, value=count, labels=labels) for labels, count in waiting.items()]
    hidden = dict.fromkeys(names, 0) | await unlisted.count_unlisted(db, integration)
    found += [
        GaugeSample(of=metrics.UNLISTED, value=n, labels=(integration, name)) for name, n in hidden.items()
    ]
    for name in names:
        labels = (integration, name, metrics.NOTHING)
        found += [GaugeSample(of=of, value=0, labels=labels) for of in (metrics.REMARKS, metrics.GAPS)]
    for remark in await remarks.load_remarks(db, integration):
        labels = (integration, remark.resource, remark.code)
        found.append(GaugeSample(of=metrics.REMARKS, value=remark.count, labels=labels))
    for gap in await gaps.count_gaps(db, integration):
        labels = (integration, gap.resource, gap.field)
        found.append(GaugeSample(of=metrics.GAPS, value=gap.records, labels=labels))
    found += await _account(db, integration)
    usage = await budgets.usage(db, integration)
    if usage is not None:
        left = max(0, usage.requests_per_minute - usage.used)
        found.append(GaugeSample(of=metrics.BUDGET_USED, value=usage.used, labels=(integration,)))
        found.append(GaugeSample(of=metrics.BUDGET_LEFT, value=left, labels=(integration,)))
    return found


async def _account(db: Database, integration: str) -> list[GaugeSample]:
    """Read whether the account can be read. An account that was never read has each of these gauges too."""
    polls = (await overview.polls(db, integration)).values()
    up = any(one.polled_at for one in polls) and not any(one.error for one in polls)
    parked_now = await parked.count_parked(db, integration)
    samples = [
        (metrics.ACCOUNT_UP, float(up)),
        (metrics.ACCOUNT_PAUSED, await budgets.paused_seconds(db, integration)),
        (metrics.TOKEN_EXPIRES, await tokens.expires_in(db, integration) or 0.0),
    ]
    return [
        *(GaugeSample(of=reading, value=value, labels=(integration,)) for reading, value in samples),
        *(
            GaugeSample(of=metrics.PARKED, value=parked_now.get(name, 0), labels=(integration, name))
            for name in get_args(ResourceName)
        ),
    ]


def count_lease_holders(held: Mapping[str, str], integrations: tuple[str, ...]) -> list[GaugeSample]:
    """Count the lease holders of each role. A lease without a holder counts 0, so that alerts can see it.

    Names of other integrations and of processes are not labels, as their number has no limit.
    """
    roles = Counter(name.partition(":")[0] for name in held)
    found = [(role, "", roles[role]) for role in ("relay", "commands", "webhooks")]
    found += [("poller", one, int(f"poller:{one}" in held)) for one in integrations]
    return [
        GaugeSample(of=metrics.LEASE_HOLDERS, value=count, labels=(role, integration))
        for role, integration, count in found
    ]


async def trouble(db: Database, integration: str) -> str:
    """Return ``ok``, or the resources that can't be read and the error of one of them. A row per resource.

    A paused account is not in trouble: TrackerRMS asked to wait. The reason of the pause is returned.
    """
    polls = await overview.polls(db, integration)
    why = {name: one.error or one.scan_error for name, one in sorted(polls.items())}
    names = [name for name, reason in why.items() if reason]
    if names:
        return f"in trouble: {', '.join(names)}: {why[names[0]]}"
    usage = await budgets.usage(db, integration)
    return f"paused: {usage.pause_reason}" if usage is not None and usage.pause_reason else "ok"


def _with_reason(state: str, reason: str) -> str:
    return f"{state}: {reason}" if reason else state


def _answer(body: object, *, ok: bool) -> web.Response:
    return web.Response(
        status=200 if ok else 503, body=msgspec.json.encode(body), content_type="application/json"
    )
