"""How fast commands are: ``python -m tests.bench.commands``.

The bridge, the simulated TrackerRMS, PostgreSQL and Apache Kafka each in processes of their own on this
machine; move-to-stage commands over many applications. Two figures: commands a second when they all wait
already, and the time from publishing a command to reading its result when they come at a steady pace.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
from trackerrms_contracts.entities import Model

from bridge import config, embedded
from bridge.config import Config
from bridge.simulator.options import BEARER_TOKEN
from bridge.simulator.remote import Remote
from tests.commanding import Caller, ending, envelope
from tests.crash.killable import Killable
from tests.installation import INTEGRATION
from tests.kafka_server import running

_APPLICATIONS = 2_000


@contextlib.asynccontextmanager
async def simulator() -> AsyncIterator[tuple[str, int]]:
    """An instant TrackerRMS in a process of its own: its address and its process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "simulate", "--port", "0", "--candidates", "500", "--jobs", "50",
        "--applications", str(_APPLICATIONS), "--rate-limit-per-minute", "0", "--index-lag-seconds", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    url = ""
    while not url:
        line = (await process.stdout.readline()).decode()
        url = next((word.strip('"') for word in line.split() if "http://" in word), "")
    try:
        yield url.strip('"'), process.pid
    finally:
        process.terminate()
        await process.wait()


def settings(directory: str, postgres: str, kafka: str, url: str) -> Config:
    """The bridge as it is deployed, with a budget that is no limit."""
    return config.parse_config(
        {
            "data_dir": directory,
            "store": {"url": postgres},
            "kafka": {"bootstrap_servers": kafka, "topic_prefix": "bench", "partitions": 6},
            "log": {"level": "warning"},
            "integrations": [
                {
                    "id": INTEGRATION, "base_url": url, "bearer_token": BEARER_TOKEN,
                    "time_zone": "Europe/London", "requests_per_minute": 6_000_000,
                }
            ],
        }
    )  # fmt: skip


def moves(count: int, round_: str, applications: list[str]) -> list[tuple[str, str, bytes]]:
    """(id, key, message) of so many moves."""
    made = []
    for n in range(count):
        application = applications[n % len(applications)]
        data = {"application_id": f"remote:{application}", "stage_id": f"remote:{3 + n % 3}"}
        command_id = f"{round_}-{n}"
        made.append((command_id, application, envelope("application.move_to_stage", data, command_id)))
    return made


async def throughput(caller: Caller, count: int, applications: list[str], process: psutil.Process) -> None:
    """All at once."""
    commands = moves(count, "burst", applications)
    cpu = sum(process.cpu_times()[:2])
    began = time.monotonic()
    await caller.send_many([(key, value) for _, key, value in commands])
    await caller.until(lambda: len(caller.results) >= count, 300, "all results")
    seconds = time.monotonic() - began
    cpu = sum(process.cpu_times()[:2]) - cpu
    assert all(ending(results[0]) == "succeeded" for results in caller.results.values())
    print(
        f"{count:,} move-to-stage commands that wait already: {seconds:.1f} s, "
        f"{count / seconds:,.0f} a second; "
        f"the bridge's CPU {cpu:.1f} s ({1000 * cpu / count:.1f} ms a command)",
        flush=True,
    )


async def latency(caller: Caller, per_second: float, seconds: float, applications: list[str]) -> None:
    """A steady pace: from publishing to the result in the caller's hands."""
    count = int(per_second * seconds)
    commands = moves(count, f"paced{per_second:g}", applications)
    caller.results.clear()
    sent: dict[str, float] = {}
    took: dict[str, float] = {}

    async def read() -> None:
        while len(took) < count:
            await caller.read(0.05)
            now = time.monotonic()
            for command_id in caller.results.keys() & (sent.keys() - took.keys()):
                took[command_id] = now - sent[command_id]

    reading = asyncio.create_task(read())
    began = time.monotonic()
    for n, (command_id, key, value) in enumerate(commands):
        await asyncio.sleep(max(0.0, began + n / per_second - time.monotonic()))
        sent[command_id] = time.monotonic()
        await caller.send_many([(key, value)])
    await asyncio.wait_for(reading, 60)
    times = sorted(took.values())
    print(
        f"{per_second:g} commands a second for {seconds:g} s, from publishing to the result read: median "
        f"{statistics.median(times) * 1000:.0f} ms, p95 {times[int(0.95 * count)] * 1000:.0f} ms, "
        f"max {times[-1] * 1000:.0f} ms",
        flush=True,
    )


async def check(remote: Remote, applications: list[str], count: int) -> None:
    """Every application stands where its last command moved it."""
    truth = await remote.truth(Model.APPLICATION)
    for n in range(max(0, count - len(applications)), count):
        stage = truth[applications[n % len(applications)]]["current_stage_id"]
        assert stage == f"remote:{3 + n % 3}", (applications[n % len(applications)], stage)


async def bench(directory: str, postgres: str, kafka: str, args: argparse.Namespace) -> None:
    """Everything, once."""
    async with simulator() as (url, _):
        made = settings(directory, postgres, kafka, url)
        async with Caller(made) as caller, Killable(made, Path(directory)) as process, Remote(url) as remote:
            await process.start()
            applications = sorted(await remote.truth(Model.APPLICATION))
            # The first command waits for the group to form, and for the stages to be read.
            for command_id, key, value in moves(20, "warm", applications):
                await caller.send_raw(value, key=key)
                await caller.result(command_id, 60)
            caller.results.clear()
            await throughput(caller, args.commands, applications, psutil.Process(process.pid))
            await check(remote, applications, args.commands)
            await latency(caller, args.per_second, args.seconds, applications)
            await process.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=4_000)
    parser.add_argument("--per-second", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bridge-bench-") as directory,
        embedded.postgres(Path(directory)) as postgres,
        running(Path(directory)) as broker,
    ):
        asyncio.run(bench(directory, postgres, broker.bootstrap, args))


if __name__ == "__main__":
    main()
