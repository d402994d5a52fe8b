"""Capture from end to end: the simulator over HTTP, real PostgreSQL, a real broker, and the oracle."""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from tests.installation import Installation, installed


@pytest.fixture
async def bridge(
    store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> AsyncIterator[Installation]:
    async with installed(store_url, embedded_kafka, topic_prefix, data_dir=str(data_dir)) as made:
        yield made


async def test_the_first_load_says_what_the_account_holds(bridge: Installation) -> None:
    bridge.start()
    topics = await bridge.agree()
    assert set(topics.causes) == {"initial"}
    assert {kind.partition(".")[2] for kind in topics.types} == {"created"}


async def test_random_changes_arrive_whatever_the_quirks(bridge: Installation) -> None:
    bridge.start()
    await bridge.agree()
    rng = Random(11)
    for _ in range(10):
        for _ in range(40):
            bridge.server.world.random_change(rng)
        await bridge.agree()
