"""What a process says of itself to who watches it: alive, ready, and in figures."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge import kafka, listener, metrics, monitoring
from bridge.config import KafkaConfig, MonitoringConfig, Secret
from bridge.kafka import Message
from bridge.monitoring import Monitoring, MonitoringDependencies
from bridge.relay import Relay
from bridge.runtime import supervisor
from bridge.runtime.heartbeat import Roster
from bridge.runtime.supervisor import Stage
from bridge.sealing import Sealer
from bridge.store import cursors, holds, leases, outbox, overview, parked
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.store.database import Database
from bridge.store.outbox import OutboxRow
from bridge.store.tokens import Vault
from bridge.tasks import cancel_and_wait
from tests.waiting import until


@contextlib.asynccontextmanager
async def watched(
    url: str,
    broker: str,
    stages: Mapping[str, Stage],
    silent_seconds: float = 60.0,
    remembered_seconds: float = 5.0,
) -> AsyncIterator[aiohttp.ClientSession]:
    """``stages`` run and are watched while the block lasts; gives a client of the monitoring server."""
    roster, stop = Roster(), asyncio.Event()
    config = KafkaConfig(bootstrap_servers=broker)
    async with await Database.open(url, pool_size=2) as db:
        parts = MonitoringDependencies(
            db=db, roster=roster, integrations=("acme",), reach_kafka=lambda: kafka.reach(config)
        )
        served = Monitoring(parts, MonitoringConfig(listen="127.0.0.1:0"), silent_seconds, remembered_seconds)
        app = served.application()
        running = asyncio.create_task(supervisor.supervise(stages, stop=stop, roster=roster, signals=()))
        async with (
            listener.serving(app, "monitoring.listen", "127.0.0.1:0") as at,
            aiohttp.ClientSession(at) as web,
        ):
            yield web
        stop.set()
        await running


async def begins(stop: asyncio.Event) -> None:
    await stop.wait()


async def value(web: aiohttp.ClientSession, name: str) -> float:
    """The value of the one sample of that metric."""
    async with web.get("/metrics") as said:
        families = text_string_to_metric_families(await said.text())
    (sample,) = next(f.samples for f in families if f.name == name)
    return sample.value


# --- alive ------------------------------------------------------------------------------------------------


async def test_a_stage_that_is_stuck_is_named(store_url: str, embedded_kafka: str) -> None:
    async with await Database.open(store_url, pool_size=6) as db:
        await leases.acquire(db, "poller:acme", "another", 60)

        async def standing_by(stop: asyncio.Event) -> None:
            await leases.wait_for_lease(db, "poller:acme", "me", 60, stop, look_seconds=0.1)

        relay = Relay(db, Unreached(), idle_seconds=0.1)
        stages = {"relay": relay.run, "poller:acme": standing_by}
        async with watched(store_url, embedded_kafka, stages, silent_seconds=2.0) as web:

            async def at_work() -> bool:
                async with web.get("/readyz") as said:
                    told: dict[str, str] = (await said.json())["leases"]
                    return told == {"relay": "held", "poller:acme": "standby"}

            async def is_named() -> bool:
                async with web.get("/livez") as said:
                    return said.status == 503 and list((await said.json())["stuck"]) == ["relay"]

            async def lives() -> bool:
                async with web.get("/livez") as said:
                    return said.status == 200

            await until(at_work)
            await until(lives)
            # Its next statement waits, as it would behind somebody's forgotten lock.
            async with db.transaction() as tx:
                await tx.execute("LOCK TABLE outbox")
                await until(is_named)


class Unreached:
    """A broker that nothing is published to."""

    async def publish(self, messages: Sequence[Message]) -> None:
        raise AssertionError("the outbox is empty")


async def test_waiting_for_the_request_budget_is_life(store_url: str, embedded_kafka: str) -> None:
    async with await Database.open(store_url, pool_size=2) as db:
        budget = StoredBudget(db, "acme", BudgetRules(requests=60))
        await budget.pause(3600)

        async def asking(stop: asyncio.Event) -> None:
            call = asyncio.create_task(budget.acquire("poll"))
            await stop.wait()
            await cancel_and_wait(call, raise_errors=True)

        async with watched(store_url, embedded_kafka, {"poller": asking}, silent_seconds=3.0) as web:
            seen = [await value(web, "bridge_stage_last_beat_seconds")]

            async def moved_on() -> bool:
                seen.append(await value(web, "bridge_stage_last_beat_seconds"))
                async with web.get("/livez") as said:
                    assert said.status == 200
                return sum(later < before for before, later in pairwise(seen)) >= 2

            await until(moved_on, 15)


@pytest.mark.slow
async def test_waiting_for_the_turn_to_exchange_the_token_is_life(
    store_url: str, embedded_kafka: str
) -> None:
    async with await Database.open(store_url, pool_size=4) as db:
        sealer = Sealer(Secret(base64.b64encode(bytes(32)).decode()))
        first, second = Vault(db, sealer, "acme"), Vault(db, sealer, "acme")

        async def asking(stop: asyncio.Event) -> None:
            async with second.exchange_turn():
                await stop.wait()

        async with first.exchange_turn(), watched(store_url, embedded_kafka, {"poller": asking}) as web:

            async def is_running() -> bool:
                async with web.get("/readyz") as said:
                    stages: dict[str, str] = (await said.json())["stages"]
                    return stages == {"poller": "running"}

            await until(is_running)


# --- ready ------------------------------------------------------------------------------------------------


async def test_a_stage_that_begins_is_not_ready(store_url: str, embedded_kafka: str) -> None:
    stages = {"new": begins, "well": supervisor.stopped}
    async with watched(store_url, embedded_kafka, stages) as web, web.get("/readyz") as said:
        body = await said.json()
    assert (said.status, body["missing"]) == (503, ["stage new"])
    assert body["stages"] == {"new": "starting", "well": "running"}


async def test_standing_by_for_a_lease_is_ready_and_shown(store_url: str, embedded_kafka: str) -> None:
    async with await Database.open(store_url, pool_size=2) as db:
        await leases.acquire(db, "relay", "another", 60)

        async def standing_by(stop: asyncio.Event) -> None:
            await leases.wait_for_lease(db, "relay", "me", 60, stop, look_seconds=0.1)

        async with watched(store_url, embedded_kafka, {"relay": standing_by}) as web:

            async def is_shown() -> bool:
                async with web.get("/readyz") as said:
                    body = await said.json()
                    standing_by = "standing by" in body["stages"]["relay"]
                    return said.status == 200 and standing_by and body["leases"] == {"relay": "standby"}

            await until(is_shown)


async def test_without_kafka_it_is_alive_and_not_ready(store_url: str) -> None:
    async with watched(store_url, "127.0.0.1:1", {"well": supervisor.stopped}) as web:
        async with web.get("/livez") as said:
            assert said.status == 200
        async with web.get("/readyz") as said:
            body = await said.json()
    assert said.status == 503
    assert (body["missing"], body["store"]) == (["broker"], "ok")
    assert "kafka.bootstrap_servers" in body["broker"]


# --- figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("remembered_seconds", "second"), [(60.0, 0), (0.0, 1)])
async def test_the_store_is_asked_once_in_a_while_however_many_ask(
    store_url: str, embedded_kafka: str, remembered_seconds: float, second: int
) -> None:
    async with (
        watched(
            store_url,
            embedded_kafka,
            {"well": supervisor.stopped},
            remembered_seconds=remembered_seconds,
        ) as web,
        await Database.open(store_url, pool_size=1) as db,
    ):
        assert await value(web, "bridge_outbox_rows") == 0
        async with db.transaction() as tx:
            await outbox.append(tx, [OutboxRow(topic="t", key=b"k", value=b"v")])
        assert await value(web, "bridge_outbox_rows") == second


async def test_a_lease_that_nobody_holds_is_told_too(store_url: str) -> None:
    async with await Database.open(store_url, pool_size=1) as db:
        for name in ("webhooks:1", "webhooks:2", "poller:acme", "poller:gone", "token:acme"):
            await leases.acquire(db, name, "somebody", 60)
        await leases.acquire(db, "commands:1", "dead", 0)
        found = monitoring.count_lease_holders(await overview.lease_holders(db), ("acme", "other"))
    told = {one.labels: one.value for one in found}
    assert told == {
        ("relay", ""): 0,
        ("commands", ""): 0,
        ("webhooks", ""): 2,
        ("poller", "acme"): 1,
        ("poller", "other"): 0,
    }


async def test_an_account_that_never_worked_has_figures_from_the_start(store_url: str) -> None:
    async with await Database.open(store_url, pool_size=1) as db:

        async def told() -> dict[tuple[str, ...], float]:
            samples = await monitoring.stored(db, ("acme",))
            return {(one.of.name, *one.labels): one.value for one in samples}

        first = await told()
        assert first["bridge_account_up", "acme"] == 0
        assert first["bridge_account_paused_seconds", "acme"] == 0
        assert first["bridge_token_expires_seconds", "acme"] == 0
        parked_of = {labels[2] for labels in first if labels[0] == "bridge_records_parked"}
        assert parked_of == {"users", "statuses", "jobs", "candidates", "applications"}
        kinds = {labels[3] for labels in first if labels[0] == "bridge_holds"}
        assert kinds == set(holds.KINDS)
        assert any(labels[0] == "bridge_account_remarks" for labels in first)
        await cursors.fail(db, "acme", "jobs", "answered 401")
        assert (await told())["bridge_account_up", "acme"] == 0
        await StoredBudget(db, "acme", BudgetRules(requests=60)).pause(
            600, "asked for patience until 14:05 UTC"
        )
        async with db.transaction() as tx:
            await parked.park_records(tx, "acme", "jobs", [(1, "why", "where"), (2, "why", "where")])
        later = await told()
        assert 500 < later["bridge_account_paused_seconds", "acme"] <= 600
        assert later["bridge_records_parked", "acme", "jobs"] == 2
        assert await monitoring.trouble(db, "acme") == "in trouble: jobs: answered 401"
        assert await monitoring.trouble(db, "other") == "ok"


async def test_a_pause_without_other_trouble_is_told_with_its_reason(store_url: str) -> None:
    async with await Database.open(store_url, pool_size=1) as db:
        await StoredBudget(db, "acme", BudgetRules(requests=60)).pause(
            600, "asked for patience until 14:05 UTC"
        )
        assert await monitoring.trouble(db, "acme") == "paused: asked for patience until 14:05 UTC"


async def test_nothing_is_shown_that_is_not_documented(store_url: str, embedded_kafka: str) -> None:
    async with (
        watched(store_url, embedded_kafka, {"well": supervisor.stopped}) as web,
        web.get("/metrics") as said,
    ):
        families = list(text_string_to_metric_families(await said.text()))
    shown = {f"{f.name}_total" if f.type == "counter" else f.name for f in families}
    ours = {name for name in shown if name.startswith("bridge_")}
    assert ours == {name for name, *_ in metrics.documented()}
    assert {f.name: f.samples[0].value for f in families if f.samples}["bridge_store_up"] == 1
    assert "process_resident_memory_bytes" in shown
