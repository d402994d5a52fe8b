"""What a real account costs: ``python -m tests.soak.budget --minutes 45``.

20,000 candidates, 2,000 jobs, 30,000 applications, 600 requests a minute, 200 changes an hour, the index
not late. The first load is done with the limit lifted; then the bridge runs in its own process within the
budget, beside a second process that spends from the same budget (``tests.soak.rival``). Printed: the
busiest minute TrackerRMS saw, the time from a change to its event on Kafka, the time of deletions against
the length of a sweep, and requests spent per change found.
"""

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge import embedded, log
from bridge.app import ROLES
from bridge.config import LogConfig
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.world import World
from bridge.store import schema
from bridge.store.database import Database
from tests.installation import INTEGRATION, Installation, installed
from tests.kafka_server import running


async def main(args: argparse.Namespace, url: str, kafka: str, directory: str) -> None:
    await schema.migrate(url)
    some = args.candidates
    world = World(seed=3, candidates=some, jobs=some // 10, applications=some * 3 // 2)
    options = Options(
        rate_limit_per_minute=600, index_lag_seconds=0, quirks_off=("stale_index", "rate_limit")
    )
    prefix = f"budget{uuid.uuid4().hex[:8]}"
    async with installed(
        url, kafka, prefix, world=world, options=options, roles=ROLES, data_dir=directory,
        capture={"poll_seconds": 15, "sweep_minutes": 1000, "deletion_limit_percent": 10},
    ) as bridge:  # fmt: skip
        began = time.monotonic()
        bridge.start()
        topics = await bridge.agree(3600)
        calls = (await bridge.simulator.calls())["total"]
        print(
            f"first load, limit lifted: {sum(topics.types.values()):,} events, {calls:,} requests, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
        await bridge.stop()
        await bridge.simulator.quirks(rate_limit=True)
        await asyncio.sleep(61)  # the minute of the first load must be over before the limit counts
        await within_budget(bridge, args, url, kafka, prefix, directory)


async def within_budget(
    bridge: Installation, args: argparse.Namespace, url: str, kafka: str, prefix: str, directory: str
) -> None:
    settings = Path(directory) / "bridge.toml"
    settings.write_text(f"""
data_dir = "{directory}"
[store]
url = "{url}"
[kafka]
bootstrap_servers = "{kafka}"
topic_prefix = "{prefix}"
partitions = 2
[log]
level = "info"
[capture]
poll_seconds = 15
sweep_minutes = {args.sweep_minutes}
[[integrations]]
id = "{INTEGRATION}"
base_url = "{bridge.server.url}"
bearer_token = "{BEARER_TOKEN}"
time_zone = "Europe/London"
requests_per_minute = 600
""")
    await bridge.simulator.forget_calls()
    after = (await bridge.simulator.journal())[-1:]
    mark = after[0]["n"] if after else 0
    seconds = args.minutes * 60
    with (Path(args.log)).open("wb") as out:
        poller = subprocess.Popen(
            [sys.executable, "-m", "bridge", "--config", str(settings), "run"], stdout=out, stderr=out
        )
        rival = subprocess.Popen([sys.executable, "-m", "tests.soak.rival", str(settings), str(seconds)])
        try:
            await change_for(bridge, seconds, args.changes_per_hour)
            print("the last change is made; waiting for the sweep to find the last deletion", flush=True)
            await bridge.agree(args.sweep_minutes * 60 * 3 + 1200)
        finally:
            for process in (poller, rival):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
    await report(bridge, await bridge.simulator.calls(), mark, url)


async def change_for(bridge: Installation, seconds: float, changes_per_hour: float) -> None:
    rng = Random(5)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        bridge.server.world.random_change(rng)
        await asyncio.sleep(rng.expovariate(changes_per_hour / 3600))


async def report(bridge: Installation, calls: dict[str, Any], mark: int, url: str) -> None:
    topics = await bridge.read()
    sent: dict[tuple[str, str], list[float]] = {}
    for kind, key, at in topics.sent.values():
        sent.setdefault((key, kind.partition(".")[2]), []).append(at / 1000)
    delays: dict[str, list[float]] = {"created": [], "updated": [], "deleted": []}
    unmatched = 0
    for line in await bridge.simulator.journal(mark):
        key = ids.entity_id(INTEGRATION, Model(line["model"]), line["remote_id"])
        moment = datetime.fromisoformat(line["at"]).timestamp()
        found = [at for at in sent.get((key, line["op"]), []) if at >= moment - 1]
        if found:
            delays[line["op"]].append(min(found) - moment)
        else:
            unmatched += 1
    for op, seconds in delays.items():
        if seconds:
            quantiles = statistics.quantiles(seconds, n=20) if len(seconds) > 1 else seconds * 19
            print(
                f"{op}: {len(seconds)} journal entries, to Kafka in {statistics.median(seconds):.1f} s "
                f"at the median, {quantiles[18]:.1f} s at the 95th percentile, {max(seconds):.1f} s at most"
            )
    print(f"journal entries without an event of their own (merged with a later change): {unmatched}")
    total = calls["total"]
    changes = sum(len(seconds) for seconds in delays.values())
    print(
        f"requests: {total:,}; the most in any 60 seconds: {calls['max_in_60_seconds']}; "
        f"answered 429: {calls['by_status'].get('429', 0)}"
    )
    print(f"requests per change found: {total / max(1, changes):.1f}")
    async with await Database.open(url) as db:
        rows = await db.fetch(
            "SELECT resource, kind, extract(epoch FROM finished_at - started_at) AS seconds, calls, flaw "
            "FROM scans WHERE finished_at IS NOT NULL ORDER BY finished_at"
        )
    for row in rows:
        print(
            f"  scan {row['resource']:>13} {row['kind']:>8}: {row['seconds']:.0f} s, {row['calls']} "
            f"requests, flaw {row['flaw']}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--changes-per-hour", type=float, default=200)
    parser.add_argument("--sweep-minutes", type=float, default=1)
    parser.add_argument("--log", default="budget-bridge.log")
    given = parser.parse_args()
    log.configure_logging(LogConfig(level="error"))
    with (
        tempfile.TemporaryDirectory() as made,
        embedded.postgres(Path(made)) as postgres,
        running(Path(made)) as broker,
    ):
        asyncio.run(main(given, postgres, broker.bootstrap, made))
