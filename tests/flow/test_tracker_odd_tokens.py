"""An exchange whose answer is not as expected: a clear word of what came, or a token that still serves."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from bridge.config import Secret
from bridge.simulator.options import CLIENT_SECRET, REFRESH_TOKEN
from bridge.tracker.auth import ASSUMED_LIFE, RENEW_BEFORE, SHORT_LIFE
from bridge.tracker.problems import BadJson, Unreadable
from tests.flow.tracker_account import EXCHANGE, Account, account

OAUTH: dict[str, Any] = {
    "bearer_token": None,
    "oauth_refresh_token": Secret(REFRESH_TOKEN),
    "oauth_client_secret": Secret(CLIENT_SECRET),
}


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


@contextlib.asynccontextmanager
async def answering(**answers: Any) -> AsyncIterator[str]:
    """A host that answers the exchange and the OAuth2 call with the given JSON, and lists no users."""

    def answer(value: Any) -> web.Response:
        return web.Response(body=orjson.dumps(value), content_type="application/json")

    async def exchange(_: web.Request) -> web.Response:
        return answer(answers.get("exchange", {"token": "jwt"}))

    async def oauth(_: web.Request) -> web.Response:
        return answer(answers["oauth"])

    async def users(_: web.Request) -> web.Response:
        return answer({"users": []})

    app = web.Application()
    app.router.add_post(EXCHANGE, exchange)
    app.router.add_post("/oAuth2/Token", oauth)
    app.router.add_post("/api/v1/User/PagedSearch", users)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def _always(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


async def test_an_answer_that_is_no_token_is_told_with_the_call(
    acme: Account, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[Any, str]] = [
        ([], "the answer is no object"),
        ({}, "the answer has no token"),
        ({"token": ""}, "the answer has no token"),
        ({"token": 7}, "the answer has no token"),
    ]
    for given, said in cases:
        with subtests.test(said, given=given):
            async with answering(exchange=given) as url, acme.client(base_url=url) as client:
                with pytest.raises(Unreadable, match=f"POST {EXCHANGE}.*{said}"):
                    await client.pages("users")


@pytest.mark.parametrize(
    ("kind", "more", "problem", "said"),
    [
        ("status", {"status": 204}, Unreadable, "answered 204"),
        ("bad_json", {}, BadJson, "JSON"),
        ("empty_body", {}, Unreadable, ""),
    ],
)
async def test_an_exchange_that_brings_nothing_is_told_and_asked_again_by_the_next_call(
    acme: Account, kind: str, more: dict[str, Any], problem: type[Exception], said: str
) -> None:
    await acme.fault(EXCHANGE, kind, **more)
    async with acme.client() as client:
        with pytest.raises(problem, match=f"POST {EXCHANGE}.*{said}"):
            await client.pages("users")
        assert (await client.pages("users")).rows


async def test_a_token_serves_at_least_so_long_that_it_is_not_exchanged_before_every_call(
    acme: Account, subtests: pytest.Subtests
) -> None:
    now = datetime(2026, 11, 30, 9, tzinfo=UTC)
    cases: list[tuple[Callable[[], Any], timedelta]] = [
        (lambda: None, ASSUMED_LIFE),
        (lambda: "next week", ASSUMED_LIFE),
        (lambda: 1796029200, ASSUMED_LIFE),
        (lambda: (now + timedelta(days=3)).isoformat(), timedelta(days=3)),
        (lambda: (now + timedelta(days=3)).replace(tzinfo=None).isoformat(), timedelta(days=3)),
        (lambda: (now - timedelta(days=3)).isoformat(), RENEW_BEFORE + SHORT_LIFE),
        (lambda: (now + timedelta(minutes=5)).isoformat(), RENEW_BEFORE + SHORT_LIFE),
    ]
    for said, life in cases:
        now += timedelta(days=30)  # the token of the case before has ended
        answer = {"token": "jwt", "expiration": said()}
        with subtests.test(answer=answer):
            async with (
                answering(exchange=answer) as url,
                acme.client(base_url=url, clock=_always(now)) as client,
            ):
                await client.pages("users")
            stored = await acme.vault().load()
            assert stored is not None
            assert stored.expires_at - now == life


async def test_an_oauth_answer_without_an_access_token_is_told(acme: Account) -> None:
    for given in ({"refresh_token": "next"}, {"access_token": 7}):
        async with answering(oauth=given) as url, acme.client(base_url=url, **OAUTH) as client:
            with pytest.raises(Unreadable, match="the answer has no access_token"):
                await client.pages("users")


async def test_a_rotated_refresh_token_is_kept_even_when_the_answer_is_of_no_other_use(acme: Account) -> None:
    async with (
        answering(oauth={"refresh_token": "next"}) as url,
        acme.client(base_url=url, **OAUTH) as client,
    ):
        with pytest.raises(Unreadable):
            await client.pages("users")
    kept = await acme.vault().load_refresh_token()
    assert kept is not None
    assert kept.reveal() == "next"


async def test_a_refresh_token_that_is_not_rotated_goes_on_serving(acme: Account) -> None:
    async with (
        answering(oauth={"access_token": "bearer"}) as url,
        acme.client(base_url=url, **OAUTH) as client,
    ):
        await client.pages("users")
    assert await acme.vault().load_refresh_token() is None
