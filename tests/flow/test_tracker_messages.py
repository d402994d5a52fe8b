"""What an account's answer was and which key cures it stand in each message, and no value of the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from bridge.errors import BridgeError
from bridge.tracker import record_lookups
from bridge.tracker.client import Client
from tests.flow.tracker_account import EXCHANGE, account
from tests.rewriting import Proxy, Reply, Rewrite, rewriting

_PAGE = b"<!DOCTYPE html><html>secret</html>"
_LOGIN = b"<form action=/logon><input name=p type='password'></form>secret"
_USERS = 'set paths.users in [integrations.tracker] if the path differs, or users_from = "widget"'


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """The way between client and simulator."""
    async with rewriting() as opened:
        yield opened


def _redirect(reply: Reply) -> Reply:
    return Reply(
        method=reply.method,
        path=reply.path,
        status=302,
        body=b"",
        headers={"Location": "/Account/Login?secret"},
    )


def _users(client: Client) -> Awaitable[object]:
    return client.pages("users")


def _candidates(client: Client) -> Awaitable[object]:
    return client.pages("candidates")


def _job(client: Client) -> Awaitable[object]:
    return client.detail("jobs", "1005")


def _documents(client: Client) -> Awaitable[object]:
    return record_lookups.read_documents(client, "105")


CASES: list[tuple[Callable[[Client], Awaitable[object]], Rewrite, tuple[str, ...]]] = [
    (_users, lambda r: r.other(404, _PAGE, "text/html"), ("answered 404 with a web page", _USERS)),
    (_users, lambda r: r.json({"message": "secret"}, 404), ("answered 404 (its keys: message)", _USERS)),
    (_users, lambda r: r.other(200, _PAGE, "text/html"), ("answered 200 with a web page", _USERS)),
    (_users, lambda r: r.other(200, _LOGIN), ("answered 200 with a login page", _USERS)),
    (_users, _redirect, ("answered 302, a redirect to a login page", _USERS)),
    (_users, lambda r: r.other(200, b"secret"), ("is not JSON", _USERS)),
    (_users, lambda r: r.other(204), ("answered 204, without a body", _USERS)),
    (_users, lambda r: r.other(200), ("body is empty", _USERS)),
    (
        _candidates,
        lambda r: r.json({"items": [], "message": "secret"}),
        ("its keys: items, message", "set rows.candidates", "or set paths.candidates"),
    ),
    (
        _job,
        lambda r: r.json({"message": "secret"}, 410),
        ("answered 410", "set paths.jobs_by_id", "add 410 to absence.statuses"),
    ),
    (
        _job,
        lambda r: r.other(200, _PAGE),
        ("answered 200 with a web page", "set paths.jobs_by_id", 'add "html" to absence.bodies'),
    ),
    (
        _job,
        lambda r: r.json({"success": False, "error": "secret"}),
        ("error, success", 'add "failure" to absence'),
    ),
    (_documents, lambda r: r.other(403, _PAGE, "text/html"), ("403 with a web page", "set paths.documents")),
]


def _but_exchanges(rewrite: Rewrite, reply: Reply) -> Reply:
    return reply if reply.path == EXCHANGE else rewrite(reply)


async def test_each_says_what_came_and_what_to_set(store_url: str, proxy: Proxy) -> None:
    async with account(store_url) as acme, acme.client(base_url=proxy.url) as client:
        proxy.upstream = acme.url
        await client.statuses()
        for ask, rewrite, words in CASES:
            # A JWT that may be good no longer is exchanged as ever.
            proxy.rewrite = partial(_but_exchanges, rewrite)
            with pytest.raises(BridgeError) as told:
                await ask(client)
            said = str(told.value)
            assert [word for word in words if word not in said] == [], said
            assert "secret" not in said
