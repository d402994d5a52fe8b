"""How long an application's move waits while the bridge is busy: ``python -m tests.soak.fairness``.

At 600 requests a minute, twice: while so many candidates have changed at once that reading them takes long,
and while one ``candidate.create`` a second comes in. Every few seconds an application is moved; printed are
the times from the move to its event on Kafka, and how often candidates were listed meanwhile.
"""

import argparse
import asyncio
import contextlib
import math
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge import embedded, log
from bridge.app import ROLES
from bridge.config import LogConfig
from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import schema
from tests.commanding import Caller, person
from tests.installation import INTEGRATION, Installation, installed

_CANDIDATES = "/api/v1/Resource/PagedSearch"
_WINDOW_SECONDS = 62.0


async def main(args: argparse.Namespace, url: str, kafka: str, directory: str) -> None:
    await schema.migrate(url)
    some = args.candidates
    world = World(seed=3, candidates=some, jobs=50, applications=300, users=12, index_lag_seconds=0)
    options = Options(rate_limit_per_minute=0, index_lag_seconds=0, empty_body_rate=0)
    prefix = f"fair{uuid.uuid4().hex[:8]}"
    async with installed(
        url, kafka, prefix, world=world, options=options, roles=ROLES, data_dir=directory,
        capture={"poll_seconds": 15, "sweep_minutes": 30, "deletion_limit_percent": 10},
    ) as bridge:  # fmt: skip
        bridge.start()
        await bridge.agree(3600)
        await bridge.stop()
        (integration,) = bridge.settings.integrations
        limited = msgspec.structs.replace(integration, requests_per_minute=600)
        bridge.settings = msgspec.structs.replace(bridge.settings, integrations=[limited])
        print(f"{some:,} candidates are loaded", flush=True)
        for changed in args.changed:
            await asyncio.sleep(_WINDOW_SECONDS)
            bridge.start()
            async with _idle(bridge):
                for candidate in list(world.live["resource"].ids())[:changed]:
                    world.change("update", "resource", candidate, jobTitle=f"Changed {uuid.uuid4().hex}")
                await measured(bridge, args.seconds, f"{changed:,} candidates changed at once")
        await asyncio.sleep(_WINDOW_SECONDS)
        bridge.start()
        async with _idle(bridge), Caller(bridge.settings) as caller:
            commands = asyncio.create_task(_create(bridge, caller, args.seconds))
            await measured(bridge, args.seconds, "one candidate.create a second")
            sent = await commands
            for _ in range(20):
                await caller.read(0.5)
            print(f"  {sent} commands were sent, {len(caller.results)} have a result", flush=True)


@contextlib.asynccontextmanager
async def _idle(bridge: Installation) -> AsyncIterator[None]:
    """Let it take over and poll once before, and stop it after."""
    await asyncio.sleep(20)
    try:
        yield
    finally:
        await bridge.stop()


async def _create(bridge: Installation, caller: Caller, seconds: float) -> int:
    jobs, _ = bridge.server.world.live["opportunity"].search("open", None, 0, 1000)
    ends, sent = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        sent += 1
        place = {"application": {"job_id": f"remote:{jobs[sent % len(jobs)]}"}}
        await caller.send("candidate.create", {"candidate": person(sent)} | place)
        await asyncio.sleep(1.0)
    return sent


async def measured(bridge: Installation, seconds: float, what: str) -> None:
    """Move an application every ten seconds, and print how long each move took to be published."""
    world = bridge.server.world
    applications = sorted(world.live["opportunity_resource"].ids())
    stages = sorted(world.statuses)
    listed = await _listed(bridge)
    moved: dict[str, float] = {}
    began = time.time()
    while time.time() - began < seconds:
        number = applications[len(moved)]
        now = (world.live["opportunity_resource"].get(number) or {})["opportunityResourceStatusId"]
        stage = next(status for status in stages if status != now)
        moved[ids.entity_id(INTEGRATION, Model.APPLICATION, str(number))] = time.time()
        world.change("update", "opportunity_resource", number, opportunityResourceStatusId=stage)
        await asyncio.sleep(10)
    found: dict[str, float] = {}
    deadline = time.monotonic() + 300
    while len(found) < len(moved) and time.monotonic() < deadline:
        for kind, key, at in (await bridge.read()).sent.values():
            if key in moved and kind == "application.updated" and at / 1000 >= moved[key] - 1:
                found.setdefault(key, at / 1000 - moved[key])
        await asyncio.sleep(1)
    print("  in order:", " ".join(f"{found.get(key, math.nan):.0f}" for key in moved), flush=True)
    delays = sorted(found.values())
    polls = await _listed(bridge) - listed
    print(
        f"{what}: {len(moved)} moves, {len(delays)} published; in {statistics.median(delays):.1f} s at the "
        f"median, {delays[-1]:.1f} s at most; lists of candidates asked for meanwhile: {polls}",
        flush=True,
    )


async def _listed(bridge: Installation) -> int:
    calls = await bridge.simulator.calls()
    return sum(calls["by_path"].get(f"POST {_CANDIDATES}", {}).values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--changed", type=int, nargs="*", default=[500, 20_000])
    parser.add_argument("--seconds", type=float, default=170)
    given = parser.parse_args()
    log.configure_logging(LogConfig(level="error"))
    with (
        tempfile.TemporaryDirectory() as made,
        embedded.postgres(Path(made)) as postgres,
        embedded.kafka(Path(made)) as broker,
    ):
        asyncio.run(main(given, postgres, broker, made))
