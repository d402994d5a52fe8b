"""The soak of change in its short form, on the best broker to be had."""

from pathlib import Path

from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.installation import installed
from tests.soak.change import soak


async def test_change_faults_and_restarts_end_in_agreement(
    store_url: str, kafka_bootstrap: str, topic_prefix: str, data_dir: Path
) -> None:
    async with installed(
        store_url,
        kafka_bootstrap,
        topic_prefix,
        world=World(seed=2, candidates=150, jobs=30, applications=200),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0.5),
        data_dir=str(data_dir),
    ) as bridge:
        await soak(bridge, changes=600, a_round=200, seed=2)
