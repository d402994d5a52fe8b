"""How much work capture is when the network costs nothing: ``python -m tests.bench.volume``.

Three figures, on real PostgreSQL and real Kafka, with TrackerRMS's pages held in memory as bytes, on the
event loop of ``bridge run``:

- an unchanged scan of a million records: our CPU, PostgreSQL's CPU, the peak of our memory;
- a first load that makes 100,000 events: seconds from the first page to Kafka's last acknowledgement;
- the outbox alone: 100,000 waiting events to Kafka.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import psutil
from trackerrms_contracts.entities import Model

from bridge import app, config, embedded, kafka
from bridge.capture.change_writer import ChangeWriter
from bridge.capture.deletion import CaptureContext
from bridge.capture.event_builder import EventBuilder, Identity
from bridge.capture.loss_checks import LossChecks
from bridge.capture.paging import Pages
from bridge.capture.proof import Guard, Prover
from bridge.capture.record_reader import Context, RecordReader
from bridge.capture.resource_reader import ReadPace, ResourceReader
from bridge.capture.shape_checks import ShapeChecks
from bridge.cli import session
from bridge.config import Config
from bridge.relay import Relay
from bridge.store import leases, outbox, scans
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.tracker import resources
from bridge.tracker.by_id import Detail
from bridge.tracker.normalize import Normaliser
from bridge.tracker.pages import Page, PageDecoder
from tests.kafka_server import running

_PAGE = 10
_TEMPLATE = {
    "displayAs": "Johnson, Sarah",
    "firstname": "Sarah",
    "surname": "Johnson",
    "jobTitle": "Senior PHP Developer",
    "resourceStatus": "Active",
    "creationDate": "2024-03-01T09:14:00",
    "lastUpdatedDateTime": "2026-05-03T11:20:31",
    "quickSkills": [{"id": 182, "name": "PHP"}, {"id": 183, "name": "PostgreSQL"}],
}
_DETAIL = {
    "firstName": "Sarah",
    "surname": "Johnson",
    "jobTitle": "Senior PHP Developer",
    "source": "Website",
    "contactDetails": {"email": "sarah@example.com", "mobilePhone": "+44 7700 900123", "telephone": ""},
    "address": {"addressLine1": "1 High Street", "town": "Sheffield", "county": "South Yorkshire",
                "postcode": "S1 1AA", "country": "United Kingdom"},
    "currentClient": {"id": 55, "name": "Acme Ltd"},
    "tagText": "PHP, Remote, London",
    "creationDate": "2024-03-01T09:14:00",
    "lastUpdatedDateTime": "2026-05-03T11:20:31",
}  # fmt: skip


class MemoryClient:
    """TrackerRMS without the wire: pages and records made on the spot; the making is not counted."""

    clock_skew_seconds = 0.0

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.settings = resources.configure_resources({}, "bench")
        table = self.settings["candidates"]
        self._decoder = PageDecoder(table.rows, table.id_keys, "candidate id")
        self.making_seconds = 0.0

    async def pages(self, resource: str, *, number: int = 1, **_: Any) -> Page:
        began = time.process_time()
        first = (number - 1) * _PAGE + 1
        last = min(first + _PAGE - 1, self.rows)
        body = orjson.dumps(
            {
                "resources": [{"resourceId": n, **_TEMPLATE} for n in range(first, last + 1)],
                "totalCount": self.rows,
                "totalPages": -(-self.rows // _PAGE),
                "pageNumber": number,
                "pageSize": _PAGE,
                "hasNextPage": last < self.rows,
            }
        )
        self.making_seconds += time.process_time() - began
        return self._decoder.decode(body, number)

    async def detail(self, resource: str, remote_id: str, **_: Any) -> Detail:
        return Detail(record={"id": int(remote_id), **_DETAIL})


async def reader_of(
    installed: app.Installation, client: Any, page_batch: int
) -> tuple[ResourceReader, Any, Any]:
    """A reader through the candidates, its context, and the lease it holds."""
    lease = await leases.acquire(installed.db, "bench", "bench", 3600)
    assert lease is not None
    normaliser = Normaliser("bench", client.settings, "Europe/London")
    identity = Identity(integration_id="bench", topic_prefix=installed.config.kafka.topic_prefix)
    publisher = EventBuilder(identity, installed.keys.sealer, keep_values=False, max_message_bytes=10**7)
    guard = Guard(count=500, percent=10)
    pages = Pages(client)
    rows = RecordReader("bench", installed.db, client, normaliser, parallel_reads=8, overlap_seconds=120)
    changes = ChangeWriter(
        identity, installed.keys.hasher, publisher, frozenset(Model), keys=rows.keys, limits=guard
    )
    doors = CaptureContext(
        integration_id="bench",
        db=installed.db,
        lease=lease,
        pages=pages,
        rows=rows,
        shape=ShapeChecks("bench", installed.db, client, pages),
        loss_checks=LossChecks("bench", installed.db, client, pages, normaliser, changes, guard, rows.keys),
        changes=changes,
        prover=Prover(client, guard, parallel_reads=8, confirm_seconds=0),
        guard=guard,
        calls=lambda: 0,
        judge=_unjudged,
    )
    # A sweep looks at a few records by id where the budget allows it.
    await StoredBudget(installed.db, "bench", BudgetRules(requests=600)).acquire("poll")
    table = client.settings["candidates"]
    pace = ReadPace(page_batch=page_batch, first_pages=page_batch, overlap_seconds=120, silent=False)
    key = installed.keys.hasher.salt(b"bench")
    context = Context(resource=table, state=None, key=key, statuses={})
    return ResourceReader(doors, pace, table), lambda _: context, lease


async def _unjudged(_: object) -> None:
    return None


async def scan(
    installed: app.Installation, reader: ResourceReader, context: Any, kind: scans.ScanKind
) -> None:
    """Walk from the first page to the proof of deletion."""
    started = await scans.start_scan(installed.db, "bench", "candidates", kind)
    while not await reader.step(started, context):
        started = await _running(installed)
    await reader.finish(await _running(installed))


async def _running(installed: app.Installation) -> scans.Scan:
    scan = await scans.running(installed.db, "bench", "candidates")
    assert scan is not None
    return scan


async def unchanged(settings: Config, rows: int) -> None:
    """A scan in which nothing changed."""
    async with app.open_installation(settings) as installed:
        client = MemoryClient(rows)
        reader, context, _ = await reader_of(installed, client, 50)
        # The first load writes the rows; its events are of no interest here.
        reader.pace = msgspec.structs.replace(reader.pace, silent=True)
        began = time.monotonic()
        await scan(installed, reader, context, "initial")
        print(f"  (first load of {rows:,} records, silent: {time.monotonic() - began:.0f} s)", flush=True)
        await installed.db.execute("VACUUM ANALYZE sources")
        transaction = await installed.db.fetchval("SELECT pg_current_xact_id()::text::bigint")
        base = _rss()
        client.making_seconds = 0.0
        postgres, _ = await _servers_cpu(installed)
        cpu, wall = time.process_time(), time.monotonic()
        await scan(installed, reader, context, "sweep")
        cpu = time.process_time() - cpu - client.making_seconds
        written = await installed.db.fetchval(
            "SELECT count(*) FROM snapshots WHERE xmin::text::bigint > $1", transaction
        )
        wall, postgres = time.monotonic() - wall, (await _servers_cpu(installed))[0] - postgres
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"unchanged scan of {rows:,} records: {cpu:.1f} s of our CPU, {postgres:.1f} s of PostgreSQL's, "
            f"{wall:.1f} s in all; snapshot rows written: {written}; our memory "
            f"{base / 2**20:.0f} MB before, {_rss() / 2**20:.0f} MB after, {peak:.0f} MB at the peak"
        )


async def first_load(settings: Config, events: int) -> None:
    """From the first page to the last acknowledgement, capture and relay in one process."""
    async with app.open_installation(settings) as installed, kafka.Producer(settings.kafka) as producer:
        await app.make_topics(settings)
        # A candidate and its three tags are four events.
        client = MemoryClient(events // 4)
        reader, context, _ = await reader_of(installed, client, 50)
        stop = asyncio.Event()
        postgres, broker = await _servers_cpu(installed)
        began, cpu = time.monotonic(), time.process_time()
        relay = asyncio.create_task(Relay(installed.db, producer).run(stop))
        await scan(installed, reader, context, "initial")
        captured = time.monotonic() - began
        await _drained(installed)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        stop.set()
        await relay
        servers = await _servers_cpu(installed)
        print(
            f"first load of {events:,} events: {seconds:.1f} s to Kafka ({events / seconds:,.0f}/s), "
            f"{captured:.1f} s of it until the last was captured; our CPU {cpu:.1f} s, "
            f"of which making the input {client.making_seconds:.1f} s; "
            f"PostgreSQL's {servers[0] - postgres:.1f} s, Kafka's {servers[1] - broker:.1f} s"
        )


async def outbox_alone(settings: Config, events: int) -> None:
    """Events that wait already, to Kafka."""
    async with app.open_installation(settings) as installed, kafka.Producer(settings.kafka) as producer:
        await app.make_topics(settings)
        client = MemoryClient(events // 4)
        reader, context, _ = await reader_of(installed, client, 50)
        await scan(installed, reader, context, "initial")
        count, _ = await outbox.depth(installed.db)
        stop = asyncio.Event()
        began = time.monotonic()
        relay = asyncio.create_task(Relay(installed.db, producer).run(stop))
        await _drained(installed)
        seconds = time.monotonic() - began
        stop.set()
        await relay
        print(f"outbox of {count:,} events: {seconds:.1f} s to Kafka ({count / seconds:,.0f}/s)")


async def _drained(installed: app.Installation) -> None:
    while (await outbox.depth(installed.db))[0]:
        await asyncio.sleep(0.02)


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


async def _servers_cpu(installed: app.Installation) -> tuple[float, float]:
    """CPU seconds so far of PostgreSQL, all of its processes, those that ended too, and of Kafka."""
    backend = psutil.Process(await installed.db.fetchval("SELECT pg_backend_pid()"))
    postmaster = backend.parent()
    assert postmaster is not None
    return (
        sum(_cpu(process) for process in (postmaster, *postmaster.children())),
        sum(_cpu(process) for process in psutil.Process().children(recursive=True)),
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _settings(directory: str) -> Generator[Config, None, None]:
    with embedded.postgres(Path(directory)) as url, running(Path(directory)) as broker:
        for n in range(10):
            yield config.parse_config(
                {
                    "data_dir": directory,
                    "store": {"url": _fresh(url, n)},
                    "kafka": {"bootstrap_servers": broker.bootstrap, "topic_prefix": f"bench{n}"},
                }
            )


def _fresh(url: str, n: int) -> str:
    import asyncpg

    async def create() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"CREATE DATABASE bench{n}")
        await connection.close()

    asyncio.run(create())
    return url.replace("/postgres?", f"/bench{n}?")


def main() -> None:
    from bridge import log
    from bridge.config import LogConfig

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--only", choices=("unchanged", "first-load", "outbox"), action="append")
    args = parser.parse_args()
    log.configure_logging(LogConfig(level="error"))
    wanted = args.only or ["first-load", "outbox", "unchanged"]
    with tempfile.TemporaryDirectory() as directory:
        settings = _settings(directory)
        for name in wanted:
            match name:
                case "first-load":
                    session.run_to_end(first_load(next(settings), args.events))
                case "outbox":
                    session.run_to_end(outbox_alone(next(settings), args.events))
                case _:
                    session.run_to_end(unchanged(next(settings), args.rows))
            sys.stdout.flush()
        settings.close()


if __name__ == "__main__":
    main()
