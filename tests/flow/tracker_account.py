"""A simulated account and clients of it, for the tests of the TrackerRMS client."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Any

import aiohttp

from bridge.clock import utc_now
from bridge.config import IntegrationConfig, Secret
from bridge.runtime.account_ports import Lane, TokenVault
from bridge.sealing import Sealer
from bridge.simulator import server
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.world import World
from bridge.store import budgets
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.store.database import Database
from bridge.store.tokens import Vault
from bridge.tracker.client import Client
from bridge.tracker.retry_policy import RetryPolicy

EXCHANGE = "/api/Auth/ExchangeToken"
SEALER = Sealer(Secret(base64.b64encode(b"k" * 32).decode()))
HASTY = RetryPolicy(
    connect_seconds=2, attempt_seconds=5, first_pause_seconds=0.01, longest_pause_seconds=0.05,
    throttled_pause_seconds=0.1, renewal_pause_seconds=0.01,
)  # fmt: skip


class Account:
    """One simulated TrackerRMS; every ``client()`` is a process of its own on the same store."""

    def __init__(self, url: str, db: Database, time_zone: str) -> None:
        self.url, self.time_zone = url, time_zone
        self._db = db

    @asynccontextmanager
    async def client(
        self,
        patience: RetryPolicy = HASTY,
        clock: Callable[[], datetime] = utc_now,
        vault: TokenVault | None = None,
        per_minute: int = 60_000,
        lane: Lane = "poll",
        **settings: Any,
    ) -> AsyncIterator[Client]:
        """A client with the store's budget and vault; ``settings`` lie over its configuration."""
        given = {"base_url": self.url, "bearer_token": Secret(BEARER_TOKEN), "time_zone": self.time_zone}
        config = IntegrationConfig(id="acme", **{**given, **settings})
        budget = StoredBudget(self._db, "acme", BudgetRules(requests=per_minute))
        async with Client(
            config, budget, vault or self.vault(), patience=patience, clock=clock, lane=lane
        ) as client:
            yield client

    async def charged(self) -> int:
        """How many requests the budget has granted."""
        usage = await budgets.usage(self._db, "acme")
        return usage.used if usage else 0

    def vault(self) -> Vault:
        """The vault as another process sees it."""
        return Vault(self._db, SEALER, "acme")

    async def kept_refresh_token(self) -> Secret | None:
        """The stored refresh token, whatever it came from."""
        origin = await self._db.fetchval("SELECT refresh_origin FROM tokens WHERE integration_id = 'acme'")
        return None if origin is None else await self.vault().load_refresh_token(origin)

    async def fault(self, path: str, kind: str, **more: Any) -> None:
        """Plan a fault."""
        await self._post("/__faults", {"path": path, "kind": kind, **more})

    async def change(self, **change: Any) -> int:
        """Change the account; returns the record's id."""
        found: int = (await self._post("/__change", change))["id"]
        return found

    async def supersede(self) -> None:
        """Exchange as somebody else does, which ends the JWT in use."""
        await self._post(EXCHANGE, {"bearerToken": BEARER_TOKEN})

    async def calls(self, path: str) -> int:
        """How many POSTs the simulator received at ``path``."""
        async with aiohttp.ClientSession(self.url) as session, session.get("/__calls") as answer:
            report = await answer.json()
        return sum(report["by_path"].get(f"POST {path}", {}).values())

    async def _post(self, path: str, body: Any) -> Any:
        async with aiohttp.ClientSession(self.url) as session, session.post(path, json=body) as answer:
            answer.raise_for_status()
            return await answer.json()


@asynccontextmanager
async def account(
    store_url: str,
    *,
    time_zone: str = "Europe/London",
    clock: Callable[[], datetime] = utc_now,
    sizes: dict[str, int] | None = None,
    changes: int = 0,
    **options: Any,
) -> AsyncIterator[Account]:
    """A small account after ``changes`` random changes, without the quirks that come by chance."""
    small: dict[str, Any] = {"seed": 7, "candidates": 23, "jobs": 12, "applications": 31, "users": 12}
    world = World(**{**small, **(sizes or {})}, time_zone=time_zone, clock=clock, index_lag_seconds=0)
    chance = Random(world.seed)
    for _ in range(changes):
        world.random_change(chance)
    given = {"rate_limit_per_minute": 0, "index_lag_seconds": 0, "quirks_off": ("empty_bodies",)}
    running = await server.start_server(world, options=Options(**{**given, **options}))
    db = await Database.open(store_url)
    try:
        yield Account(running.url, db, time_zone)
    finally:
        await db.close()
        await running.close()
