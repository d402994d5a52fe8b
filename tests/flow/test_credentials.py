"""A stored token belongs to the credential it came from; a refused one is exchanged again, with a brake."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from bridge.config import Secret
from bridge.simulator.options import BEARER_TOKEN, CLIENT_SECRET, REFRESH_TOKEN
from bridge.tracker import token_renewal
from bridge.tracker.errors import CredentialsRefused, Refused
from tests.flow.answering import Call, page, rewriting, said
from tests.flow.tracker_account import EXCHANGE, Account, account

OAUTH: dict[str, Any] = {"bearer_token": None, "oauth_client_secret": Secret(CLIENT_SECRET)}
USERS = "/api/v1/User/PagedSearch"


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url, bearer_tokens=(BEARER_TOKEN, "another-account")) as found:
        yield found


# --- whose token it is ---


async def test_another_credential_does_not_use_the_stored_token(acme: Account) -> None:
    async with acme.client() as client:
        await client.pages("users")
    async with acme.client(bearer_token=Secret("never-issued")) as stranger:
        with pytest.raises(CredentialsRefused):
            await stranger.pages("users")
    assert await acme.calls(EXCHANGE) == 2
    async with acme.client(bearer_token=Secret("another-account")) as other:
        await other.pages("users")
    assert await acme.calls(EXCHANGE) == 3
    # That one is stored now; the first has to exchange again too.
    async with acme.client() as client:
        await client.pages("users")
    assert await acme.calls(EXCHANGE) == 4


async def test_another_host_does_not_get_the_stored_token(acme: Account) -> None:
    heard: list[str] = []

    async def listening(call: Call) -> web.Response:
        heard.append(call.authorization)
        return await call.forward()

    async with acme.client() as client:
        await client.pages("users")
    async with rewriting(acme.url, listening) as url, acme.client(base_url=url) as client:
        await client.pages("users")
    assert heard[0] == ""
    assert await acme.calls(EXCHANGE) == 2


async def test_another_refresh_token_does_not_use_the_one_that_was_kept(acme: Account) -> None:
    async with acme.client(oauth_refresh_token=Secret(REFRESH_TOKEN), **OAUTH) as client:
        await client.pages("users")
    kept = await acme.kept_refresh_token()
    async with acme.client(oauth_refresh_token=Secret("of-somebody-else"), **OAUTH) as other:
        with pytest.raises(CredentialsRefused, match="OAuth2 refresh token"):
            await other.pages("users")
    assert await acme.kept_refresh_token() == kept


async def test_an_exchange_that_is_asked_for_serves_every_process(acme: Account) -> None:
    async with acme.client() as running, acme.client() as checking:
        await running.pages("users")
        await checking.exchange()
        assert await acme.calls(EXCHANGE) == 2
        await running.pages("users")
        await checking.pages("users")
    assert await acme.calls(EXCHANGE) == 2


# --- a superseded token that is not answered with 401 ---


async def _forbidden(call: Call) -> web.Response:
    answer = await call.forward()
    return said({"message": "Forbidden"}, 403) if answer.status == 401 else answer


async def _login_page(call: Call) -> web.Response:
    answer = await call.forward()
    return page() if answer.status == 401 else answer


async def _undeclared_page(call: Call) -> web.Response:
    answer = await call.forward()
    body = b"\xef\xbb\xbf\n <html><body>Log in</body></html>"
    return web.Response(body=body, content_type="application/json") if answer.status == 401 else answer


async def _redirect(call: Call) -> web.Response:
    answer = await call.forward()
    login = {"Location": "/Account/Login?ReturnUrl=x"}
    return web.Response(status=302, headers=login) if answer.status == 401 else answer


async def test_a_superseded_token_is_exchanged_again_however_that_is_answered(
    acme: Account, subtests: pytest.Subtests
) -> None:
    for way in (_forbidden, _login_page, _undeclared_page, _redirect):
        with subtests.test(way.__name__):
            async with (
                rewriting(acme.url, way) as url,
                acme.client(base_url=url) as one,
                acme.client(base_url=url) as other,
            ):
                await one.pages("users")
                await other.pages("users")
                await acme.supersede()
                before = await acme.calls(EXCHANGE)
                assert (await one.pages("users")).rows
                assert (await other.pages("users")).rows
                assert await acme.calls(EXCHANGE) == before + 1


async def test_a_lack_of_rights_is_not_exchanged_for_again_and_again(acme: Account) -> None:
    async def no_users(call: Call) -> web.Response:
        return said({}, 403) if call.path == USERS else await call.forward()

    async with rewriting(acme.url, no_users) as url, acme.client(base_url=url) as client:
        for _ in range(5):
            with pytest.raises(Refused, match="answered 403"):
                await client.pages("users")
            assert (await client.pages("candidates")).rows
        assert await acme.calls(EXCHANGE) == 2
        # A superseded one is noticed elsewhere all the same, and serves here too.
        await acme.supersede()
        assert (await client.pages("candidates")).rows
        assert await acme.calls(EXCHANGE) == 4


async def test_the_brake_grows_and_ends_with_the_first_answer(acme: Account) -> None:
    now = 1000.0
    denied = True

    async def some_users(call: Call) -> web.Response:
        return said({}, 403) if call.path == USERS and denied else await call.forward()

    async with rewriting(acme.url, some_users) as url, acme.client(base_url=url) as client:
        client._authorized._timer = lambda: now
        exchanged = []
        for passed in (0, token_renewal.FIRST_BRAKE_SECONDS, token_renewal.FIRST_BRAKE_SECONDS, 9_999_999):
            now += passed
            with pytest.raises(Refused):
                await client.pages("users")
            exchanged.append(await acme.calls(EXCHANGE))
        assert exchanged == [2, 3, 3, 4]
        denied = False
        assert (await client.pages("users")).rows
        denied = True
        with pytest.raises(Refused):
            await client.pages("users")
        assert await acme.calls(EXCHANGE) == 5


async def test_what_ends_a_token_can_be_configured(acme: Account) -> None:
    async def odd(call: Call) -> web.Response:
        answer = await call.forward()
        return said({}, 440) if answer.status == 401 else answer

    async with rewriting(acme.url, odd) as url:
        async with acme.client(base_url=url, tracker={"token": {"refused": [440]}}) as client:
            await client.pages("users")
            await acme.supersede()
            assert (await client.pages("users")).rows
            await acme.supersede()
        async with acme.client(base_url=url) as client:
            with pytest.raises(Refused, match="440"):
                await client.pages("users")


async def test_a_page_in_place_of_a_writes_answer_does_not_send_it_again(acme: Account) -> None:
    writes = 0

    async def lost(call: Call) -> web.Response:
        nonlocal writes
        if call.method != "PATCH":
            return await call.forward()
        writes += 1
        return page()

    async with rewriting(acme.url, lost) as url, acme.client(base_url=url) as client:
        answer = await client.request("PATCH", "/api/v1/Resource/101", data={"note": "x"})
        assert (answer.is_html, writes) == (True, 1)


async def test_a_throttled_write_is_sent_again_only_where_it_was_not_carried_out(acme: Account) -> None:
    writes = 0
    status = 503

    async def throttle(call: Call) -> web.Response:
        nonlocal writes
        if call.method != "PATCH":
            return await call.forward()
        writes += 1
        return said({}, status, **{"Retry-After": "1"}) if writes == 1 else await call.forward()

    async with rewriting(acme.url, throttle) as url, acme.client(base_url=url) as client:
        for status, sent, answered in ((503, 1, (503,)), (403, 2, (200, 204)), (429, 2, (200, 204))):
            writes = 0
            answer = await client.request("PATCH", "/api/v1/Resource/101", data={"note": "x"})
            assert (writes, answer.status in answered) == (sent, True), status
