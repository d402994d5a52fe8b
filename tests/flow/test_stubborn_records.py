"""Records that never answer by id hold up themselves, and nobody else."""

import pytest

from bridge.simulator.world import World
from tests.installation import Install, Installation
from tests.waiting import until

_STUBBORN = 4


@pytest.fixture
async def bridge(install: Install) -> Installation:
    """A bridge on a small account, not started."""
    return await install(
        world=World(seed=5, candidates=30, jobs=3, applications=0, users=3, index_lag_seconds=0),
        capture={"poll_seconds": 0.3, "sweep_minutes": 0.005},
    )


async def _refuse(bridge: Installation, record_ids: list[int], status: int) -> None:
    for record_id in record_ids:
        await bridge.simulator.fault(f"/api/v1/Resource/{record_id}", "status", status=status, times=None)


def _ids(bridge: Installation) -> list[int]:
    return sorted(bridge.server.world.live["resource"].ids())


@pytest.mark.parametrize("status", [400, 401, 403, 500])
async def test_more_than_a_few_on_the_first_page_do_not_hold_up_the_first_load(
    bridge: Installation, status: int
) -> None:
    stubborn = _ids(bridge)[-_STUBBORN:]
    await _refuse(bridge, stubborn, status)
    bridge.start()

    async def others_have_arrived() -> bool:
        bridge.check()
        return len((await bridge.read()).state["candidate"]) == 30 - _STUBBORN

    await until(others_have_arrived, 60)
    await bridge.simulator.clear_faults()
    await bridge.agree()
