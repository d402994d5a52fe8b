"""The servers that all test processes of a run share: each is started once, when a test first asks for it.

The process that directs the run holds them (``SharedServers``), whether it runs the tests itself or leaves
them to workers of pytest-xdist; tests ask for an address over a Unix socket (``ask``). They end with the
run, however it ends.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Literal

import asyncpg

from bridge import embedded
from tests import kafka_server

Name = Literal["postgres", "kafka", "embedded_kafka"]


class UnavailableError(Exception):
    """A server can't be had here; the message says why."""


class SharedServers:
    """The servers of a run, held by the process that directs it. ``socket`` is where to ``ask``."""

    def __init__(self) -> None:
        self._files = tempfile.TemporaryDirectory(prefix="bridge-test-servers-", ignore_cleanup_errors=True)
        self.directory = Path(self._files.name)
        # The embedded PostgreSQL runs as another user where root runs the tests.
        self.directory.chmod(0o755)
        self.socket = str(self.directory / "ask")
        self._listener = Listener(self.socket)
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._servers: dict[str, _Server] = {}
        self._opens: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
            "postgres": _postgres,
            "kafka": _kafka,
            "embedded_kafka": embedded.kafka,
        }
        threading.Thread(target=self._answer, name="shared servers", daemon=True).start()

    def close(self) -> None:
        """Stop them all."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.close()
        with self._turn:
            for server in self._servers.values():
                server.thread.join()
        self._files.cleanup()

    def _answer(self) -> None:
        while not self._over.is_set():
            try:
                asking = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._tell, args=(asking,), daemon=True).start()

    def _tell(self, asking: Connection) -> None:
        # Who asked may have been interrupted meanwhile.
        with asking, contextlib.suppress(OSError, EOFError):
            name = asking.recv()
            with self._turn:
                if name not in self._servers and not self._over.is_set():
                    self._servers[name] = _Server(self._opens[name], self.directory / name, self._over)
                server = self._servers.get(name)
            asking.send(("", "the run is over") if server is None else server.found())


class _Server:
    """One server, started and stopped in a thread of its own: it may end with the thread that started it."""

    def __init__(
        self, opens: Callable[[Path], AbstractContextManager[str]], directory: Path, over: threading.Event
    ) -> None:
        self._ready = threading.Event()
        self._address, self._reason = "", ""
        self.thread = threading.Thread(target=self._run, args=(opens, directory, over))
        self.thread.start()

    def found(self) -> tuple[str, str]:
        """Wait until it serves; return its address, or the reason why there is none."""
        self._ready.wait()
        return self._address, self._reason

    def _run(
        self, opens: Callable[[Path], AbstractContextManager[str]], directory: Path, over: threading.Event
    ) -> None:
        try:
            with opens(directory) as self._address:
                self._ready.set()
                over.wait()
        except Exception as error:  # noqa: BLE001 (whatever it is, those who ask are told)
            self._address, self._reason = "", f"{type(error).__name__}: {error}"
        finally:
            self._ready.set()


def ask(socket: str, name: Name) -> str:
    """Return the address of a shared server, which is started if need be. Raises
    ``UnavailableError``."""
    with Client(socket) as asking:
        asking.send(name)
        address, reason = asking.recv()
    if not address:
        raise UnavailableError(reason)
    return str(address)


@contextlib.contextmanager
def _postgres(directory: Path) -> Iterator[str]:
    with _elsewhere("BRIDGE_TEST_POSTGRES", _postgres_container) as found:
        if found is not None:
            yield found
            return
    with embedded.postgres(directory) as url:
        asyncio.run(_prepare(url))
    with embedded.postgres(directory) as url:
        yield url


async def _prepare(url: str) -> None:
    """Trade crash safety for speed, since the data dies with the run, and leave room for every worker."""
    connection = await asyncpg.connect(url)
    try:
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off",
                        "max_connections = 500", "autovacuum_naptime = '1h'"):  # fmt: skip
            await connection.execute(f"ALTER SYSTEM SET {setting}")
    finally:
        await connection.close()


@contextlib.contextmanager
def _kafka(directory: Path) -> Iterator[str]:
    with _elsewhere("BRIDGE_TEST_KAFKA", _kafka_container) as found:
        if found is not None:
            yield found
            return
    with kafka_server.running(directory) as broker:
        yield broker.bootstrap


@contextlib.contextmanager
def _elsewhere(variable: str, container: Callable[[], AbstractContextManager[str]]) -> Iterator[str | None]:
    """Give the address in the variable, else that of a container where Docker answers, else ``None``."""
    given = os.environ.get(variable)
    if given:
        yield given
    elif _docker_answers():
        with container() as address:
            yield address
    else:
        yield None


@contextlib.contextmanager
def _postgres_container() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from testcontainers.postgres import PostgresContainer

        container = PostgresContainer("postgres:18-alpine", driver=None)
    with container as server:
        yield server.get_connection_url()


@contextlib.contextmanager
def _kafka_container() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from testcontainers.kafka import KafkaContainer

        container = KafkaContainer().with_kraft()
    with container as node:
        yield node.get_bootstrap_server()


def _docker_answers() -> bool:
    """Ask in a process of its own, since the client leaves sockets open."""
    asked = [sys.executable, "-W", "ignore", "-c", "import docker; docker.from_env(timeout=3).ping()"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0
