"""What the bridge stands on goes away or fills up: it says so, loses nothing, and goes on by itself."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import embedded
from bridge.app import ROLES
from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import outbox
from bridge.store.database import Database
from tests.installation import Installation, installed
from tests.kafka_server import Broker
from tests.waiting import until

_MEGABYTES = 192
# For how long Kafka is away: a moment, or as long as somebody wants to see it.
KAFKA_DOWN_SECONDS = float(os.environ.get("KAFKA_DOWN_SECONDS", "3"))


def _small_account() -> dict[str, Any]:
    return {
        "world": World(seed=7, candidates=24, jobs=8, applications=30, users=6, index_lag_seconds=0.1),
        "options": Options(rate_limit_per_minute=0, index_lag_seconds=0.1),
        "roles": ROLES,
    }


def _change(bridge: Installation, times: int) -> None:
    rng = Random(5)
    for _ in range(times):
        bridge.server.world.random_change(rng)


# --- Kafka ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.timeout(300 + 2 * KAFKA_DOWN_SECONDS)
async def test_what_changes_while_kafka_is_down_arrives_when_it_is_back(
    store_url: str, broker: Broker, topic_prefix: str, data_dir: Path
) -> None:
    account = _small_account()
    async with (
        installed(store_url, broker.bootstrap, topic_prefix, data_dir=str(data_dir), **account) as bridge,
        await Database.open(store_url, 2) as db,
    ):
        bridge.start()
        await bridge.agree()
        with capture_logs() as lines:
            await asyncio.to_thread(broker.stop)
            _change(bridge, 300)
            await until(lambda: _waiting(db, 100))
            await until(lambda: any(line["event"] == "relay.stalled" for line in lines))
            await _go_on_changing(bridge, KAFKA_DOWN_SECONDS)
            await asyncio.to_thread(broker.start)
            await bridge.agree(max(60.0, KAFKA_DOWN_SECONDS))
    # An outage is one story of the log, however long it was.
    assert [line["event"] for line in lines].count("relay.stalled") == 1


async def _go_on_changing(bridge: Installation, seconds: float) -> None:
    """Ten changes a second while these seconds pass; the bridge stays up."""
    rng = Random(9)
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        for _ in range(10):
            bridge.server.world.random_change(rng)
        bridge.check()
        await asyncio.sleep(min(1.0, left))


async def _waiting(db: Database, at_least: int) -> bool:
    return (await outbox.depth(db))[0] >= at_least


@pytest.mark.system
async def test_a_bridge_that_starts_before_kafka_does_says_so_and_captures(
    store_url: str, broker: Broker, topic_prefix: str, data_dir: Path
) -> None:
    account = _small_account()
    await asyncio.to_thread(broker.stop)
    async with (
        installed(store_url, broker.bootstrap, topic_prefix, data_dir=str(data_dir), **account) as bridge,
        await Database.open(store_url, 2) as db,
    ):
        bridge.start()
        await until(lambda: _waiting(db, 100), seconds=60)
        await asyncio.to_thread(broker.start)
        await bridge.agree()


# --- PostgreSQL -------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own, of some 200 MB."""
    with tempfile.TemporaryDirectory(prefix="bridge-disk-") as directory:
        options = ["-o", f"size={_MEGABYTES}m,mode=755", "tmpfs", directory]
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", *options], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that the embedded PostgreSQL's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as made:
        yield Path(made)


@contextlib.asynccontextmanager
async def _on(
    url: str, bootstrap: str, topic_prefix: str, data_dir: Path
) -> AsyncIterator[tuple[Installation, Database]]:
    account = _small_account()
    async with installed(url, bootstrap, topic_prefix, data_dir=str(data_dir), **account) as bridge:
        bridge.start()
        await bridge.agree()
        async with await Database.open(url, 2) as db:
            yield bridge, db


def _fill(disk: Path) -> Path:
    """Take what is left of a disk; returns the file that does."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    return filler


async def test_a_full_disk_of_the_database_is_told_and_loses_nothing(
    small_disk: Path, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    with embedded.postgres(small_disk) as url:
        async with _on(url, embedded_kafka, topic_prefix, data_dir) as (bridge, _):
            filler = await asyncio.to_thread(_fill, small_disk)
            with capture_logs() as lines:
                for job in list(bridge.server.world.live["opportunity"].ids()):
                    bridge.server.world.change(
                        "update", "opportunity", job, opportunityDescription="x" * 200_000
                    )
                _change(bridge, 100)
                await until(lambda: any("disk is full" in str(line.get("reason")) for line in lines))
                bridge.check()
            filler.unlink()
            await bridge.agree()


@pytest.mark.slow
async def test_a_restart_of_the_database_loses_nothing(
    directory: Path, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    with contextlib.ExitStack() as server:
        url = server.enter_context(embedded.postgres(directory))
        async with _on(url, embedded_kafka, topic_prefix, data_dir) as (bridge, _):
            _change(bridge, 200)
            with capture_logs() as lines:
                await asyncio.to_thread(server.close)
                _change(bridge, 100)
                await until(lambda: any(line["event"] == "stage.interrupted" for line in lines))
            assert await asyncio.to_thread(server.enter_context, embedded.postgres(directory)) == url
            await bridge.agree()
