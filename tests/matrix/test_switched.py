"""An account whose API changes while the bridge runs is read right, or told: nothing untrue is published."""

import os
import re
from pathlib import Path

import pytest

from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests import oracle
from tests.installation import INTEGRATION, installed
from tests.matrix.entry import EveryRecord, Versions, changes, judged, said, settled

_SWITCHES: list[dict[str, str]] = [
    {"first_page": "0"},
    {"page_size": "7"},
    {"page_size": "25"},
    {"unpaged": "all"},
    {"rows_key": "data"},
    {"row_case": "pascal"},
    {"record_case": "pascal"},
    {"record_shape": "data"},
    {"record_id": "absent"},
    {"absence": "403"},
    {"absence": "null"},
    {"absence": "html"},
    {"dates": "us"},
    {"dates": "day_first"},
    {"dates": "utc_z"},
    {"dates": "local_z"},
    {"tags": "absent"},
    {"tags": "null"},
    {"contact": "null"},
    {"states": "active_placed_lost"},
    {"states": "ignored"},
    {"group_key": "state"},
    {"group_names": "german"},
    {"updated_after": "nothing"},
    {"last_updated": "absent"},
    {"by_id": "another"},
    {"search_cap": "20"},
]
_NAMES_A_KEY = re.compile(r"\b(set|add|correct)\b.*[a-z]+\.[a-z_]+|held: ")
_ONLY = os.environ.get("SWITCHED_ONLY", "")


def _entries() -> list[dict[str, str]]:
    return [one for one in _SWITCHES if not _ONLY or any(word in str(one) for word in _ONLY.split(","))]


def _parts(
    differs: list[str], untrue: list[str], check: tuple[str, ...], causes: tuple[str, ...]
) -> list[tuple[str, list[str]]]:
    return [
        ("differs", differs[:8]), ("untrue", untrue[:8]), ("check", list(check)), ("status", list(causes))
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", _entries(), ids=lambda one: " ".join(f"{k}={v}" for k, v in one.items()))
async def test_an_account_that_changes_its_ways_is_read_right_or_told(
    dialect: dict[str, str], store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    world = World(seed=7, candidates=25, jobs=14, applications=30, users=12, index_lag_seconds=0)
    options = Options(rate_limit_per_minute=0, index_lag_seconds=0, quirks_off=("empty_bodies",))
    async with installed(
        store_url, embedded_kafka, topic_prefix, world=world, options=options, data_dir=str(data_dir),
        integration={"learn": True},
        capture={"poll_seconds": 0.3, "deletion_limit_percent": 10, "loss_limit_percent": 10},
    ) as bridge:  # fmt: skip
        bridge.topics = topics = EveryRecord()
        versions = Versions()
        versions.add(await bridge.simulator.truth())
        bridge.start()
        await bridge.agree()
        await bridge.simulator.dialect(**dialect)
        for change in changes(world):
            await bridge.simulator.change(**change)
            versions.add(await bridge.simulator.truth())
        differs = await settled(bridge, bridge.simulator.truth)
        untrue = versions.untrue(topics.published)
        untrue += oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal())
        check, causes = await said(bridge, write=False)
        found = judged(differs, untrue, (), check, causes)
        if found == "silent" and not untrue and any(_NAMES_A_KEY.search(cause) for cause in causes):
            # Status has told; the check has learned the account anew, and the bridge goes by that.
            await bridge.agree(60)
            found = "right"
        told = [
            f"{name}: {said_}" for name, lines in _parts(differs, untrue, check, causes) for said_ in lines
        ]
        assert found in ("right", "loud"), "\n".join([found, *told])
        # What was held or refused heals by itself once the account is as it was.
        await bridge.simulator.dialect(**dict.fromkeys(dialect, None))
        await bridge.agree(60)
        await bridge.stop()
