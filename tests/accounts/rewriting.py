"""A proxy before the simulated account that rewrites its JSON answers: an account that changes its mind."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import web

Record = dict[str, Any]
CANDIDATE = r"/api/v1/Resource/\d+"
CANDIDATES = r"/api/v1/Resource/PagedSearch"
APPLICATIONS = r"/api/v1/OpportunityResource/PagedSearch"
APPLICATION = r"/api/v1/OpportunityResource/\d+"
JOB = r"/api/v1/Opportunity/\d+"
JOBS = r"/api/v1/Opportunity/PagedSearch"
STATUSES = r"/api/v1/MetaData"


class Rewriting:
    """Passes calls on to ``target``; ``rules``: a path's pattern -> what is done to each record answered."""

    def __init__(self) -> None:
        self.url = self.target = ""
        self.rules: dict[str, Callable[[Record], None]] = {}
        self.asked: list[str] = []
        """The path of each call."""
        self.answered = 0
        """Calls that a rule was applied to."""

    def drop(self, path: str, *keys: str) -> None:
        """From now on, answer the records at ``path`` without these keys."""

        def without(record: Record) -> None:
            for key in keys:
                record.pop(key, None)

        self.rules[path] = without

    async def handle(self, request: web.Request) -> web.Response:
        """Pass one call on."""
        self.asked.append(request.path)
        kept = {k: v for k, v in request.headers.items() if k.lower() in ("authorization", "content-type")}
        async with (
            aiohttp.ClientSession(self.target) as session,
            session.request(
                request.method, request.path_qs, data=await request.read() or None, headers=kept
            ) as answer,
        ):
            body = await answer.read()
            headers = {"Content-Type": answer.headers.get("Content-Type", ""), "Date": answer.headers["Date"]}
        for path, rule in self.rules.items():
            if body and answer.status == 200 and re.fullmatch(path, request.path):
                self.answered += 1
                body = _rewritten(body, rule)
        return web.Response(status=answer.status, body=body or None, headers=headers if body else None)


def _rewritten(body: bytes, rule: Callable[[Record], None]) -> bytes:
    answer = orjson.loads(body)
    by_id = "id" in answer or "opportunityResourceId" in answer
    lists = [] if by_id else [value for value in answer.values() if isinstance(value, list)]
    for record in [row for rows in lists for row in rows] if lists else [answer]:
        rule(record)
    return orjson.dumps(answer)


@asynccontextmanager
async def rewriting() -> AsyncIterator[Rewriting]:
    """A running proxy; set its ``target`` before the first call."""
    proxy = Rewriting()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        await runner.cleanup()
