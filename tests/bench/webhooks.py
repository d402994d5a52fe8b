"""How fast webhooks are: ``python -m tests.bench.webhooks``.

The bridge, a subscriber (the sink), PostgreSQL and Apache Kafka each in processes of their own on this
machine; events of 1.5 kB, signed. Figures: deliveries a second of events that wait already, against a bare
aiohttp POST loop to the same sink in the same run; the time from Kafka to receipt at a steady pace; and by
how much a hanging and a failing neighbor make that time grow. What else the machine does shows in all of
them: rounds of either kind take turns, medians of them are compared, and CPU is told beside time.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import orjson
import psutil
import uvloop
from msgspec import Struct
from trackerrms_contracts.webhooks import Endpoint

from bridge import config, embedded
from bridge.config import Config
from bridge.simulator.options import BEARER_TOKEN
from bridge.store import schema
from tests.crash.killable import Killable
from tests.kafka_server import running
from tests.webhooks.installed import KEY, Delivering, delivering, id_of

_CONNECTIONS = 16
_PADDING = "x" * 1_150


class Sink:
    """A subscriber in a process of its own, that notes when each event came."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process
        self._http = aiohttp.ClientSession()

    @classmethod
    async def start(cls) -> "Sink":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.sink", stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    def url(self, name: str, how: str = "ok") -> str:
        return f"http://127.0.0.1:{self.port}/{name}/{how}"

    async def received(self, name: str) -> dict[str, float]:
        """When each event came first, by its id, in seconds since 1970."""
        async with self._http.get(f"http://127.0.0.1:{self.port}/{name}") as answer:
            return dict(orjson.loads(await answer.read()))

    async def count(self, name: str) -> int:
        async with self._http.get(f"http://127.0.0.1:{self.port}/{name}/count") as answer:
            return int(await answer.text())

    async def wait(self, name: str, count: int, seconds: float = 120) -> None:
        async with asyncio.timeout(seconds):
            while await self.count(name) < count:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._http.close()
        self._process.terminate()
        await self._process.wait()


def settings(directory: str, postgres: str, bootstrap: str) -> Config:
    """The bridge as it is deployed, allowed to deliver to loopback. The integration is never called."""
    return config.parse_config(
        {
            "data_dir": directory,
            "store": {"url": postgres},
            "kafka": {"bootstrap_servers": bootstrap, "topic_prefix": "bench", "partitions": 6},
            "sealing": {"key": KEY},
            "log": {"level": "warning"},
            "outbound": {"allow_networks": ["127.0.0.0/8"], "allow_http": True},
            "integrations": [{"id": "acme", "base_url": "http://127.0.0.1:9", "bearer_token": BEARER_TOKEN}],
        }
    )


class Speed(Struct, frozen=True, kw_only=True):
    """Of one burst: POSTs a second, and microseconds of CPU for each."""

    per_second: float
    cpu_us: float


async def bare(sink: Sink, count: int) -> Speed:
    """aiohttp alone: so many connections, one POST after another on each."""
    body = b"x" * 1_500
    left = iter(range(count))

    async def post(http: aiohttp.ClientSession) -> None:
        for n in left:
            headers = {"webhook-id": str(n)}
            async with http.post(sink.url("bare"), data=body, headers=headers) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS)) as http:
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(post(http) for _ in range(_CONNECTIONS)))
        cpu, took = time.process_time() - cpu, time.perf_counter() - began
        return Speed(per_second=count / took, cpu_us=1e6 * cpu / count)


