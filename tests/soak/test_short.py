"""The soak of change in its short form, on the best broker to be had."""

from bridge.app import ROLES
from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.installation import Install
from tests.soak.change import soak


async def test_change_faults_and_restarts_end_in_agreement(install: Install, kafka_bootstrap: str) -> None:
    bridge = await install(
        bootstrap_servers=kafka_bootstrap,
        roles=ROLES,
        world=World(seed=2, candidates=150, jobs=30, applications=200),
        options=Options(rate_limit_per_minute=0, index_lag_seconds=0.5),
    )
    await soak(bridge, changes=600, a_round=200, seed=2)
