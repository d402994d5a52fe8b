"""Hours of change in minutes, then the oracle: ``python -m tests.soak.change --changes 20000``.

The whole bridge against the simulator with every quirk on, faults coming and going, restarts in between;
every round ends with the topics equal to the truth.
"""

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from bridge import embedded, log
from bridge.app import ROLES
from bridge.config import LogConfig
from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import schema
from tests.installation import Installation, installed
from tests.kafka_server import running

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/api/v1/*", {"kind": "status", "status": 500, "times": 15}),
    ("/api/v1/*", {"kind": "cut", "times": 5}),
    ("/api/v1/*", {"kind": "bad_json", "times": 5}),
    ("/api/v1/*", {"kind": "empty_body", "times": 8}),
    ("/api/v1/*", {"kind": "status", "status": 429, "retry_after": 0.5, "times": 3}),
    ("/api/v1/*", {"kind": "status", "status": 401, "times": 3}),
    ("/api/v1/Resource/*", {"kind": "status", "status": 404, "times": 4}),
    ("/api/v1/Resource/PagedSearch", {"kind": "repeat_page", "times": 6, "after": 3}),
    ("/api/v1/Opportunity/PagedSearch", {"kind": "shift_page", "times": 6, "after": 2}),
    ("/api/v1/OpportunityResource/PagedSearch", {"kind": "short_page", "times": 6, "after": 2}),
    ("/api/v1/OpportunityResource/PagedSearch", {"kind": "stale", "times": 6}),
    ("/api/v1/User/PagedSearch", {"kind": "shift_page", "times": 3}),
    ("/api/v1/MetaData", {"kind": "empty_body", "times": 3}),
    ("/api/Auth/*", {"kind": "status", "status": 500, "times": 2}),
)


async def soak(bridge: Installation, changes: int, a_round: int, seed: int) -> None:
    """Change, break, restart, agree; round after round. Raises where the topics are wrong."""
    rng = Random(seed)
    bridge.start()
    topics = await bridge.agree(120)
    print(f"first load: {sum(topics.types.values()):,} events", flush=True)
    done, began = 0, time.monotonic()
    while done < changes:
        for _ in range(rng.randint(1, 3)):
            path, fault = rng.choice(FAULTS)
            await bridge.simulator.fault(path, **fault)
        for _ in range(a_round // 20):
            for _ in range(20):
                bridge.server.world.random_change(rng)
            await asyncio.sleep(0.05)
        done += a_round
        if rng.random() < 0.3:
            await bridge.stop()
            bridge.start()
        await bridge.simulator.clear_faults()
        topics = await bridge.agree(180)
        print(
            f"{done:,} changes, {sum(topics.types.values()):,} events, {time.monotonic() - began:.0f} s: "
            f"topics and truth agree; {dict(topics.causes)}",
            flush=True,
        )
    print("by type:", dict(sorted(topics.types.items())))


@contextmanager
def brokers(directory: str, real: bool) -> Iterator[str]:
    """A real Apache Kafka, or the embedded broker."""
    if real:
        with running(Path(directory)) as broker:
            yield broker.bootstrap
    else:
        with embedded.kafka(Path(directory)) as address:
            yield address


async def main(args: argparse.Namespace, url: str, kafka: str, directory: str) -> None:
    await schema.migrate(url)
    some = args.candidates
    world = World(seed=args.seed, candidates=some, jobs=some // 8, applications=some * 2)
    options = Options(rate_limit_per_minute=0, index_lag_seconds=1.0)
    capture = {"poll_seconds": 1.0, "sweep_minutes": 0.05}
    prefix = f"soak{uuid.uuid4().hex[:8]}"
    async with installed(
        url, kafka, prefix, world=world, options=options, capture=capture, roles=ROLES, data_dir=directory
    ) as bridge:
        await soak(bridge, args.changes, args.round, args.seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--round", type=int, default=400)
    parser.add_argument("--candidates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedded-kafka", action="store_true")
    given = parser.parse_args()
    log.configure_logging(LogConfig(level="error"))
    with (
        tempfile.TemporaryDirectory() as made,
        embedded.postgres(Path(made)) as postgres,
        brokers(made, not given.embedded_kafka) as bootstrap,
    ):
        asyncio.run(main(given, postgres, bootstrap, made))
