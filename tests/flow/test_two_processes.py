"""Two processes on one integration: one polls, one token serves both, one budget holds both."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import asyncpg
import pytest

from bridge.runtime.account_ports import Lane
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.store.database import Database
from tests.crash.killable import Killable
from tests.installation import Installation, installed
from tests.store.test_budgets import most_in_any_window
from tests.waiting import patient, until

EXCHANGE = "POST /api/Auth/ExchangeToken"
TOOK_OVER = "capture.took_over"
# A minute in two seconds; with room for a machine that lets a process wait.
TERMS = BudgetRules(requests=40, window_seconds=2.0, life_seconds=0.5, arrival_seconds=1.0)
ASKING_SECONDS = 5.0


@asynccontextmanager
async def two(
    store_url: str, kafka: str, prefix: str, data_dir: Path
) -> AsyncIterator[tuple[Installation, Killable, Killable]]:
    """An account, and two bridges on it that have started."""
    async with (
        installed(store_url, kafka, prefix, data_dir=str(data_dir)) as made,
        Killable(made.settings, data_dir, "one") as one,
        Killable(made.settings, data_dir, "other") as other,
    ):
        await asyncio.gather(one.start(), other.start())
        yield made, one, other


async def exchanges(bridge: Installation) -> int:
    """How often a bearer token was exchanged."""
    return sum((await bridge.simulator.calls())["by_path"][EXCHANGE].values())


async def poller_token(store_url: str) -> int:
    """How many processes have polled, one after the other."""
    db = await asyncpg.connect(store_url)
    try:
        return int(await db.fetchval("SELECT token FROM leases WHERE name = 'poller:acme'"))
    finally:
        await db.close()


@pytest.mark.slow
async def test_one_polls_and_the_other_takes_over_with_the_same_token(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    async with two(store_url, embedded_kafka, topic_prefix, data_dir) as (bridge, one, other):
        await bridge.agree()
        await until(lambda: bool(one.events("relay.took_over") or other.events("relay.took_over")))
        poller, idle = (one, other) if one.events(TOOK_OVER) else (other, one)
        assert (len(poller.events(TOOK_OVER)), idle.events(TOOK_OVER)) == (1, [])
        assert (await poller_token(store_url), await exchanges(bridge)) == (1, 1)
        await poller.kill()
        rng = Random(3)
        for _ in range(30):
            bridge.server.world.random_change(rng)
        await bridge.agree()
        assert len(idle.events(TOOK_OVER)) == 1
        assert (await poller_token(store_url), await exchanges(bridge)) == (2, 1)
        await idle.stop()


async def test_a_process_that_stops_hands_over_at_once(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    async with two(store_url, embedded_kafka, topic_prefix, data_dir) as (_, one, other):
        await until(lambda: bool(one.events(TOOK_OVER) or other.events(TOOK_OVER)))
        poller, idle = (one, other) if one.events(TOOK_OVER) else (other, one)
        await poller.stop()
        # Well before a lease of thirty seconds would have run out by itself.
        await until(lambda: len(idle.events(TOOK_OVER)) == 1, 15)
        await idle.stop()


async def ask(store_url: str) -> None:
    """Ask the budget flat out in both lanes, and print when and in which lane each request was granted."""
    ends = time.monotonic() + ASKING_SECONDS
    async with await Database.open(store_url, 3) as db:
        budget = StoredBudget(db, "acme", TERMS)

        async def keep_asking(lane: Lane) -> None:
            while True:
                await budget.acquire(lane)
                # The clock counts from the machine's start: all processes read the same.
                sys.stdout.write(f"{time.monotonic()} {lane}\n")

        polls = asyncio.create_task(keep_asking("poll"))
        await until(lambda: time.monotonic() > ends - ASKING_SECONDS / 2)
        commands = asyncio.create_task(keep_asking("command"))
        await until(lambda: time.monotonic() > ends)
        for task in (polls, commands):
            task.cancel()
        await asyncio.gather(polls, commands, return_exceptions=True)


async def granted(store_url: str) -> list[tuple[float, str]]:
    """What another process got that asks like that."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.flow.test_two_processes", store_url, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), patient(60))
    assert process.returncode == 0
    return [(float(at), lane) for at, lane in (line.split() for line in out.decode().splitlines())]


async def test_two_processes_that_ask_flat_out_stay_within_the_limit_together(store_url: str) -> None:
    both = await asyncio.gather(granted(store_url), granted(store_url))
    assert most_in_any_window([at for one in both for at, _ in one], TERMS.window_seconds) <= TERMS.requests
    assert all(one for one in both)
    assert {lane for one in both for _, lane in one} == {"poll", "command"}


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1]))
