"""Checks of a simulated account that are recorded, and of a playback."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from msgspec import Struct
from trackerrms_contracts.profiles import AccountProfile

from bridge import app, config
from bridge.cli import check_results
from bridge.cli.check_results import CheckLine
from bridge.cli.recording import Made, Recorder
from bridge.simulator import server
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.recording import Recording
from bridge.simulator.server import Server
from bridge.simulator.world import World
from bridge.store import profiles

#: Large enough that a page of a hundred rows has another behind it; its clock is never UTC.
SIZES = {"candidates": 130, "jobs": 60, "applications": 125, "users": 34}
TIME_ZONE = "Australia/Brisbane"
CREDENTIALS = {"username": "simulator-user", "password": "simulator-password", "api_key": "simulator-api-key"}


class Checked(Struct, frozen=True, kw_only=True):
    """A check that was carried out: its lines, what was learned, and the recording."""

    findings: list[CheckLine]
    profile: AccountProfile | None
    made: Made
    server: Server


@contextlib.asynccontextmanager
async def simulated(
    recording: Recording, sizes: Mapping[str, Any] | None = None, **options: Any
) -> AsyncIterator[Server]:
    """A simulated account that speaks what a recording says, with its shapes."""
    world = World(seed=7, **(sizes or SIZES), time_zone=TIME_ZONE, index_lag_seconds=0)
    given = Options(
        rate_limit_per_minute=0, index_lag_seconds=0, quirks_off=("empty_bodies",),
        dialect=recording.dialect, shapes=recording.shapes, **options,
    )  # fmt: skip
    running = await server.start_server(world, options=given)
    try:
        yield running
    finally:
        await running.close()


async def checked(running: Server, store_url: str, data_dir: str, integration: str) -> Checked:
    """Check an account with a recorder; each needs an integration of its own."""
    settings = config.parse_config(
        {
            "data_dir": data_dir,
            "store": {"url": store_url},
            "integrations": [
                {
                    "id": integration, "base_url": running.url, "bearer_token": BEARER_TOKEN,
                    "time_zone": TIME_ZONE, "requests_per_minute": 600_000, "learn": True, **CREDENTIALS,
                }
            ],
        }
    )  # fmt: skip
    recorder = Recorder()
    async with app.open_installation(settings) as here:
        (one,) = settings.integrations
        lines = [line async for line in check_results.findings(here, one, recorder=recorder)]
        known = await profiles.load_profile(here.db, integration)
    assert recorder.made is not None
    return Checked(
        findings=lines, profile=None if known is None else known.profile, made=recorder.made, server=running
    )


async def recorded(
    dialect: Mapping[str, str], store_url: str, data_dir: str, integration: str = "acme", **options: Any
) -> Checked:
    """Check an account that speaks a dialect, with a recorder."""
    async with simulated(Recording(version=1, dialect=dialect), **options) as running:
        return await checked(running, store_url, data_dir, integration)
