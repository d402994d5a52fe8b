"""``bridge run`` in a process of its own, that ends when and how a test says.

With ``tuning`` it is ``tests.crash.tuned``, which differs in the constants of the stages only.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import msgspec
import orjson

from bridge.app import Role, Tuning
from bridge.config import Config, Secret
from tests.committed import ROOT
from tests.waiting import patient

# The longest life of a lease: the exchange of a token.
_LEASE_SECONDS = 60.0


class Killable:
    """The bridge of ``settings``, started and killed any number of times; its log goes to one file.

    Its leases run out when it is killed: the database is told that their time has passed.
    """

    def __init__(
        self,
        settings: Config,
        directory: Path,
        name: str = "bridge",
        *,
        only: Role | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log_path = directory / f"{name}.log"
        self._config_path = directory / f"{name}.toml"
        self._config_path.write_text(toml(settings), encoding="utf-8")
        self._url = settings.store.url
        if tuning is None:
            role = () if only is None else ("--only", only)
            self._program = ("bridge", "--config", str(self._config_path), "run", *role)
        else:
            given = msgspec.json.encode(tuning).decode()
            roles = () if only is None else (only,)
            self._program = ("tests.crash.tuned", str(self._config_path), given, *roles)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self.kill()

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it; returns before it has read its configuration."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("BRIDGE_")}
        with self.log_path.open("ab") as file:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._program, cwd=ROOT, env=inherited,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=file,
            )  # fmt: skip

    async def kill(self) -> None:
        """SIGKILL, and its leases' time passes."""
        process = self._running()
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL, self.log()
        await self._outlive(process.pid)

    async def stop(self) -> None:
        """SIGTERM; it must end with 0."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), patient(30)) == 0, self.log()

    def check(self) -> None:
        """Raise when it ended by itself."""
        assert self._process is None or self._process.returncode is None, self.log()

    def log(self) -> str:
        """What it wrote so far."""
        return self.log_path.read_text(encoding="utf-8")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's events of that name; a line cut off by a kill is none."""
        lines = [line for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]
        return [event for event in map(orjson.loads, lines) if event.get("event") == name]

    def _running(self) -> asyncio.subprocess.Process:
        process, self._process = self._process, None
        assert process is not None
        assert process.returncode is None, self.log()
        return process

    async def _outlive(self, pid: int) -> None:
        assert self._url is not None
        db = await asyncpg.connect(self._url.reveal())
        try:
            await db.execute(
                "UPDATE leases SET expires_at = expires_at - make_interval(secs => $2) "
                "WHERE holder ~ ('(^|-)' || $1 || '-[0-9a-f]+$')",
                str(pid),
                _LEASE_SECONDS,
            )
        finally:
            await db.close()


def toml(settings: Config) -> str:
    """The bridge.toml that spells ``settings``, secrets included."""
    plain = msgspec.to_builtins(settings, enc_hook=Secret.reveal)
    integrations = plain.pop("integrations")
    tables = {name: plain.pop(name) for name in list(plain) if isinstance(plain[name], dict)}
    blocks = [_keys(plain)]
    blocks += [f"[{name}]\n{_keys(table)}" for name, table in tables.items()]
    blocks += [f"[[integrations]]\n{_keys(integration)}" for integration in integrations]
    return "\n".join(blocks)


def _keys(table: dict[str, Any]) -> str:
    # A JSON scalar, and an array of them, is TOML too.
    known = {key: value for key, value in table.items() if value is not None and value != {}}
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in known.items())
