"""An exchange whose answer is not as expected: a clear word of what came, or a token that still serves."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from aiohttp import web

from bridge.config import Secret
from bridge.simulator.options import CLIENT_SECRET, REFRESH_TOKEN
from bridge.tracker.auth import RENEW_BEFORE, SHORT_LIFE
from bridge.tracker.errors import BadJson, CredentialsRefused, Unreadable
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
        if isinstance(value, bytes):
            return web.Response(body=value, content_type="text/plain")
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


def _in_london(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("Europe/London")).replace(tzinfo=None).isoformat()


def _always(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


async def test_an_answer_that_is_no_token_is_told_with_the_call(
    acme: Account, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[Any, str]] = [
        ([], "the answer has no token: it is a list"),
        ({}, "the answer has no token: it has no keys"),
        (None, "the answer has no token: it is null"),
        ("Unauthorized", "the answer has no token: it is text"),
        ({"token": ""}, r"no token: its keys are token; set keys under \[integrations.tracker.token\]"),
        ({"token": 7}, "no token: its keys are token; set keys"),
        ({"reply": {"key": "a"}, "grace@example.org": "b"}, "its keys are reply.key; set keys"),
    ]
    for given, said in cases:
        with subtests.test(said, given=given):
            async with answering(exchange=given) as url, acme.client(base_url=url) as client:
                with pytest.raises(Unreadable, match=f"POST {EXCHANGE}.*{said}"):
                    await client.pages("users")


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3OTYwMjkyMDB9.c2lnbmVk"  # exp: 1796029200


async def test_a_token_is_read_from_every_form_that_can_not_be_mistaken(
    acme: Account, subtests: pytest.Subtests
) -> None:
    opaque = "0f9c2b7e5d1a4836"
    cases: list[tuple[bytes, str, dict[str, Any]]] = [
        (orjson.dumps({"jwt": "short"}), "short", {}),
        (orjson.dumps({"Token": f"Bearer {opaque}"}), opaque, {}),
        (orjson.dumps({"accessToken": opaque}), opaque, {}),
        (orjson.dumps({"access_token": opaque, "refresh_token": "another"}), opaque, {}),
        (orjson.dumps({"data": {"token": opaque}}), opaque, {}),
        (orjson.dumps({"success": True, "result": {"accessToken": opaque}}), opaque, {}),
        (orjson.dumps({"reply": {"bearer": JWT}}), JWT, {}),
        (orjson.dumps({"reply": {"bearer": opaque}}), opaque, {"token": {"keys": "reply.bearer"}}),
        (orjson.dumps({"token": "x", "other": opaque}), opaque, {"token": {"keys": ["other", "token"]}}),
        (orjson.dumps(JWT), JWT, {}),
        (f"\ufeff{JWT}\r\n".encode(), JWT, {}),
        (opaque.encode(), opaque, {}),
    ]
    for body, token, tracker in cases:
        with subtests.test(body=body):
            async with answering(exchange=body) as url, acme.client(base_url=url, tracker=tracker) as client:
                await client.exchange()
            stored = await acme.vault().load()
            assert stored is not None
            assert stored.jwt.reveal() == token


async def test_until_when_a_jwt_is_good_it_says_itself(acme: Account) -> None:
    now = datetime(2026, 11, 30, 9, tzinfo=UTC)
    answer = {"token": JWT, "expiration": "2031-01-01T00:00:00"}
    async with (
        answering(exchange=answer) as url,
        acme.client(base_url=url, clock=_always(now)) as client,
    ):
        await client.exchange()
    stored = await acme.vault().load()
    assert stored is not None
    assert stored.expires_at == max(datetime.fromtimestamp(1796029200, UTC), now + RENEW_BEFORE + SHORT_LIFE)


async def test_a_token_that_nothing_dates_is_used_until_it_is_refused(acme: Account) -> None:
    now = datetime(2026, 11, 30, 9, tzinfo=UTC)
    async with (
        answering(exchange={"token": "jwt"}) as url,
        acme.client(base_url=url, clock=lambda: now) as client,
    ):
        await client.pages("users")
        first = await acme.vault().load()
        now += timedelta(days=400)
        await client.pages("users")
    assert await acme.vault().load() == first


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
    shortest = RENEW_BEFORE + SHORT_LIFE
    cases: list[tuple[str, Callable[[], Any], timedelta | None]] = [
        ("expiration", lambda: None, None),
        ("expiration", lambda: "next week", None),
        ("expiration", lambda: "9999-12-31T23:59:59", None),
        ("until", lambda: (now + timedelta(days=3)).isoformat(), None),
        ("expiration", lambda: (now + timedelta(days=3)).isoformat(), timedelta(days=3)),
        ("Expires_At", lambda: (now + timedelta(days=3)).isoformat(), timedelta(days=3)),
        # Of UTC and London's time, the earlier.
        ("expiration", lambda: _in_london(now + timedelta(days=3)), timedelta(days=3)),
        ("expires", lambda: int((now + timedelta(days=3)).timestamp()), timedelta(days=3)),
        ("expires", lambda: str(int((now + timedelta(days=3)).timestamp() * 1000)), timedelta(days=3)),
        ("expiry", lambda: f"/Date({int((now + timedelta(days=3)).timestamp() * 1000)})/", timedelta(days=3)),
        ("expires", lambda: format_datetime(now + timedelta(days=3)), timedelta(days=3)),
        ("expires_in", lambda: 3 * 86_400, timedelta(days=3)),
        ("expiration", lambda: (now - timedelta(days=3)).isoformat(), shortest),
        ("expiration", lambda: (now + timedelta(minutes=5)).isoformat(), shortest),
    ]
    for key, said, life in cases:
        now += timedelta(days=30)
        answer = {"token": "jwt", key: said()}
        with subtests.test(answer=answer):
            async with (
                answering(exchange=answer) as url,
                acme.client(base_url=url, clock=_always(now)) as client,
            ):
                await client.exchange()
            stored = await acme.vault().load()
            assert stored is not None
            assert (stored.expires_at - now if stored.expires_at else None) == life


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
    kept = await acme.kept_refresh_token()
    assert kept is not None
    assert kept.reveal() == "next"


async def test_a_refresh_token_that_is_not_rotated_goes_on_serving(acme: Account) -> None:
    async with (
        answering(oauth={"access_token": "bearer"}) as url,
        acme.client(base_url=url, **OAUTH) as client,
    ):
        await client.pages("users")
    assert await acme.kept_refresh_token() is None


@pytest.mark.parametrize(
    ("how", "sent_as"), [("token", "token"), ("accessToken", "accessToken"), ("header", "header")]
)
async def test_a_bearer_token_that_is_taken_otherwise_is_sent_so(
    store_url: str, how: str, sent_as: str
) -> None:
    async with account(store_url, dialect={"exchange_body": how}) as acme:
        async with acme.client() as client:
            with pytest.raises(CredentialsRefused, match=r"set token\.sent_as under .*now bearerToken"):
                await client.pages("users")
        async with acme.client(tracker={"token": {"sent_as": sent_as}}) as client:
            assert (await client.pages("users")).rows
