"""The real parts the tests stand on: PostgreSQL and Kafka, started once, shared through fresh names.

    postgres_url     an empty database of this test's own        store_url    one with the bridge's tables
    kafka_bootstrap  the best broker to be had here              embedded_kafka  the broker of the demo
    broker           an Apache Kafka that the test may kill      topic_prefix    this test's own topics
    kafka_config     a KafkaConfig for kafka_bootstrap           data_dir        this test's own directory

PostgreSQL: ``BRIDGE_TEST_POSTGRES`` (the URL of a superuser) if set, else Docker, else the embedded server.
Kafka: ``BRIDGE_TEST_KAFKA`` if set, else Docker, else Apache Kafka from Maven Central, else the embedded
broker; then tests marked ``system`` are skipped and the summary names them. With ``REQUIRE_REAL_KAFKA=1``
they fail instead.
"""

import asyncio
import contextlib
import inspect
import os
import subprocess
import sys
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from bridge import embedded
from bridge.config import KafkaConfig
from tests.kafka_server import Broker, NoKafkaError, running, version

# --- what runs where --------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind() -> Iterator[None]:
    """Every child process the tests started has ended when they are over."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child not in before]
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive, f"processes left behind: {[child.info() for child in alive]}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = [
        report.nodeid
        for report in terminalreporter.stats.get("skipped", [])
        if "system" in report.keywords and "Apache Kafka" in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.section("left out for want of a real Apache Kafka")
        terminalreporter.write_line("\n".join(sorted(left_out)))


@pytest.fixture(scope="session")
def docker() -> bool:
    """Whether a Docker daemon answers; asked in a process of its own, for the client leaves sockets open."""
    asked = [sys.executable, "-W", "ignore", "-c", "import docker; docker.from_env(timeout=3).ping()"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


# --- PostgreSQL -------------------------------------------------------------------------------------------


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._template: str | None = None

    def url(self, name: str) -> str:
        """The URL of the database of that name."""
        return urlsplit(self._admin_url)._replace(path=f"/{name}").geturl()

    async def create(self, template: str = "template0") -> str:
        """A new database, a copy of ``template``; returns its name."""
        name = f"test_{uuid.uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def drop(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def migrated(self) -> str:
        """The name of a database with the bridge's tables, made once, to be copied."""
        if self._template is None:
            name = await self.create()
            await _migrate(self.url(name))
            self._template = name
        return self._template

    async def forget_durability(self) -> None:
        """Trade crash safety for speed: this server's data dies with the tests."""
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await self._execute(f"ALTER SYSTEM SET {setting} = off")
        await self._execute("SELECT pg_reload_conf()")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def _migrate(url: str) -> None:
    from bridge.store import database

    migrate: Callable[[str], Any] = database.migrate
    if inspect.iscoroutinefunction(migrate):
        await migrate(url)
    else:
        await asyncio.to_thread(migrate, url)


@contextlib.contextmanager
def _postgres_directory() -> Iterator[Path]:
    """A temporary directory outside of pytest's, whose root each run of pytest closes to other users: run by
    root, the embedded PostgreSQL is another user."""
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def databases(docker: bool) -> Iterator[Databases]:
    """The server of this run."""
    given = os.environ.get("BRIDGE_TEST_POSTGRES")
    if given:
        yield Databases(given)
    elif docker:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from testcontainers.postgres import PostgresContainer

            container = PostgresContainer("postgres:18-alpine", driver=None)
        with container as server:
            yield Databases(server.get_connection_url())
    else:
        with _postgres_directory() as directory, embedded.postgres(directory) as url:
            made = Databases(url)
            with asyncio.Runner() as runner:
                runner.run(made.forget_durability())
            yield made


@pytest.fixture
async def postgres_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of an empty database of this test's own."""
    name = await databases.create()
    yield databases.url(name)
    await databases.drop(name)


@pytest.fixture
async def store_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of a database of this test's own, with the bridge's tables."""
    name = await databases.create(template=await databases.migrated())
    yield databases.url(name)
    await databases.drop(name)


# --- Kafka ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def maven_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker | str]:
    """Apache Kafka from Maven Central, or the reason why it can't be had."""
    try:
        node = running(tmp_path_factory.mktemp("kafka"))
        started = node.__enter__()
    except NoKafkaError as reason:
        yield str(reason)
        return
    yield started
    node.__exit__(None, None, None)


@pytest.fixture(scope="session")
def real_kafka(docker: bool, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a real Apache Kafka; without one the test is skipped, or fails where it is required."""
    given = os.environ.get("BRIDGE_TEST_KAFKA")
    if given:
        yield given
    elif docker:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from testcontainers.kafka import KafkaContainer

            container = KafkaContainer().with_kraft()
        with container as node:
            yield node.get_bootstrap_server()
    else:
        yield _killable(request.getfixturevalue("maven_kafka")).bootstrap


def _killable(found: Broker | str) -> Broker:
    if isinstance(found, Broker):
        return found
    reason = f"no real Apache Kafka {version()}: {found}"
    if os.environ.get("REQUIRE_REAL_KAFKA") == "1":
        pytest.fail(f"{reason}, and REQUIRE_REAL_KAFKA=1")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the embedded broker, shared by the run."""
    with embedded.kafka(tmp_path_factory.mktemp("embedded-kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """The address of the best broker to be had: a real one, else the embedded one."""
    try:
        return str(request.getfixturevalue("real_kafka"))
    except pytest.skip.Exception:
        return str(request.getfixturevalue("embedded_kafka"))


@pytest.fixture
def broker(maven_kafka: Broker | str) -> Iterator[Broker]:
    """An Apache Kafka that the test may stop, pause or kill; it runs again when the test is over."""
    node = _killable(maven_kafka)
    node.ensure_running()
    yield node
    node.ensure_running()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def kafka_config(kafka_bootstrap: str, topic_prefix: str) -> KafkaConfig:
    """A configuration for the best broker to be had, with topics of this test's own."""
    return KafkaConfig(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, partitions=3)


@pytest.fixture(autouse=True)
def system_tests_have_a_real_kafka(request: pytest.FixtureRequest) -> None:
    """What is marked ``system`` is skipped, by name, where there is no real Apache Kafka."""
    if request.node.get_closest_marker("system"):
        request.getfixturevalue("real_kafka")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of this test's own."""
    with _postgres_directory() as directory:
        yield directory / "data"
