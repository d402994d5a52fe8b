"""The real parts the tests stand on: PostgreSQL and Kafka, started once per run, shared through fresh names.

    postgres_url     an empty database of this test's own        store_url    one with the bridge's tables
    db               a pool on store_url
    kafka_bootstrap  the best broker to be had here              embedded_kafka  the broker of the demo
    broker           an Apache Kafka that the test may kill      topic_prefix    this test's own topics
    kafka_config     a KafkaConfig for kafka_bootstrap           data_dir        this test's own directory
    install          a whole bridge on a simulated account

PostgreSQL: ``BRIDGE_TEST_POSTGRES`` (the URL of a superuser) if set, else Docker, else the embedded server.
Kafka: ``BRIDGE_TEST_KAFKA`` if set, else Docker, else Apache Kafka from Maven Central, else the embedded
broker; then tests marked ``system`` are skipped and the summary names them. With ``REQUIRE_REAL_KAFKA=1``
they fail instead. ``BRIDGE_TEST_PATIENCE`` scales every deadline (``tests.waiting``).
"""

import contextlib
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from bridge.config import KafkaConfig
from bridge.store.database import Database
from tests import kafka_server, scheduling, shared_servers
from tests.databases import Databases
from tests.installation import Install, Installation, installed
from tests.kafka_server import Broker, NoKafkaError
from tests.scheduling import Scheduling
from tests.shared_servers import SharedServers, UnavailableError
from tests.waiting import patient

_TEST_SECONDS = 150.0
_SERVERS = pytest.StashKey[SharedServers]()
_DEFAULT_PORTS = (8420, 8421, 8430)

# --- the run ----------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Hold the servers of the run in the process that directs it, and no default port in any."""
    if not hasattr(config, "workerinput"):
        config.stash[_SERVERS] = SharedServers()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    sys.addaudithook(_refuse_default_ports)


def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the servers are asked for."""
    node.workerinput["shared_servers"] = node.config.stash[_SERVERS].socket


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers with the run, interrupted or not."""
    if _SERVERS in config.stash:
        config.stash[_SERVERS].close()


def _refuse_default_ports(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what would collide with a bridge on this machine, or with another test."""
    if event == "socket.bind" and isinstance(arguments[1], tuple) and arguments[1][1] in _DEFAULT_PORTS:
        raise AssertionError(f"a test binds {arguments[1]}: configure port 0")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Share the tests out in our way."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scale the time that a test may take, and let what takes long begin first, so that nothing is late.

    Among equals the order stays random.
    """
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = marker.args[0] if marker else _TEST_SECONDS
        item.add_marker(pytest.mark.timeout(patient(seconds)), append=False)
    items.sort(key=_begins)


def _begins(item: pytest.Item) -> int:
    if item.get_closest_marker("slow"):
        return 0
    return 3 if scheduling.is_quick(item.path) else 1 if scheduling.begins_early(item.path) else 2


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind(pytestconfig: pytest.Config) -> Iterator[None]:
    """Every child process that the tests started has ended when they are over."""
    before = set(psutil.Process().children(recursive=True))
    yield
    if _SERVERS in pytestconfig.stash:
        pytestconfig.stash[_SERVERS].close()
    left = [child for child in psutil.Process().children(recursive=True) if child not in before]
    _, alive = psutil.wait_procs(left, timeout=patient(5))
    assert not alive, f"processes left behind: {[child.as_dict(['pid', 'cmdline']) for child in alive]}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tests that were left out."""
    left_out = [
        report.nodeid
        for report in terminalreporter.stats.get("skipped", [])
        if "system" in report.keywords and "Apache Kafka" in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.section("left out for want of a real Apache Kafka")
        terminalreporter.write_line("\n".join(sorted(left_out)))


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> str:
    """The socket where the shared servers of this run are asked for."""
    told = getattr(pytestconfig, "workerinput", {}).get("shared_servers")
    return str(told or pytestconfig.stash[_SERVERS].socket)


# --- PostgreSQL -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def databases(servers: str) -> Databases:
    """The server of this run."""
    return Databases(shared_servers.ask(servers, "postgres"))


@pytest.fixture
async def postgres_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of an empty database of this test's own."""
    name = await databases.create()
    yield databases.url(name)
    await databases.drop(name)


@pytest.fixture
async def store_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of a database of this test's own, with the bridge's tables."""
    name = await databases.lend()
    yield databases.url(name)
    await databases.give_back(name)


@pytest.fixture
async def db(store_url: str) -> AsyncIterator[Database]:
    """A pool on ``store_url``."""
    async with await Database.open(store_url, pool_size=8) as database:
        yield database


# --- Kafka ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_kafka(servers: str) -> str:
    """The address of a real Apache Kafka; without one the test is skipped, or fails where it is required."""
    try:
        return shared_servers.ask(servers, "kafka")
    except UnavailableError as reason:
        _go_without_kafka(reason)


@pytest.fixture(scope="session")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """An Apache Kafka of this test process's own."""
    try:
        node = Broker(kafka_server.libraries(), tmp_path_factory.mktemp("kafka"))
    except NoKafkaError as reason:
        _go_without_kafka(reason)
    with node:
        yield node


def _go_without_kafka(reason: Exception) -> NoReturn:
    said = f"no real Apache Kafka {kafka_server.version()}: {reason}"
    if os.environ.get("REQUIRE_REAL_KAFKA") == "1":
        pytest.fail(f"{said}, and REQUIRE_REAL_KAFKA=1")
    pytest.skip(said)


@pytest.fixture(scope="session")
def embedded_kafka(servers: str) -> str:
    """The address of the embedded broker, shared by the run."""
    return shared_servers.ask(servers, "embedded_kafka")


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """The address of the best broker to be had: a real one, else the embedded one."""
    try:
        return str(request.getfixturevalue("real_kafka"))
    except pytest.skip.Exception:
        return str(request.getfixturevalue("embedded_kafka"))


@pytest.fixture
def broker(own_broker: Broker) -> Iterator[Broker]:
    """An Apache Kafka that the test may stop, pause or kill; it runs again when the test is over."""
    own_broker.ensure_running()
    yield own_broker
    own_broker.ensure_running()


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
async def install(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> AsyncIterator[Install]:
    """Installs a bridge on a simulated account, as ``installed`` does, in this test's database and topics."""
    async with contextlib.AsyncExitStack() as stack:

        async def made(**given: Any) -> Installation:
            here = {
                "store_url": store_url,
                "bootstrap_servers": embedded_kafka,
                "topic_prefix": topic_prefix,
                "data_dir": str(data_dir),
            }
            return await stack.enter_async_context(installed(**{**here, **given}))

        yield made


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of this test's own."""
    # Outside of pytest's directories, whose root each run closes to other users: run by root, the embedded
    # PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as directory:
        yield Path(directory) / "data"
