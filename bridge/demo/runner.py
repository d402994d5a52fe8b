"""Runs the demo: the account, the bridge on it, the changes, the commands, and the comparison at the end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from trackerrms_contracts.entities import Model

from bridge import app, kafka
from bridge.app import Installation, Tuning
from bridge.capture.stage import CaptureLimits
from bridge.config import (
    ApiConfig,
    CaptureConfig,
    Config,
    IntegrationConfig,
    KafkaConfig,
    MonitoringConfig,
    OutboundConfig,
    Secret,
)
from bridge.demo import expected_records, scenario
from bridge.demo.command_service import CommandService
from bridge.demo.outcome import DemoOutcome, Load
from bridge.demo.receiver import Receiver
from bridge.demo.scenario import ScenarioStep
from bridge.demo.screen import Screen
from bridge.demo.watcher import Asked, Expectation, Watch, journalled
from bridge.errors import BUG, OK
from bridge.monitoring import Monitoring
from bridge.runtime import supervisor
from bridge.runtime.heartbeat import Roster
from bridge.simulator import server
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.remote import Remote
from bridge.simulator.server import Server
from bridge.simulator.world import World
from bridge.tasks import cancel_and_wait

INTEGRATION = "demo"
_TIME_ZONE = "Europe/London"
_REQUESTS_PER_MINUTE = 60_000
_INDEX_LAG_SECONDS = 1.0
_TUNING = Tuning(reads=CaptureLimits(confirm_seconds=0.5))
_BETWEEN_CHANGES_SECONDS = 0.6


def configuration(data_dir: Path) -> Config:
    """Return the demo's configuration: quick polls and sweeps, and embedded servers in ``data_dir``."""
    return Config(
        data_dir=str(data_dir),
        kafka=KafkaConfig(partitions=3),
        capture=CaptureConfig(poll_seconds=0.5, overlap_seconds=5, sweep_minutes=0.07),
        outbound=OutboundConfig(allow_networks=("127.0.0.0/8",), allow_http=True),
        api=ApiConfig(listen="127.0.0.1:0"),
        monitoring=MonitoringConfig(listen="127.0.0.1:0"),
    )


