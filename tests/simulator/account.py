"""A client of the simulated account: what the tests say to it, in few words."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from bridge.simulator.options import BEARER_TOKEN
from bridge.simulator.server import Server
from bridge.simulator.world import World

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        """The same clock as a timer."""
        return (self.now - START).total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Account:
    """A simulator, its world, its clock, and an HTTP session with a live JWT."""

    server: Server
    clock: Clock
    http: aiohttp.ClientSession
    jwt: str = ""

    @property
    def world(self) -> World:
        return self.server.world

    async def exchange(self, bearer: str = BEARER_TOKEN) -> int:
        """Exchange a bearer token; keeps the JWT; returns the status."""
        async with self.http.post("/api/Auth/ExchangeToken", json={"bearerToken": bearer}) as answer:
            if answer.status == 200:
                self.jwt = (await answer.json())["token"]
            return answer.status

    async def call(self, method: str, path: str, body: Any = None, jwt: str | None = None) -> tuple[int, Any]:
        """(status, JSON or ``None`` for an empty body)."""
        headers = {"Authorization": f"Bearer {self.jwt if jwt is None else jwt}"}
        async with self.http.request(method, path, json=body, headers=headers) as answer:
            content = await answer.read()
            return answer.status, json.loads(content) if content else None

    async def get(self, path: str) -> Any:
        """The JSON of an answer that must be 200."""
        status, value = await self.call("GET", path)
        assert status == 200, (path, status, value)
        return value

    async def page(self, entity: str, **body: Any) -> dict[str, Any]:
        """One page of PagedSearch; its rows also under ``rows``."""
        status, value = await self.call("POST", f"/api/v1/{entity}/PagedSearch", body)
        assert status == 200, (entity, status, value)
        rows = next(part for part in value.values() if isinstance(part, list))
        return {**value, "rows": rows}

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """A control call that must succeed."""
        status, value = await self.call(method, path, body)
        assert status < 300, (path, status, value)
        return value

    async def change(self, op: str, entity: str, record_id: int | None = None, /, **fields: Any) -> int:
        """A change over HTTP; returns the record's id."""
        body = {"op": op, "entity": entity, "id": record_id, **fields}
        return int((await self.control("POST", "/__change", body))["id"])

    async def fault(self, path: str, kind: str, **more: Any) -> None:
        """Plan a fault."""
        await self.control("POST", "/__faults", {"path": path, "kind": kind, **more})

    async def quirk(self, name: str, on: bool) -> None:
        """Switch a quirk."""
        await self.control("POST", "/__quirks", {name: on})

    async def lines(self, path: str) -> list[Any]:
        """A stream of JSON lines."""
        async with self.http.get(path) as answer:
            assert answer.status == 200
            return [json.loads(line) for line in (await answer.text()).splitlines()]

    async def truth(self, model: str) -> dict[str, Any]:
        """Remote id → record."""
        return {line["remote_id"]: line["record"] for line in await self.lines(f"/__truth?model={model}")}

    async def journal(self, after: int = 0) -> list[tuple[str, str, str]]:
        """(op, model, remote id) in order."""
        found = await self.lines(f"/__journal?after={after}")
        return [(entry["op"], entry["model"], entry["remote_id"]) for entry in found]
