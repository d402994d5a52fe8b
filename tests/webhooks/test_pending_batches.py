"""An endpoint that fails while much happens: what is pending is a row for hundreds, and all of it arrives."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from trackerrms_contracts.webhooks import Endpoint

from bridge.config import Config, KafkaConfig
from bridge.store import deliveries
from tests.waiting import until
from tests.webhooks.installed import Delivering, delivering, settings
from tests.webhooks.receiving import Receiver, status, taking

_MANY = 400


@pytest.fixture
def persistent(store_url: str, kafka_config: KafkaConfig, data_dir: Path) -> Config:
    """It tries again and again, for as long as a test takes."""
    return settings(store_url, kafka_config, str(data_dir), retry_seconds=[0.2] * 200)


async def _break(hooks: Delivering, bad: Receiver, **more: str) -> Endpoint:
    """An endpoint that has failed so often that it is given nothing now."""
    endpoint, _ = await hooks.subscribe(bad, **more)
    hooks.start()
    await hooks.send(10)
    await until(lambda: len(bad.captures) >= 6)
    return endpoint


async def _in_shares(hooks: Delivering, endpoint: Endpoint) -> int:
    query = "SELECT coalesce(sum(cardinality(places)), 0) FROM pending_batch_shares WHERE endpoint_id = $1"
    return int(await hooks.db.fetchval(query, endpoint.id))


async def _nothing_pending(hooks: Delivering) -> bool:
    query = (
        "SELECT (SELECT count(*) FROM pending_deliveries) + (SELECT count(*) FROM pending_batch_shares) = 0"
    )
    return bool(await hooks.db.fetchval(query))


async def test_all_of_it_arrives_once_when_the_endpoint_is_back(persistent: Config) -> None:
    async with delivering(persistent) as hooks, Receiver(status(500)) as bad, Receiver() as well:
        endpoint = await _break(hooks, bad)
        await hooks.subscribe(well)
        missed = await hooks.send(_MANY)
        await hooks.offsets_done()
        assert await _in_shares(hooks, endpoint) > _MANY / 2
        bad.answer, bad.captures = taking, []
        await until(lambda: bad.ids >= set(missed), 60)
        await until(lambda: _nothing_pending(hooks), 60)
        times = Counter(capture.event_id for capture in bad.captures)
        assert {times[event_id] for event_id in missed} == {1}
        assert await hooks.db.fetchval("SELECT count(*) FROM pending_batches") == 0


async def test_none_of_it_is_lost_with_the_process(persistent: Config) -> None:
    async with delivering(persistent) as hooks, Receiver(status(500)) as bad:
        endpoint = await _break(hooks, bad)
        missed = await hooks.send(_MANY)

        async def some() -> bool:
            return await _in_shares(hooks, endpoint) > 0

        await until(some)
        await hooks.stop()
        bad.answer = taking
        bad.captures = []
        hooks.start()
        await until(lambda: bad.ids >= set(missed), 60)
        await until(lambda: _nothing_pending(hooks), 60)


async def test_it_is_shown_and_recovered_without_owing_it_twice(persistent: Config) -> None:
    async with delivering(persistent) as hooks, Receiver(status(500)) as bad:
        began = datetime.now(UTC) - timedelta(minutes=1)
        endpoint = await _break(hooks, bad)
        missed = await hooks.send(_MANY)
        await hooks.offsets_done()
        shown = await hooks.deliveries(endpoint, state="pending")
        assert {one.event_id for one in shown} >= set(missed)
        assert len(shown) == len({one.id for one in shown}) == _MANY + 10
        await deliveries.recover_deliveries(hooks.db, endpoint.id, began)

        async def done() -> bool:
            found = await deliveries.load_recoveries(hooks.db, endpoint.id)
            return [one.state for one in found] == ["done"]

        await until(done)
        [recovery] = await deliveries.load_recoveries(hooks.db, endpoint.id)
        assert (recovery.found, recovery.pending) == (_MANY + 10, 0)
        bad.answer, bad.captures = taking, []
        await until(lambda: _nothing_pending(hooks), 60)
        assert {Counter(c.event_id for c in bad.captures)[event_id] for event_id in missed} == {1}


async def test_what_keeps_its_order_is_not_shared(persistent: Config) -> None:
    async with delivering(persistent) as hooks, Receiver(status(500)) as bad:
        endpoint = await _break(hooks, bad, order="per_entity")
        await hooks.send(_MANY, entities=20)
        await hooks.offsets_done()
        assert await _in_shares(hooks, endpoint) == 0
        assert len(await hooks.deliveries(endpoint, state="pending")) == _MANY + 10


async def test_bodies_in_shares_are_sealed(persistent: Config) -> None:
    async with delivering(persistent) as hooks, Receiver(status(500)) as bad:
        endpoint = await _break(hooks, bad)
        await hooks.send(_MANY, title="a very personal title")
        await hooks.offsets_done()
        assert await _in_shares(hooks, endpoint) > 0
        batches = await hooks.db.fetch("SELECT events, bodies FROM pending_batches")
        assert not any(b"personal" in part for row in batches for part in row)
