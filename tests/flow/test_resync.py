"""``bridge resync``: every record of every model is read anew; republished, it is created once more."""

from collections import Counter

import pytest
from trackerrms_contracts.entities import Model

from bridge import app
from bridge.capture.stage import models_of
from bridge.cli import resync
from bridge.store import outbox, scans
from bridge.store.database import Database
from tests.installation import INTEGRATION, Install, Installation
from tests.oracle import Topics
from tests.waiting import until


@pytest.fixture
async def bridge(install: Install) -> Installation:
    return await install()


async def _resync(bridge: Installation, *, republish: bool) -> None:
    """Ask for it as the command does, and wait until the running bridge has carried it out."""
    (integration,) = bridge.settings.integrations
    resources = app.resources_of_integration(integration)
    async with app.open_installation(bridge.settings) as here:
        for resource in resources.values():
            begun = await resync.request_resync(here, integration, resource, republish)
            assert begun.startswith("requested"), begun

        await until(lambda: _carried_out(bridge, here.db), 60)


async def _carried_out(bridge: Installation, db: Database) -> bool:
    """Whether no resync is under way, and all that was told is on Kafka."""
    bridge.check()
    running = await scans.all_running(db, INTEGRATION)
    kinds = [await scans.running(db, INTEGRATION, name) for name in running]
    if any(scan and scan.kind in ("resync", "republish") for scan in kinds):
        return False
    return (await outbox.depth(db))[0] == 0


def _live(topics: Topics) -> Counter[tuple[str, str]]:
    return Counter((model, key) for model, records in topics.state.items() for key in records)


async def _loaded(bridge: Installation) -> Topics:
    bridge.start()
    topics = await bridge.agree()
    async with app.open_installation(bridge.settings) as here:
        (integration,) = bridge.settings.integrations

        async def loaded() -> bool:
            bridge.check()
            followed = app.resources_of_integration(integration).values()
            return all([await resync.is_loaded(here, integration, one) for one in followed])

        await until(loaded, 60)
    return topics


async def test_republishing_creates_every_live_record_of_all_models_once_more(bridge: Installation) -> None:
    before = dict((await _loaded(bridge)).sent)
    await _resync(bridge, republish=True)
    topics = await bridge.agree()
    new = [sent for event_id, sent in topics.sent.items() if event_id not in before]
    created = Counter((kind.partition(".")[0], key) for kind, key, _ in new)
    assert {kind.partition(".")[2] for kind, _, _ in new} == {"created"}
    assert created == _live(topics)
    assert {model for model, _ in created} == set(models_of(bridge.settings.integrations[0]))
    assert topics.causes["resync"] == len(new)


async def test_a_resync_publishes_nothing_of_what_is_as_it_was(bridge: Installation) -> None:
    before = len((await _loaded(bridge)).sent)
    await _resync(bridge, republish=False)
    assert len((await bridge.agree()).sent) == before


async def test_a_record_that_changes_while_it_is_republished_is_told_with_its_change(
    bridge: Installation,
) -> None:
    await _loaded(bridge)
    user = int(next(iter((await bridge.simulator.truth())[Model.USER]))["remote_id"])
    await bridge.simulator.change("update", "user", user, firstName="Renamed")
    await _resync(bridge, republish=True)
    topics = await bridge.agree()
    assert any(record["first_name"] == "Renamed" for record in topics.state["user"].values())


async def test_a_resync_goes_on_after_a_restart_and_creates_nothing_twice(bridge: Installation) -> None:
    before = dict((await _loaded(bridge)).sent)
    await bridge.stop()
    async with app.open_installation(bridge.settings) as here:
        (integration,) = bridge.settings.integrations
        for resource in app.resources_of_integration(integration).values():
            await resync.request_resync(here, integration, resource, True)
        bridge.start()
        await until(lambda: _some_published(bridge, len(before)), 60)
        await bridge.stop()
        bridge.start()

        await until(lambda: _carried_out(bridge, here.db), 60)
    topics = await bridge.agree()
    created = Counter(key for event_id, (_, key, _) in topics.sent.items() if event_id not in before)
    assert set(created.values()) == {1}
    assert len(created) == _live(topics).total()


async def _some_published(bridge: Installation, before: int) -> bool:
    bridge.check()
    return len((await bridge.read()).sent) > before
