"""A proxy before a simulated account that answers, or changes an answer, as a test says."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from multidict import CIMultiDict

_OURS = ("transfer-encoding", "content-encoding", "content-length", "connection")


class Call:
    """One request: what came, and ``forward``, which asks the account."""

    def __init__(self, request: web.Request, body: bytes, http: aiohttp.ClientSession) -> None:
        self.method, self.path, self.body = request.method, request.path, body
        self.authorization = request.headers.get("Authorization", "")
        self._request, self._http = request, http

    async def forward(self) -> web.Response:
        """What the account answers."""
        headers = {name: value for name, value in self._request.headers.items() if name != "Host"}
        async with self._http.request(
            self.method, self._request.path_qs, data=self.body, headers=headers, allow_redirects=False
        ) as answer:
            kept = CIMultiDict(
                (name, value) for name, value in answer.headers.items() if name.lower() not in _OURS
            )
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    def sent(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = orjson.loads(self.body)
        return found


Rewrite = Callable[[Call], Awaitable[web.Response]]


def said(value: Any, status: int = 200, **headers: str) -> web.Response:
    """An answer of JSON."""
    return web.Response(
        status=status, body=orjson.dumps(value), content_type="application/json", headers=headers
    )


def page() -> web.Response:
    """A login page."""
    return web.Response(text="<!DOCTYPE html><title>Log in</title>", content_type="text/html")


@contextlib.asynccontextmanager
async def rewriting(url: str, rewrite: Rewrite) -> AsyncIterator[str]:
    """Its address; ``rewrite`` gives the answer to each request, asking the account at ``url`` or not."""
    async with aiohttp.ClientSession(url) as http:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await rewrite(Call(request, await request.read(), http))

        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{any:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