class DemoRunner:
    """A run of the demo. ``config`` has the addresses of running servers."""

    def __init__(self, config: Config, screen: Screen, seconds: float, keep: Path | None) -> None:
        self._config = config
        self._screen = screen
        self._seconds = seconds
        self._keep = keep
        self._watch = Watch()
        self._receiver = Receiver()
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Run the demo and return the exit code."""
        async with _simulator() as simulated, Remote(simulated.url) as remote:
            config = _with_integration(self._config, simulated.url)
            self._screen.introduce(config, simulated.url)
            async with (
                app.open_installation(config, tuning=_TUNING) as installed,
                kafka.Producer(config.kafka) as producer,
            ):
                limit = await app.make_topics(config)
                roster = Roster()
                monitoring = app.monitoring_of(installed, roster)
                stages = {
                    **app.stages(installed, producer, app.ROLES, limit, roster),
                    "monitoring": monitoring.run,
                    "watch": lambda stop: self._watch.run(config, stop),
                }
                running = supervisor.supervise(stages, stop=self._stop, roster=roster)
                bridge = asyncio.create_task(running, name="bridge")
                playing = self._play(remote, installed, simulated.url, monitoring)
                play = asyncio.create_task(playing, name="play")
                return await self._until_either(bridge, play)

    async def _until_either(self, bridge: asyncio.Task[int], play: asyncio.Task[int]) -> int:
        """Return the play's exit code, or the bridge's if it ended first, by a signal or a failure."""
        await asyncio.wait({bridge, play}, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        code = await bridge
        if play.done():
            return max(code, play.result())
        await cancel_and_wait(play, raise_errors=True)
        self._screen.cut_short(code)
        return code or BUG

    async def _play(self, remote: Remote, installed: Installation, url: str, monitoring: Monitoring) -> int:
        ends_at = time.monotonic() + self._seconds
        service = CommandService(installed.config, INTEGRATION, self._watch, self._screen, self._receiver)
        async with contextlib.AsyncExitStack() as stack:
            with self._screen.live(self._watch, self._receiver):
                async with service:
                    load = await self._first_load(remote, ends_at)
                    self._watch.loading = False
                    self._screen.loaded(load)
                    endpoint_id = await stack.enter_async_context(self._receiver.subscribed(installed))
                    self._screen.change_headings()
                    expectations = await self._make_changes(remote, ends_at)
                    self._screen.command_headings()
                    asked = await service.play(ends_at)
                outcome = await self._compare(remote, load, expectations, asked, ends_at)
            self._screen.summarize(outcome)
            if self._keep is not None:
                self._screen.invite(url, _written(installed.config, self._keep), endpoint_id, monitoring.url)
                await self._stop.wait()
        return OK if outcome.succeeded else BUG

    async def _first_load(self, remote: Remote, ends_at: float) -> Load:
        began_at = time.monotonic()
        counts = [len(await remote.truth(model)) for model in Model]
        self._watch.total = sum(counts)
        while self._watch.entities() < sum(counts) and time.monotonic() < ends_at:
            await self._news()
        report = await remote.calls()
        return Load(
            records=self._watch.entities(), seconds=time.monotonic() - began_at, calls=int(report["total"])
        )

    async def _make_changes(self, remote: Remote, ends_at: float) -> tuple[Expectation, ...]:
        """Make the changes one after another, and show each when its events have arrived."""
        expectations: dict[str, Expectation] = {}
        made: dict[str, int] = {}
        journal = 0
        async with asyncio.TaskGroup() as showing:
            for step in scenario.STEPS:
                if step.after is not None:
                    await _complete(expectations[step.after], ends_at)
                made_at = time.monotonic()
                made_id = await _make(remote, step, made)
                if step.new is not None:
                    made[step.new] = made_id
                entries = await remote.journal(journal)
                journal += len(entries)
                expectations[step.says] = Expectation(step.says, made_at, journalled(INTEGRATION, entries))
                self._watch.expect(expectations[step.says])
                showing.create_task(self._show(expectations[step.says], ends_at))
                await asyncio.sleep(_BETWEEN_CHANGES_SECONDS)
        return tuple(expectations.values())

    async def _show(self, expectation: Expectation, ends_at: float) -> None:
        await _complete(expectation, ends_at)
        await self._receiver.wait([event.id for event in expectation.arrived], ends_at)
        self._screen.change(expectation)

    async def _compare(
        self,
        remote: Remote,
        load: Load,
        expectations: tuple[Expectation, ...],
        asked: tuple[Asked, ...],
        ends_at: float,
    ) -> DemoOutcome:
        """Compare Kafka with the truth. Records in transit have until ``ends_at`` to arrive."""
        while True:
            found = {model: await self._differences(remote, model) for model in Model}
            if not any(found.values()) or time.monotonic() > ends_at:
                break
            await self._news()
        report = await remote.calls()
        return DemoOutcome(
            load=load,
            expectations=expectations,
            asked=asked,
            differences=found,
            existing={model: len(self._watch.existing(model)) for model in Model},
            counts=dict(self._watch.counts),
            unasked=tuple(f"{event.type} {event.subject}" for event in self._watch.unasked),
            broken=tuple(self._watch.broken),
            delivered=dict(self._receiver.verified),
            refused=tuple(self._receiver.refused),
            calls=int(report["total"]),
        )

    async def _differences(self, remote: Remote, model: Model) -> list[str]:
        return expected_records.differences(
            INTEGRATION, model, await remote.truth(model), self._watch.existing(model)
        )

    async def _news(self) -> None:
        self._watch.news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._watch.news.wait()


def _written(config: Config, data_dir: Path) -> Path:
    path = data_dir / "bridge.toml"
    path.write_text(_toml(config), encoding="utf-8")
    return path


def _toml(config: Config) -> str:
    """Return the configuration with which another terminal can watch the demo."""
    integration = config.integrations[0]
    store = config.store.url.reveal() if config.store.url else ""
    return (
        f'data_dir = "{config.data_dir}"\n\n[store]\nurl = "{store}"\n\n'
        f'[kafka]\nbootstrap_servers = "{config.kafka.bootstrap_servers}"\n\n'
        '[outbound]\nallow_networks = ["127.0.0.0/8"]\nallow_http = true\n\n[api]\nlisten = "127.0.0.1:0"\n\n'
        '[monitoring]\nlisten = "127.0.0.1:0"\n\n'
        f'[[integrations]]\nid = "{integration.id}"\nbase_url = "{integration.base_url}"\n'
        f'bearer_token = "{BEARER_TOKEN}"\ntime_zone = "{integration.time_zone}"\n'
        f"requests_per_minute = {integration.requests_per_minute}\n"
    )


def _with_integration(config: Config, url: str) -> Config:
    integration = IntegrationConfig(
        id=INTEGRATION,
        base_url=url,
        bearer_token=Secret(BEARER_TOKEN),
        time_zone=_TIME_ZONE,
        requests_per_minute=_REQUESTS_PER_MINUTE,
    )
    return msgspec.structs.replace(config, integrations=(integration,))


@contextlib.asynccontextmanager
async def _simulator() -> AsyncIterator[Server]:
    world = World(
        scenario.SEED,
        scenario.CANDIDATES,
        scenario.JOBS,
        scenario.APPLICATIONS,
        scenario.USERS,
        _TIME_ZONE,
        index_lag_seconds=_INDEX_LAG_SECONDS,
    )
    options = Options(rate_limit_per_minute=0, index_lag_seconds=_INDEX_LAG_SECONDS)
    running = await server.start_server(world, options=options)
    try:
        yield running
    finally:
        await running.close()


async def _make(remote: Remote, step: ScenarioStep, made: dict[str, int]) -> int:
    fields: dict[str, Any] = {**step.fields, **{field: made[name] for field, name in step.uses.items()}}
    return await remote.change(step.op, step.entity, step.id, **fields)


async def _complete(expectation: Expectation, ends_at: float) -> None:
    """Wait for its events, until ``ends_at`` at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
            await expectation.complete.wait()
