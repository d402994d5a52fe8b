"""Lists that page otherwise: a server in front of the simulator that answers its lists in another way.

Everything but the lists goes through as it is. Each list is read whole from the simulator and cut into pages
anew, as its ``Dialect`` says.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
import orjson
from aiohttp import web
from msgspec import Struct

from bridge.simulator.search import ROWS_KEYS

LISTS = {
    "/api/v1/user/pagedsearch": ROWS_KEYS["user"],
    "/api/v1/opportunity/pagedsearch": ROWS_KEYS["opportunity"],
    "/api/v1/resource/pagedsearch": ROWS_KEYS["resource"],
    "/api/v1/opportunityresource/pagedsearch": ROWS_KEYS["opportunity_resource"],
}
USERS, JOBS, CANDIDATES, APPLICATIONS = LISTS


class Dialect(Struct, frozen=True, kw_only=True):
    """How a list answers: its first page's number, its size, what comes after its end.

    ``before``: what page 0 is where the first is 1. ``always_more`` says hasNextPage true for ever. ``cap``:
    the search stops at so many rows and says that they are all. ``sizes``: of single pages. ``envelope``:
    with totals, with hasNextPage alone, or a bare array.
    """

    first: int = 1
    before: Literal["first", "refused", "empty"] = "first"
    size: int = 10
    sizes: dict[int, int] = {}
    paged: bool = True
    key: str = "pageNumber"
    end: Literal["empty", "repeats_last", "wraps", "refused"] = "empty"
    envelope: Literal["totals", "has_next", "bare"] = "totals"
    always_more: bool = False
    cap: int | None = None


class OddLists:
    """The server. ``dialects`` may change at any time; ``asked`` is what came, list by list."""

    def __init__(self) -> None:
        self.target = ""
        self.url = ""
        self.dialects: dict[str, Dialect] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._http = aiohttp.ClientSession()

    async def close(self) -> None:
        """Close its connections to the simulator."""
        await self._http.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or hand it on."""
        body = await request.read()
        dialect = self.dialects.get(request.path.lower())
        self.asked.append((request.path.lower(), _object(body)))
        if dialect is None:
            return await self._passed_on(request, body)
        rows = await self._all(request, _object(body), dialect)
        return _paged(LISTS[request.path.lower()], rows, dialect, _object(body))

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        url = self.target + request.path_qs
        async with self._http.request(request.method, url, data=body, headers=headers) as answer:
            found = await answer.read()
            return web.Response(
                status=answer.status,
                body=found or None,
                content_type=answer.content_type,
                headers=_kept(answer),
            )

    async def _all(self, request: web.Request, body: dict[str, Any], dialect: Dialect) -> list[Any]:
        rows: list[Any] = []
        headers = {"Authorization": request.headers.get("Authorization", "")}
        number, more = 1, True
        while more:
            asked = {k: v for k, v in body.items() if k != dialect.key} | {"pageNumber": number}
            async with self._http.post(self.target + request.path, json=asked, headers=headers) as answer:
                if answer.status != 200:
                    raise web.HTTPException(text=await answer.text())
                page = orjson.loads(await answer.read())
            rows += page[LISTS[request.path.lower()]]
            number, more = number + 1, page["hasNextPage"]
        return rows[: dialect.cap]


def _object(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(orjson.JSONDecodeError):
        found = orjson.loads(body)
        if isinstance(found, dict):
            return found
    return {}


def _kept(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("Date", "Retry-After", "Allow") if name in answer.headers}


def _paged(rows_key: str, rows: list[Any], dialect: Dialect, body: dict[str, Any]) -> web.Response:
    pages = _cut(rows, dialect)
    asked = int(body.get(dialect.key, dialect.first)) if dialect.paged else dialect.first
    place = asked - dialect.first
    if place < 0:
        if dialect.before == "refused":
            return web.json_response({"message": "invalid page"}, status=400)
        page = pages[0] if dialect.before == "first" else []
    elif place < len(pages):
        page = pages[place]
    elif dialect.end == "refused":
        return web.json_response({"message": "no such page"}, status=404)
    else:
        page = {"empty": [], "repeats_last": pages[-1], "wraps": pages[place % len(pages)]}[dialect.end]
    if dialect.envelope == "bare":
        return web.json_response(page)
    more = dialect.always_more or place + 1 < len(pages)
    envelope = {rows_key: page, "hasNextPage": more}
    if dialect.envelope == "totals":
        envelope |= {"totalCount": len(rows), "totalPages": len(pages), "pageSize": dialect.size}
    return web.json_response(envelope)


def _cut(rows: list[Any], dialect: Dialect) -> list[list[Any]]:
    if not dialect.paged:
        return [rows]
    pages: list[list[Any]] = []
    at = 0
    while at < len(rows):
        size = dialect.sizes.get(len(pages), dialect.size)
        pages.append(rows[at : at + size])
        at += size
    return pages or [[]]


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[OddLists]:
    """Serve on a free port; set ``target`` to the simulator's URL before the first request."""
    odd = OddLists()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", odd.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    odd.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield odd
    finally:
        await asyncio.shield(runner.cleanup())
        await odd.close()
