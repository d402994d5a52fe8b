"""An account whose answers are changed on their way: a proxy before the simulator, at the wire."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

Change = Callable[[str, Any, Any], Any]
"""(path, what was sent, what was answered) -> what is answered instead; bytes are sent as they are."""
_HOP = ("content-length", "transfer-encoding", "content-encoding", "connection", "content-type")


class Odd:
    """The proxy. Set ``upstream`` before the first request; ``change`` may be set at any time.

    ``states``: which of the simulator's lists of jobs each word asks for, all on one page.
    """

    def __init__(self) -> None:
        self.url = ""
        self.upstream = ""
        self.content_type = "application/json"
        self.change: Change = lambda path, sent, answered: answered
        self.states: Mapping[str, Sequence[str]] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        """Pass a request on, and its answer back."""
        body = await request.read()
        status, headers, raw = await self._ask(request, body)
        changed: Any = raw
        if status == 200 and request.path.startswith("/api/v1/") and raw:
            with contextlib.suppress(json.JSONDecodeError):
                sent: Any = json.loads(body) if body else None
                answered = json.loads(raw)
                if self.states is not None and request.path.endswith("/Opportunity/PagedSearch"):
                    answered = await self._jobs(request, sent, self.states.get(sent["state"], ()))
                changed = self.change(request.path, sent, answered)
        whole = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return web.Response(status=status, body=whole, headers=headers | {"Content-Type": self.content_type})

    async def _ask(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in ("host", *_HOP)}
        headers["Content-Type"] = "application/json"
        url = self.upstream + request.path_qs
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, url, data=body or None, headers=headers) as answer,
        ):
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
            return answer.status, kept, await answer.read()

    async def _jobs(self, request: web.Request, sent: Any, states: Sequence[str]) -> Any:
        rows: list[Any] = []
        for state in states if sent["pageNumber"] == 1 else ():
            number, more = 1, True
            while more:
                wanted = sent | {"state": state, "pageNumber": number}
                page = json.loads((await self._ask(request, json.dumps(wanted).encode()))[2])
                rows += page["opportunities"]
                number, more = number + 1, page["hasNextPage"]
        return {"opportunities": rows, "totalCount": len(rows), "pageSize": 100, "hasNextPage": False}


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
