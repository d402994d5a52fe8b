"""Tokens: exchanged once for everybody, renewed when refused, and clear words when a person must act."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bridge.config import Secret
from bridge.simulator.options import BEARER_TOKEN, REFRESH_TOKEN
from bridge.store.tokens import Vault
from bridge.tracker.errors import CredentialsRefused, Unreachable, WrongHost
from tests.flow.tracker_account import EXCHANGE, HASTY, Account, account

OAUTH: dict[str, Any] = {"bearer_token": None, "oauth_refresh_token": Secret(REFRESH_TOKEN)}
OAUTH_SECRET = Secret("simulator-client-secret")


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


async def test_twenty_callers_at_once_exchange_once(acme: Account) -> None:
    async with acme.client() as client:
        await asyncio.gather(*(client.pages("candidates", number=n % 3 + 1) for n in range(20)))
    assert await acme.calls(EXCHANGE) == 1


async def test_two_processes_share_one_token(acme: Account) -> None:
    async with acme.client() as one, acme.client() as other:
        pages = await asyncio.gather(
            *(client.pages("candidates") for client in (one, other) for _ in range(10))
        )
        assert len(pages) == 20
    assert await acme.calls(EXCHANGE) == 1


async def test_a_restart_uses_the_token_of_before(acme: Account) -> None:
    for _ in range(2):
        async with acme.client() as client:
            await client.pages("users")
    assert await acme.calls(EXCHANGE) == 1


async def test_a_superseded_token_is_exchanged_again_once_for_all_callers(acme: Account) -> None:
    async with acme.client() as one, acme.client() as other:
        await asyncio.gather(one.pages("users"), other.pages("users"))
        await acme.supersede()
        before = await acme.calls(EXCHANGE)
        await asyncio.gather(*(client.pages("users") for client in (one, other) for _ in range(10)))
    assert await acme.calls(EXCHANGE) == before + 1


async def test_a_token_is_exchanged_an_hour_before_it_ends(store_url: str) -> None:
    now = datetime.now(UTC)
    async with account(store_url, clock=lambda: now, jwt_seconds=4 * 3600) as acme:
        async with acme.client(clock=lambda: now) as client:
            await client.pages("users")
            now += timedelta(hours=2, minutes=59)
            await client.pages("users")
            assert await acme.calls(EXCHANGE) == 1
            now += timedelta(minutes=2)
            await client.pages("users")
        assert await acme.calls(EXCHANGE) == 2


async def test_a_dead_bearer_token_says_where_to_get_another(acme: Account) -> None:
    async with acme.client(bearer_token=Secret("long-dead-token")) as client:
        with pytest.raises(CredentialsRefused, match=r"Tools & Settings \| Security Settings \| API") as told:
            await client.pages("users")
    assert "region" in str(told.value)
    assert "long-dead-token" not in str(told.value)
    assert await acme.calls(EXCHANGE) == 1


async def test_a_caller_that_is_always_refused_gives_up(acme: Account) -> None:
    await acme.fault("/api/v1/User", "status", status=401, times=None)
    async with acme.client() as client:
        with pytest.raises(CredentialsRefused, match="401 to 5 JWTs in a row"):
            await client.pages("users")
    assert await acme.calls(EXCHANGE) == 5


@pytest.mark.parametrize("status", [404, 301])
async def test_a_host_without_the_exchange_is_the_wrong_host(acme: Account, status: int) -> None:
    await acme.fault(EXCHANGE, "status", status=status)
    async with acme.client() as client:
        with pytest.raises(WrongHost, match=r"base_url.*there is no TrackerRMS API at this address.*region"):
            await client.pages("users")


async def test_a_name_that_does_not_resolve_is_the_wrong_host(acme: Account) -> None:
    hurry = msgspec.structs.replace(HASTY, attempts=1)
    async with acme.client(hurry, base_url="http://nowhere.invalid") as client:
        with pytest.raises(WrongHost, match=r"nowhere\.invalid \(base_url\) does not resolve.*DNS"):
            await client.pages("users")


async def test_an_exchange_that_fails_now_and_then_is_tried_again(acme: Account) -> None:
    await acme.fault(EXCHANGE, "status", status=503, times=2)
    async with acme.client() as client:
        assert (await client.pages("users")).rows


async def test_a_refresh_token_is_rotated_and_kept(acme: Account) -> None:
    async with acme.client(oauth_client_secret=OAUTH_SECRET, **OAUTH) as client:
        assert (await client.pages("users")).rows
    kept = await acme.kept_refresh_token()
    assert kept is not None
    assert kept.reveal() != REFRESH_TOKEN


async def test_the_kept_refresh_token_is_used_after_a_restart(acme: Account) -> None:
    for _ in range(2):
        async with acme.client(oauth_client_secret=OAUTH_SECRET, **OAUTH) as client:
            await client.pages("users")
            await acme.fault("/api/v1/User", "status", status=401)
            assert (await client.pages("users")).rows


async def test_a_dead_refresh_token_says_so(acme: Account) -> None:
    dead = {**OAUTH, "oauth_refresh_token": Secret("dead-refresh-token")}
    async with acme.client(oauth_client_secret=OAUTH_SECRET, **dead) as client:
        with pytest.raises(CredentialsRefused, match="OAuth2 refresh token") as told:
            await client.pages("users")
    assert "dead-refresh-token" not in str(told.value)


@pytest.mark.parametrize("credentials", [{}, {**OAUTH, "oauth_client_secret": OAUTH_SECRET}])
async def test_the_widget_lists_users_with_the_bearer_token_itself(
    acme: Account, credentials: dict[str, Any]
) -> None:
    async with acme.client(tracker={"users_from": "widget"}, **credentials) as client:
        page = await client.pages("users")
    assert (len(page.rows), page.has_next) == (12, False)


async def test_the_widget_says_in_its_answer_that_it_knows_nobody(acme: Account) -> None:
    stranger = Secret(BEARER_TOKEN[::-1])
    async with acme.client(bearer_token=stranger, tracker={"users_from": "widget"}) as client:
        with pytest.raises(CredentialsRefused, match="status 1"):
            await client.pages("users")


class SlowVault:
    """The store's vault, but for turns that are taken away before the token is saved."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.load, self.save, self.origin = vault.load, vault.save, vault.origin
        self.load_refresh_token, self.save_refresh_token = vault.load_refresh_token, vault.save_refresh_token

    @asynccontextmanager
    async def exchange_turn(self) -> AsyncIterator[None]:
        yield


async def test_a_turn_that_was_lost_is_no_lost_lease_of_the_caller(acme: Account) -> None:
    async with acme.client(vault=SlowVault(acme.vault())) as client:
        with pytest.raises(Unreachable, match="turn to exchange"):
            await client.pages("users")
