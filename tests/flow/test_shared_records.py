"""Tags and roles belong to every record that carries them: no order of reading makes one blink."""

import pytest

from bridge.simulator.world import World
from tests import oracle
from tests.installation import INTEGRATION, Install, Installation


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge that has read its account, whose polls find what changed before its sweeps do."""
    made = await install(
        world=World(seed=5, candidates=40, jobs=3, applications=0, users=3, index_lag_seconds=0),
        capture={"poll_seconds": 0.2, "sweep_minutes": 60.0},
    )
    made.start()
    await made.agree()
    return made


async def test_a_tag_that_moves_to_another_candidate_is_never_deleted(bridge: Installation) -> None:
    world = bridge.server.world
    first, second, *others = sorted(world.live["resource"].ids())
    world.change("update", "resource", first, tagText="Wanderer")
    await bridge.agree()
    # The page with the newest changes, where the tag is let go of, is read before the one where it is taken.
    world.change("update", "resource", second, tagText="Wanderer")
    for other in others[:20]:
        world.change("update", "resource", other, jobTitle="Welder")
    world.change("update", "resource", first, tagText="")
    await bridge.agree()
    assert oracle.false_deletions(bridge.topics, INTEGRATION, await bridge.simulator.journal()) == []


async def test_a_tag_seen_to_go_before_a_late_index_shows_who_took_it_is_never_deleted(
    bridge: Installation,
) -> None:
    world = bridge.server.world
    first, second = sorted(world.live["resource"].ids())[:2]
    await bridge.simulator.index(lag_seconds=0)
    world.change("update", "resource", first, tagText="Wanderer")
    await bridge.agree()
    # Nobody has seen the index to be late yet. The first record is read by id again, for its change is young.
    await bridge.simulator.index(lag_seconds=0.8)
    world.change("update", "resource", second, tagText="Wanderer")
    world.change("update", "resource", first, tagText="")
    topics = await bridge.agree()
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []


async def test_a_tag_that_nobody_carries_any_more_is_deleted_by_a_poll(bridge: Installation) -> None:
    world = bridge.server.world
    first = min(world.live["resource"].ids())
    world.change("update", "resource", first, tagText="Short lived")
    await bridge.agree()
    world.change("update", "resource", first, tagText="")
    topics = await bridge.agree()
    assert topics.types["tag.deleted"] == 1


async def test_tags_over_200_characters_live_and_go_like_any_other(bridge: Installation) -> None:
    world = bridge.server.world
    first, second = sorted(world.live["resource"].ids())[:2]
    names = ["x" * 200, "x" * 201, "x" * 201 + "y"]
    world.change("update", "resource", first, tagText=",".join(names))
    world.change("update", "resource", second, tagText=names[1])
    topics = await bridge.agree()
    assert {tag["name"] for tag in topics.state["tag"].values()} >= set(names)
    world.change("update", "resource", first, tagText="")
    topics = await bridge.agree()
    assert topics.types["tag.deleted"] == 2
    assert oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal()) == []
