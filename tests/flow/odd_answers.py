"""An account whose answers are changed on their way: a proxy before the simulator, at the wire."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from aiohttp import web

Change = Callable[[str, Any, Any], Any]
"""(path, what was sent, what was answered) -> what is answered instead; bytes are sent as they are."""
_HOP = ("content-length", "transfer-encoding", "content-encoding", "connection", "content-type")


class Odd:
    """The proxy. Set ``upstream`` before the first request; ``change`` may be set at any time."""

    def __init__(self) -> None:
        self.url = ""
        self.upstream = ""
        self.content_type = "application/json"
        self.change: Change = lambda path, sent, answered: answered

    async def handle(self, request: web.Request) -> web.Response:
        """Pass a request on, and its answer back."""
        body = await request.read()
        headers = {key: value for key, value in request.headers.items() if key.lower() not in ("host", *_HOP)}
        async with (
            aiohttp.ClientSession() as http,
            http.request(
                request.method,
                self.upstream + request.path_qs,
                data=body or None,
                headers=headers | {"Content-Type": "application/json"},
            ) as answer,
        ):
            raw = await answer.read()
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
        changed: Any = raw
        if answer.status == 200 and request.path.startswith("/api/v1/") and raw:
            with contextlib.suppress(json.JSONDecodeError):
                sent = json.loads(body) if body else None
                changed = self.change(request.path, sent, json.loads(raw))
        whole = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return web.Response(
            status=answer.status, body=whole, headers=kept | {"Content-Type": self.content_type}
        )


@contextlib.asynccontextmanager
async def odd_answers() -> AsyncIterator[Odd]:
    """A proxy on a free port of this machine."""
    odd = Odd()
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", odd.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    odd.url = f"http://{host}:{port}"
    try:
        yield odd
    finally:
        await runner.cleanup()


def rows_of(answered: Any) -> list[dict[str, Any]]:
    """The rows of a page."""
    lists = (
        [part for part in answered.values() if isinstance(part, list)] if isinstance(answered, dict) else []
    )
    return lists[0] if len(lists) == 1 else []
