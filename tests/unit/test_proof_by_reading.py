"""A deletion is proved by reading by id: the real client against the simulator, the store left out."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from bridge.capture.proof import DeletionVerdict, Guard, Prover
from bridge.config import IntegrationConfig, Secret
from bridge.errors import Transient
from bridge.runtime.account_ports import Lane, TrackerToken
from bridge.simulator import server
from bridge.simulator.options import BEARER_TOKEN, Options
from bridge.simulator.server import Server
from bridge.simulator.world import World
from bridge.tracker import resources
from bridge.tracker.client import Client
from bridge.tracker.retry_policy import RetryPolicy

CANDIDATES = resources.DEFAULT["candidates"]
FAULT = {"path": "/api/v1/Resource/", "kind": "status", "times": None}
GUARD = Guard(count=500, percent=10.0)


class Process:
    """What one process knows without a store: its token, and a budget without end."""

    def __init__(self) -> None:
        self._token: TrackerToken | None = None

    async def acquire(self, lane: Lane) -> None:
        """Send at once."""

    async def pause(self, seconds: float, why: str) -> None:
        """Nobody else is to be held."""

    async def load(self) -> TrackerToken | None:
        """The last one."""
        return self._token

    @contextlib.asynccontextmanager
    async def exchange_turn(self) -> AsyncIterator[None]:
        """Always ours."""
        yield

    async def save(self, token: TrackerToken) -> None:
        """Keep it."""
        self._token = token

    def origin(self, *parts: str) -> bytes:
        return b""

    async def load_refresh_token(self, origin: bytes) -> Secret | None:
        """There is none."""
        return None

    async def save_refresh_token(self, secret: Secret, origin: bytes) -> None:
        """There is none."""
        raise AssertionError("this account has no refresh token")


@pytest.fixture
async def account() -> AsyncIterator[Server]:
    """A simulated account of 40 candidates without the quirks that come by chance."""
    world = World(7, candidates=40, jobs=2, applications=2, users=2, index_lag_seconds=0)
    options = Options(index_lag_seconds=0, rate_limit_per_minute=0, quirks_off=("empty_bodies",))
    running = await server.start_server(world, options=options)
    yield running
    await running.close()


@pytest.fixture
async def client(account: Server) -> AsyncIterator[Client]:
    """A client of it that gives up soon."""
    patience = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.002)
    config = IntegrationConfig(id="acme", base_url=account.url, bearer_token=Secret(BEARER_TOKEN))
    async with Client(config, Process(), Process(), patience=patience) as opened:
        yield opened


@pytest.fixture
def prover(client: Client) -> Prover:
    return Prover(client, GUARD, parallel_reads=4, confirm_seconds=0.0)


async def control(account: Server, path: str, body: object) -> None:
    async with aiohttp.ClientSession(account.url) as http, http.post(path, json=body) as answer:
        answer.raise_for_status()


async def without(account: Server, count: int) -> tuple[list[int], list[int]]:
    """Delete the first ``count`` candidates; returns the gone and the rest."""
    url = "/__truth?model=candidate"
    async with aiohttp.ClientSession(account.url) as http, http.get(url) as answer:
        lines = (await answer.text()).splitlines()
    row_ids = sorted(int(msgspec.json.decode(line)["remote_id"]) for line in lines)
    for row_id in row_ids[:count]:
        await control(account, "/__change", {"op": "delete", "entity": "resource", "id": row_id})
    return row_ids[:count], row_ids[count:]


async def test_what_by_id_reads_do_not_find_is_gone(account: Server, prover: Prover) -> None:
    gone, rest = await without(account, 2)
    verdict = await prover.prove(CANDIDATES, gone, rest, 40)
    assert sorted(verdict.gone) == gone


async def test_what_a_list_left_out_is_not_gone(account: Server, prover: Prover) -> None:
    gone, rest = await without(account, 1)
    verdict = await prover.prove(CANDIDATES, [*gone, *rest[:3]], rest[3:], 40)
    assert (verdict.gone, verdict.flaw) == (tuple(gone), None)
    assert verdict.unlisted == tuple(rest[:3])


async def test_too_many_are_held(account: Server, prover: Prover) -> None:
    gone, rest = await without(account, 6)
    assert await prover.prove(CANDIDATES, gone, rest, 40) == DeletionVerdict(held=True)


async def test_what_a_person_approved_is_gone_however_many(account: Server, prover: Prover) -> None:
    gone, rest = await without(account, 6)
    verdict = await prover.prove(CANDIDATES, gone, rest[:1], 40, approved=True)
    assert sorted(verdict.gone) == gone


async def test_nothing_is_proved_while_everything_is_answered_as_gone(
    account: Server, prover: Prover
) -> None:
    _, rest = await without(account, 0)
    await control(account, "/__faults", FAULT | {"status": 404})
    verdict = await prover.prove(CANDIDATES, rest[:2], rest[2:], 40)
    assert (verdict.gone, verdict.held) == ((), False)
    assert verdict.flaw


async def test_with_no_record_left_to_be_a_control_a_person_is_asked(account: Server, prover: Prover) -> None:
    gone, _ = await without(account, 1)
    assert await prover.prove(CANDIDATES, gone, [], 1) == DeletionVerdict(held=True)
    assert await prover.prove(CANDIDATES, gone, [], 1, approved=True) == DeletionVerdict(gone=tuple(gone))


async def test_a_server_that_fails_proves_nothing(account: Server, prover: Prover) -> None:
    gone, rest = await without(account, 2)
    await control(account, "/__faults", FAULT | {"status": 500})
    with pytest.raises(Transient):
        await prover.prove(CANDIDATES, gone, rest, 40)


async def test_a_list_that_leaves_out_many_records_that_exist_is_flawed(
    account: Server, prover: Prover
) -> None:
    gone, rest = await without(account, 1)
    verdict = await prover.prove(CANDIDATES, [*gone, *rest[:30]], rest[30:], 40)
    assert set(verdict.gone) <= set(gone)
    assert verdict.flaw is not None
    assert verdict.flaw.startswith("the list omitted existing records (")


async def test_of_a_list_that_leaves_out_records_without_end_only_some_are_looked_at(
    account: Server, prover: Prover
) -> None:
    _, rest = await without(account, 0)
    verdict = await prover.prove(CANDIDATES, rest * 10, rest, 400)
    assert (verdict.gone, verdict.flaw) == ((), "the list omitted existing records (20 of 20)")
    async with aiohttp.ClientSession(account.url) as http, http.get("/__calls") as answer:
        by_path = (await answer.json())["by_path"]
    assert sum(by_path["GET /api/v1/Resource/{id}"].values()) == 200
