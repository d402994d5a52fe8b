"""Listed records that look deleted are told of, until the operator says what their field means."""

from typing import Any

import pytest
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.simulator.options import Options
from bridge.simulator.world import World
from bridge.store import remarks
from bridge.store.database import Database
from bridge.tracker.answers import DELETED_FLAGS
from tests.installation import INTEGRATION, Install, Installation
from tests.waiting import until


async def _install(install: Install, how: str, **tracker: Any) -> Installation:
    return await install(
        world=World(seed=7, candidates=12, jobs=4, applications=6, users=4, index_lag_seconds=0),
        options=Options(
            rate_limit_per_minute=0, index_lag_seconds=0, quirks_off=("empty_bodies",),
            dialect={"deletions": how},
        ),
        capture={"poll_seconds": 0.2, "sweep_minutes": 0.01},
        integration={"tracker": tracker},
    )  # fmt: skip


async def _told(db: Database) -> list[str]:
    return [one.text for one in await remarks.load_remarks(db, INTEGRATION) if one.code == DELETED_FLAGS]


async def _is_told(db: Database, rule: str) -> bool:
    return any(rule in text for text in await _told(db))


@pytest.mark.parametrize(
    ("how", "rule"), [("listed_inactive", "active=n"), ("listed_flagged", "isDeleted=true")]
)
async def test_a_listed_record_that_looks_deleted_is_told_with_the_key_that_answers(
    install: Install, db: Database, how: str, rule: str
) -> None:
    bridge = await _install(install, how)
    bridge.start()
    await bridge.agree()
    assert await _told(db) == []
    gone = min(bridge.server.world.live["resource"].ids())
    await bridge.simulator.change("delete", "resource", gone)
    await until(lambda: _is_told(db, f'candidates = "{rule}", else candidates = []'))
    entity = ids.entity_id(INTEGRATION, Model.CANDIDATE, str(gone))
    assert (await bridge.read()).deletions["candidate", entity] == 0


async def test_a_rule_makes_it_a_deletion(install: Install, db: Database) -> None:
    rules = {"candidates": "active=n", "applications": "active=n"}
    bridge = await _install(install, "listed_inactive", deleted=rules)
    bridge.start()
    await bridge.agree()
    await bridge.simulator.change("delete", "resource", min(bridge.server.world.live["resource"].ids()))
    await bridge.agree()
    assert await _told(db) == []


async def test_an_empty_rule_answers_that_it_means_nothing(install: Install, db: Database) -> None:
    bridge = await _install(install, "listed_inactive", deleted={"candidates": []})
    bridge.start()
    await bridge.agree()
    gone = min(bridge.server.world.live["resource"].ids())
    await bridge.simulator.change("delete", "resource", gone)
    entity = ids.entity_id(INTEGRATION, Model.CANDIDATE, str(gone))
    # It is read once more than before, and nothing is said of it.
    await until(lambda: _was_updated(bridge, entity))
    assert await _told(db) == []


async def _was_updated(bridge: Installation, entity: str) -> bool:
    sent = (await bridge.read()).sent.values()
    return any((kind, key) == ("candidate.updated", entity) for kind, key, _ in sent)
