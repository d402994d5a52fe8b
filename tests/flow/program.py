"""The real ``bridge`` program in processes of its own, on a simulated account."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from bridge.simulator import server
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.remote import Remote
from bridge.simulator.world import World
from tests.flow import warm_start
from tests.waiting import patient, until

ROOT = Path(__file__).parents[2]
_FREE_PORTS = {"BRIDGE_API_LISTEN": "127.0.0.1:0", "BRIDGE_MONITORING_LISTEN": "127.0.0.1:0"}
CANDIDATES, JOBS, APPLICATIONS, USERS = 24, 6, 20, 5
RECORDS = {"user": USERS, "job": JOBS, "candidate": CANDIDATES, "application": APPLICATIONS}


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A process that has ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as one JSON document."""
        return msgspec.json.decode(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its output as one JSON document a line."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


class Starter:
    """The process that has imported the program and starts it for this test process; see ``warm_start``."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="bridge-test-")

    def command(self) -> list[str]:
        """What to start in place of ``python -m bridge``."""
        socket = f"{self._directory.name}/start"
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, warm_start.__file__, "serve", socket],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == "ready\n"
        return [sys.executable, "-S", "-E", warm_start.__file__, "run", socket]

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
        self._directory.cleanup()


STARTER = Starter()


class Program:
    """``await program("status", "--json")`` runs it in ``directory``, where its ``bridge.toml`` is."""

    def __init__(self, directory: Path, config: str = "") -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.configure(config)

    def configure(self, config: str) -> None:
        """Replace its bridge.toml."""
        (self.directory / "bridge.toml").write_text(config, encoding="utf-8")

    async def __call__(self, *arguments: str, stdout: int = asyncio.subprocess.PIPE, **environ: str) -> Ended:
        process = await self._start(arguments, environ, stdout)
        out, err = await asyncio.wait_for(process.communicate(), patient(90))
        return Ended(code=process.returncode or 0, out=(out or b"").decode(), err=err.decode())

    @contextlib.asynccontextmanager
    async def running(
        self, *arguments: str, stdout: int = asyncio.subprocess.PIPE, **environ: str
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """It runs while the block lasts; SIGTERM must end it with 0. ``stdout``: where it prints to."""
        process = await self._start(arguments, environ, stdout)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            _, err = await asyncio.wait_for(process.communicate(), patient(60))
        assert process.returncode == 0, err.decode()

    async def status(self) -> Any:
        """The first integration as ``bridge status --json`` tells."""
        ended = await self("status", "--json")
        assert ended.code == 0, ended.err
        return ended.json["integrations"][0]

    async def loaded(self) -> None:
        """Wait until everything was read once."""

        async def loaded() -> bool:
            status = await self.status()
            return all(r["loaded"] and r["scan"] is None for r in status["resources"])

        await until(loaded, 60)

    async def _start(
        self, arguments: tuple[str, ...], environ: dict[str, str], stdout: int
    ) -> asyncio.subprocess.Process:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("BRIDGE_")}
        return await asyncio.create_subprocess_exec(
            *STARTER.command(), *arguments,
            cwd=self.directory,
            env={**inherited, **_FREE_PORTS, **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


class Simulated(Remote):
    """The control of an account simulated in this process: ``world`` changes between two requests."""

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url)
        self.world = world


@contextlib.asynccontextmanager
async def account(**options_: Any) -> AsyncIterator[Simulated]:
    """A small simulated account without the quirks that come by chance; its control."""
    world = World(7, CANDIDATES, JOBS, APPLICATIONS, USERS, index_lag_seconds=0)
    options = Options(rate_limit_per_minute=0, index_lag_seconds=0, quirks_off=("empty_bodies",), **options_)
    running = await server.start_server(world, options=options)
    try:
        async with Simulated(running.url, world) as remote:
            yield remote
    finally:
        await running.close()


def integration(url: str) -> str:
    """The part of a bridge.toml that names the account."""
    return f"""
    [capture]
    poll_seconds = 0.3
    sweep_minutes = 0.01
    [[integrations]]
    id = "acme"
    base_url = "{url}"
    bearer_token = "{BEARER_TOKEN}"
    time_zone = "Europe/London"
    requests_per_minute = 60000
    """
