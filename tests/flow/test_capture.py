"""Capture from end to end: the simulator over HTTP, real PostgreSQL, a real broker, and the oracle."""

from random import Random

import pytest
from trackerrms_contracts import ids, topics
from trackerrms_contracts.entities import Model

from bridge import kafka
from tests.installation import INTEGRATION, Install, Installation


@pytest.fixture
async def bridge(install: Install) -> Installation:
    return await install()


async def test_the_first_load_says_what_the_account_holds(bridge: Installation) -> None:
    bridge.start()
    topics = await bridge.agree()
    assert set(topics.causes) == {"initial"}
    assert {kind.partition(".")[2] for kind in topics.types} == {"created"}


@pytest.mark.slow
async def test_random_changes_arrive_whatever_the_quirks(bridge: Installation) -> None:
    bridge.start()
    await bridge.agree()
    rng = Random(11)
    for _ in range(10):
        for _ in range(40):
            bridge.server.world.random_change(rng)
        await bridge.agree()


async def test_a_compacted_topic_is_told_to_forget_what_was_deleted(
    install: Install, kafka_bootstrap: str, topic_prefix: str
) -> None:
    bridge = await install(bootstrap_servers=kafka_bootstrap, topics_={"compacted": True})
    bridge.start()
    await bridge.agree()
    placement = bridge.server.world.live["opportunity_resource"].sample(0.5)
    await bridge.simulator.change("delete", "opportunity_resource", placement)
    await bridge.agree()
    name = topics.events(Model.APPLICATION, topic_prefix)
    async with kafka.Consumer(bridge.settings.kafka, [name]) as consumer:
        records = await consumer.read_to_end()
    key = ids.entity_id(INTEGRATION, Model.APPLICATION, str(placement)).encode()
    *_, deleted, tombstone = [record for record in records if record.key == key]
    assert dict(deleted.headers)["ce_type"] == b"application.deleted"
    assert (tombstone.value, tombstone.headers) == (None, ())
