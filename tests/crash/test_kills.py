"""kill -9 at any moment: nothing is lost, nothing is invented, nothing is read twice without need."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest
from trackerrms_contracts import codec, events, ids
from trackerrms_contracts.entities import Model, User

from bridge.app import Tuning
from bridge.capture.stage import CaptureLimits
from bridge.kafka import ConsumedRecord
from bridge.simulator.calls import Calls
from bridge.simulator.world import World
from tests.crash.killable import Killable
from tests.installation import INTEGRATION, Installation, installed
from tests.oracle import Topics, Violation
from tests.waiting import until

KILLS = int(os.environ.get("CRASH_KILLS", "12"))
SEED = int(os.environ.get("CRASH_SEED", "5"))

TUNING = Tuning(reads=CaptureLimits(parallel_reads=2, confirm_seconds=0.0))

CANDIDATE_LIST, CANDIDATE = "POST /api/v1/Resource/PagedSearch", "GET /api/v1/Resource/{id}"


@asynccontextmanager
async def killable(
    store_url: str, kafka: str, prefix: str, data_dir: Path, world: World, **capture: Any
) -> AsyncIterator[tuple[Installation, Killable]]:
    """A simulator that answers a hundred requests a second, and a bridge to be killed."""
    async with installed(
        store_url, kafka, prefix, data_dir=str(data_dir), world=world,
        capture=capture, integration={"requests_per_minute": 6_000},
    ) as made, Killable(made.settings, data_dir, tuning=TUNING) as process:  # fmt: skip
        yield made, process


async def requests_more(bridge: Installation, process: Killable, number: int) -> None:
    """Wait until the simulator has received ``number`` more requests."""
    wanted = bridge.server.site.calls.report()["total"] + number

    def received() -> bool:
        process.check()
        return bool(bridge.server.site.calls.report()["total"] >= wanted)

    await until(received, 30)


async def first_loads_done(store_url: str) -> int:
    """How many of the three first loads have ended."""
    db = await asyncpg.connect(store_url)
    try:
        return int(
            await db.fetchval("SELECT count(*) FROM scans WHERE kind = 'initial' AND finished_at IS NOT NULL")
        )
    finally:
        await db.close()


def invented(topics: Topics, journal: list[dict[str, Any]]) -> Counter[str]:
    """The entities told to be deleted more often than they were."""
    were = Counter(
        ids.entity_id(INTEGRATION, Model(line["model"]), line["remote_id"])
        for line in journal
        if line["op"] == "deleted"
    )
    return Counter(key for kind, key, _ in topics.sent.values() if kind.endswith(".deleted")) - were


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * KILLS)
async def test_kills_lose_nothing_and_invent_nothing(
    store_url: str, kafka_bootstrap: str, topic_prefix: str, data_dir: Path
) -> None:
    rng = Random(SEED)
    # Large enough that the first load outlasts the kills that are meant for it.
    world = World(7, 60 * KILLS, 4 * KILLS, 20 * KILLS, 12, index_lag_seconds=0.3)
    async with killable(store_url, kafka_bootstrap, topic_prefix, data_dir, world) as (bridge, process):
        for _ in range(KILLS // 2):
            await process.start()
            await requests_more(bridge, process, rng.randint(3, 60))
            await any_moment(rng)
            await process.kill()
        assert await first_loads_done(store_url) < 3
        await process.start()
        topics = await bridge.agree()
        assert {kind.partition(".")[2] for kind in topics.types} == {"created"}
        # Not one was skipped by the load, to be found by a sweep.
        assert set(topics.causes) == {"initial"}
        for _ in range(KILLS - KILLS // 2):
            change(world, rng)
            await requests_more(bridge, process, rng.randint(1, 60))
            change(world, rng)
            await requests_more(bridge, process, rng.randint(1, 60))
            await any_moment(rng)
            await process.kill()
            change(world, rng)
            await process.start()
        topics = await bridge.agree()
        assert not invented(topics, await bridge.simulator.journal())
        await process.stop()


async def any_moment(rng: Random) -> None:
    """Not just when a request comes in: between two of them pages are committed and events published."""
    await asyncio.sleep(rng.uniform(0, 0.3))


def change(world: World, rng: Random) -> None:
    """A few believable changes of anything."""
    for _ in range(rng.randint(5, 40)):
        world.random_change(rng)


async def test_a_first_load_goes_on_at_the_page_after_the_last_committed_one(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    world = World(7, candidates=200, jobs=0, applications=0, users=3, index_lag_seconds=0)
    async with killable(
        store_url, embedded_kafka, topic_prefix, data_dir, world, poll_seconds=3600.0, sweep_minutes=60.0
    ) as (bridge, process):
        await bridge.simulator.quirks(empty_bodies=False)
        db = await asyncpg.connect(store_url)
        await process.start()
        where = "FROM scans WHERE resource = 'candidates'"
        await until(lambda: db.fetchval(f"SELECT next_page > 8 {where}"))
        await process.kill()
        left = 20 - await db.fetchval(f"SELECT next_page - 1 {where}")
        assert 0 < left <= 12
        bridge.server.site.calls = Calls()
        await process.start()
        await until(lambda: db.fetchval(f"SELECT finished_at IS NOT NULL {where}"))
        await db.close()
        by_path = (await bridge.simulator.calls())["by_path"]
        lists, details = (sum(by_path[path].values()) for path in (CANDIDATE_LIST, CANDIDATE))
        # Beside the load there is one poll; what the dead process had sent may still have come in.
        assert left + 1 <= lists <= left + 1 + 2
        assert 10 * left <= details <= 10 * left + 2


def record(event: events.Event[Any], offset: int) -> ConsumedRecord:
    """The event as it stands on its topic."""
    return ConsumedRecord(
        topic="users", partition=0, offset=offset, timestamp_ms=0,
        key=event.subject.encode(), value=codec.encode(event), headers=(),
    )  # fmt: skip


def versions(count: int) -> list[events.Event[Any]]:
    """That many versions of one user."""
    user_id = ids.entity_id(INTEGRATION, Model.USER, "17")
    return [
        events.Event(
            id=ids.event_id(user_id, n),
            source="trackerrms/acme",
            type=events.event_type(Model.USER, "created" if n == 1 else "updated"),
            subject=user_id,
            time=datetime(2026, 11, 23, tzinfo=UTC),
            dataschema=events.data_schema(Model.USER),
            integrationid=INTEGRATION,
            sequence=ids.format_sequence(n),
            data=events.Change(
                record=User(id=user_id, remote_id="17", first_name=f"Name {n}"),
                changed_fields=() if n == 1 else ("first_name",),
                cause="initial" if n == 1 else "poll",
            ),
        )
        for n in range(1, count + 1)
    ]


def test_a_replay_after_a_crash_is_no_violation() -> None:
    first, second, third = versions(3)
    topics = Topics()
    topics.read(record(event, n) for n, event in enumerate([first, second, first, second, third]))
    assert list(topics.types.values()) == [1, 2]
    assert [user["first_name"] for user in topics.state["user"].values()] == ["Name 3"]


def test_a_replay_with_other_content_is_a_violation() -> None:
    first, second = versions(2)
    other = msgspec.structs.replace(first, time=datetime(2026, 11, 24, tzinfo=UTC))
    with pytest.raises(Violation, match="different content"):
        Topics().read(record(event, n) for n, event in enumerate([first, second, other]))


def test_a_version_that_is_missing_is_a_violation() -> None:
    first, _, third = versions(3)
    with pytest.raises(Violation, match="1, then 3"):
        Topics().read([record(first, 0), record(third, 1)])
