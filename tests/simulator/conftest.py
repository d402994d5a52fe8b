"""A simulated account for each test, small, its clock standing still, its randomness off."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from bridge.simulator import server
from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.simulator.account import Account, Clock

Opener = Callable[..., Awaitable[Account]]


@pytest.fixture
async def open_account() -> AsyncIterator[Opener]:
    """Opens accounts: ``sizes`` as World takes them, everything else as Options does."""
    async with AsyncExitStack() as stack:

        async def opened(**given: Any) -> Account:
            sizes: dict[str, Any] = {"candidates": 35, "jobs": 20, "applications": 60, "users": 6}
            sizes = {key: given.pop(key, size) for key, size in sizes.items()}
            clock = Clock()
            zone = given.pop("time_zone", "Europe/London")
            world = World(7, **sizes, time_zone=zone, clock=clock, timer=clock.seconds, index_lag_seconds=0)
            options = Options(
                **{"index_lag_seconds": 0, "empty_body_rate": 0, "missed_webhook_rate": 0, **given}
            )
            running = await server.start_server(world, "127.0.0.1", 0, options)
            stack.push_async_callback(running.close)
            http = await stack.enter_async_context(aiohttp.ClientSession(running.url))
            account = Account(running, clock, http)
            await account.exchange()
            return account

        yield opened


@pytest.fixture
async def account(open_account: Opener) -> Account:
    """An account of 35 candidates, 20 jobs, 60 applications and 6 users."""
    return await open_account()
