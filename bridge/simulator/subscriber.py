"""A subscriber over HTTP: receives requests, passes them to a callback, and answers what it returns."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp import web
from msgspec import Struct

_LARGEST_BODY_BYTES = 64 * 1024 * 1024


class ReceivedRequest(Struct, frozen=True, kw_only=True):
    """A request as received: header names in lower case, the body byte for byte."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedResponse(Struct, frozen=True, kw_only=True):
    """The subscriber's answer, sent after ``after_seconds``."""

    status: int = 204
    headers: Mapping[str, str] = {}
    after_seconds: float = 0.0


@contextlib.asynccontextmanager
async def run_subscriber(
    host: str, port: int, answer: Callable[[ReceivedRequest], ScriptedResponse]
) -> AsyncIterator[str]:
    """Listen while the block runs, and yield the URL. Raises ``OSError`` if the port is in use.

    A webhook is a POST. Other requests are answered 404, so that no one mistakes this for another service.
    """

    async def handle(request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        said = answer(ReceivedRequest(path=request.path, headers=headers, body=await request.read()))
        await asyncio.sleep(said.after_seconds)
        return web.Response(status=said.status, headers=said.headers)

    app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        name, actual = runner.addresses[0][:2]
        yield f"http://[{name}]:{actual}/" if ":" in name else f"http://{name}:{actual}/"
    finally:
        await runner.cleanup()