def cpu_of(processes: Sequence[psutil.Process]) -> float:
    """Seconds of CPU that they have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def throughput(hooks: Delivering, sink: Sink, processes: Sequence[psutil.Process], count: int) -> Speed:
    """Deliveries of events that all wait already: the bridge stands still while they are published."""
    endpoint, _ = await hooks.subscribe(sink.url("burst"))
    await warm(hooks, sink, "burst")
    before = await sink.count("burst")
    await hooks.db.execute("UPDATE endpoints SET description = 'a change, so that it is read'")
    messages = [hooks.event(str(n % 2_000), pad=_PADDING) for n in range(count)]
    for process in processes:
        process.suspend()
    await hooks.publish(messages)
    cpu = cpu_of(processes)
    for process in processes:
        process.resume()
    await sink.wait("burst", before + count)
    cpu = cpu_of(processes) - cpu
    took = sorted((await sink.received("burst")).values())[-count:]
    seconds = took[-1] - took[0]
    size = len(messages[0].value or b"")
    print(
        f"{count:,} events of {size:,} bytes: {seconds:.1f} s, {count / seconds:,.0f} a second; the "
        f"bridge's CPU {cpu:.1f} s ({1e6 * cpu / count:.0f} µs a delivery)",
        flush=True,
    )
    await unsubscribe(hooks, endpoint)
    return Speed(per_second=count / seconds, cpu_us=1e6 * cpu / count)


async def compared(hooks: Delivering, sink: Sink, processes: Sequence[psutil.Process], count: int) -> float:
    """The bridge's deliveries a second as a share of the bare loop's, before and after it."""
    before = await bare(sink, count // 2)
    ours = await throughput(hooks, sink, processes, count)
    after = await bare(sink, count // 2)
    alone = max(before.per_second, after.per_second)
    cpu_us = (before.cpu_us + after.cpu_us) / 2
    print(
        f"a bare aiohttp loop: {alone:,.0f} a second, {cpu_us:.0f} µs of CPU each; ours is "
        f"{ours.per_second / alone:.2f} of it, with {ours.cpu_us / cpu_us:.2f} of the CPU",
        flush=True,
    )
    return ours.per_second / alone


async def warm(hooks: Delivering, sink: Sink, name: str) -> None:
    """Events until one arrives: the group has formed, the endpoint is known."""
    async with asyncio.timeout(60):
        while not await sink.count(name):
            await hooks.send(1)
            await asyncio.sleep(0.2)


async def unsubscribe(hooks: Delivering, *endpoints: Endpoint) -> None:
    for endpoint in endpoints:
        await hooks.db.execute("DELETE FROM endpoints WHERE id = $1", endpoint.id)


async def latency(
    hooks: Delivering,
    sink: Sink,
    name: str,
    per_second: float,
    seconds: float,
    neighbors: Iterable[str] = (),
) -> float:
    """p95 of the seconds from being on Kafka (acknowledged) to receipt, at a steady pace."""
    subscribed = [(await hooks.subscribe(sink.url(name)))[0]]
    subscribed += [(await hooks.subscribe(url, timeout_seconds=30))[0] for url in neighbors]
    await warm(hooks, sink, name)
    sent: dict[str, float] = {}
    began, count, step = time.monotonic(), int(per_second * seconds), max(1, int(per_second / 100))
    for n in range(0, count, step):
        await asyncio.sleep(max(0.0, began + n / per_second - time.monotonic()))
        messages = [hooks.event(str((n + i) % 500), pad=_PADDING) for i in range(step)]
        now = time.time()
        sent.update((id_of(message), now) for message in messages)
        await hooks.publish(messages)
    await sink.wait(name, count)
    async with asyncio.timeout(60):
        while not sent.keys() <= (came := await sink.received(name)).keys():
            await asyncio.sleep(0.1)
    # What came in the first seconds met neighbors that nobody knew yet.
    steady = list(sent)[int(2 * per_second) :]
    took = sorted(came[event_id] - sent[event_id] for event_id in steady)
    p95 = took[int(0.95 * len(took))]
    print(
        f"{name}: {per_second:g} events a second for {seconds:g} s, from before they are published to "
        f"receipt: median {1000 * took[len(took) // 2]:.1f} ms, p95 {1000 * p95:.1f} ms, max "
        f"{1000 * took[-1]:.0f} ms",
        flush=True,
    )
    await unsubscribe(hooks, *subscribed)
    return p95


async def beside_neighbors(hooks: Delivering, sink: Sink, args: argparse.Namespace) -> None:
    """What a hanging and a failing neighbor cost the healthy one: rounds without and with them in turn."""
    quiet, noisy = [], []
    await latency(hooks, sink, "warm-up", args.per_second, args.seconds)
    for n in range(args.latency_rounds):
        neighbors = [sink.url(f"hanging{n}", "hang"), sink.url(f"failing{n}", "fail")]
        pace = (args.per_second, args.seconds)
        # Each kind goes first as often as the other: what drifts favors neither.
        for loud in (False, True) if n % 2 else (True, False):
            if loud:
                noisy.append(await latency(hooks, sink, f"noisy{n}", *pace, neighbors))
            else:
                quiet.append(await latency(hooks, sink, f"quiet{n}", *pace))
    before, beside = statistics.median(quiet), statistics.median(noisy)
    print(
        f"the p95, at the median of {args.latency_rounds} rounds: {1000 * before:.1f} ms alone, "
        f"{1000 * beside:.1f} ms beside a hanging and a failing neighbor: {beside / before:.2f} of it"
    )


async def bench(directory: str, postgres: str, bootstrap: str, args: argparse.Namespace) -> None:
    """Everything, once."""
    made = settings(directory, postgres, bootstrap)
    await schema.migrate(postgres)
    async with AsyncExitStack() as stack:
        sink = await Sink.start()
        stack.push_async_callback(sink.close)
        hooks = await stack.enter_async_context(delivering(made))
        processes = [
            await stack.enter_async_context(
                Killable(made, Path(directory), name=f"webhooks{n}", only="webhooks")
            )
            for n in range(args.processes)
        ]
        for process in processes:
            await process.start()
        watched = [psutil.Process(process.pid) for process in processes]
        shares = [await compared(hooks, sink, watched, args.events) for _ in range(args.rounds)]
        print(f"ours is {statistics.median(shares):.2f} of the bare loop, at the median of {args.rounds}")
        if args.latency_rounds:
            await beside_neighbors(hooks, sink, args)
        for process in processes:
            await process.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--processes", type=int, default=1, help="of the bridge's webhook stage")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--per-second", type=float, default=500)
    parser.add_argument("--latency-rounds", type=int, default=6, help="quiet ones, and as many noisy ones")
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bridge-bench-") as directory,
        embedded.postgres(Path(directory)) as postgres,
        running(Path(directory)) as broker,
    ):
        uvloop.run(bench(directory, postgres, broker.bootstrap, args))


if __name__ == "__main__":
    main()
