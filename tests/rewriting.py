"""A proxy between bridge and simulator that rewrites answers: an account that is not as assumed."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct

_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding"})


class Reply(Struct, frozen=True, kw_only=True):
    """An answer on its way: what was asked, and what the simulator said."""

    method: str
    path: str
    status: int
    body: bytes
    headers: Mapping[str, str] = {}

    def json(self, body: object, status: int = 200) -> "Reply":
        """Return this answer with another body, as JSON."""
        return self.other(status, msgspec.json.encode(body), "application/json")

    def other(self, status: int, body: bytes = b"", content_type: str = "application/json") -> "Reply":
        """Return this answer with another status, body and content type."""
        headers = {"Content-Type": content_type} if body else {}
        return msgspec.structs.replace(self, status=status, body=body, headers=headers)


Rewrite = Callable[[Reply], Reply]


class Proxy:
    """Passes each request on to ``upstream``; ``rewrite`` makes of the answer what the caller gets."""

    def __init__(self) -> None:
        self.url = ""
        self.upstream = ""
        self.rewrite: Rewrite = lambda reply: reply
        self.asked: list[str] = []
        """``METHOD path`` of each request."""


P = TypeVar("P", bound=Proxy)


@contextlib.asynccontextmanager
async def serving(proxy: P) -> AsyncIterator[P]:
    """Let a proxy answer at its ``url``; set its ``upstream`` before the first call."""
    async with aiohttp.ClientSession() as http:

        async def answer(request: web.Request) -> web.Response:
            proxy.asked.append(f"{request.method} {request.path}")
            headers = {k: v for k, v in request.headers.items() if k.lower() not in {*_HOP_BY_HOP, "host"}}
            async with http.request(
                request.method,
                proxy.upstream + request.path_qs,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as said:
                kept = {k: v for k, v in said.headers.items() if k.lower() not in _HOP_BY_HOP}
                reply = Reply(
                    method=request.method,
                    path=request.path,
                    status=said.status,
                    body=await said.read(),
                    headers=kept,
                )
            made = proxy.rewrite(reply)
            return web.Response(status=made.status, body=made.body, headers=made.headers)

        served = web.Application(client_max_size=2**26)
        served.router.add_route("*", "/{anything:.*}", answer)
        runner = web.AppRunner(served, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()


def rewriting() -> contextlib.AbstractAsyncContextManager[Proxy]:
    """A running proxy; set its ``upstream`` and ``rewrite``."""
    return serving(Proxy())
