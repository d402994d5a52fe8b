"""The HTTP server: counts a call, limits it, applies a planned fault, or has it answered."""

import asyncio

import msgspec
from aiohttp import web

from bridge.simulator import rest_routes, widget_routes, write_routes
from bridge.simulator.control_routes import CONTROLS, STREAMS
from bridge.simulator.dialects import paths, tokens, wire
from bridge.simulator.faults import PAGE_KINDS, Fault
from bridge.simulator.fields import BadField
from bridge.simulator.options import Options
from bridge.simulator.routing import Invalid, Reply, Router, SimulatedCall, problem, said
from bridge.simulator.site import Site
from bridge.simulator.world import World

_LARGEST_BODY = 64 * 1024 * 1024
_JSON = {"Content-Type": "application/json; charset=utf-8"}


class Server:
    """A running simulator. ``url`` has no trailing slash; ``close()`` ends it, including hanging requests."""

    def __init__(self, site: Site) -> None:
        self.site, self.world = site, site.world
        self.url = ""
        self._router = Router(
            [*rest_routes.read_routes(), *write_routes.write_routes(), *widget_routes.widget_routes()]
        )
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self.site.pace.start()

    async def close(self) -> None:
        """Stop changes and pings, and close every connection. May be called more than once."""
        if self._closing.is_set():
            return
        self._closing.set()
        self.world.listeners.remove(self.site.webhooks.saved)
        await self.site.webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.site.pace.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = SimulatedCall(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=await request.read(),
        )
        if call.path.startswith("/__"):
            return await self._control(request, call)
        site = self.site
        site.calls.received(call.method, call.path, site.timer(), site.world.clock())
        wait = site.limiter.admit(site.timer()) if site.quirks["rate_limit"] else None
        if wait is not None:
            return self._send(self._throttled(wait))
        fault = site.faults.take(call.method, call.path)
        if fault is None or fault.kind in PAGE_KINDS:
            return self._send(await self._answer(call, fault))
        return await self._fail(request, call, fault)

    def _throttled(self, wait_seconds: float) -> Reply:
        site = self.site
        headers = {"Retry-After": str(int(wait_seconds) + 1)} if site.options.send_retry_after else {}
        if not site.dialect.any_set("throttled", "retry_after"):
            return problem(429, "Too Many Requests", headers)
        answer, more = tokens.answer_throttled(site.dialect, wait_seconds, site.world.clock())
        return said(answer, {**headers, **more})

    async def _answer(self, call: SimulatedCall, fault: Fault | None) -> Reply:
        site = self.site
        path, closed = paths.resolve(site.dialect, call.method, call.path)
        if closed:
            return problem(closed, "Not Found" if closed == 404 else "Method Not Allowed")
        any_case = site.quirks["case_insensitive_paths"] and site.dialect["path_case"] == "any"
        route, ids, methods = self._router.find(call.method, path, any_case)
        if route is None:
            if methods:
                return problem(405, "Method Not Allowed", {"Allow": ", ".join(sorted(set(methods)))})
            return problem(404, "Not Found")
        scheme, _, jwt = call.headers.get("Authorization", "").partition(" ")
        if not route.open and (scheme.lower() != "bearer" or not site.tokens.is_live(jwt)):
            return self._not_authorized()
        whole = SimulatedCall(
            method=call.method,
            path=call.path,
            query=call.query,
            headers=call.headers,
            body=call.body,
            ids=ids,
            fault=fault,
        )
        try:
            answer = await route.handler(site, whole)
        except (Invalid, BadField) as error:
            return problem(400, str(error))
        if route.read and site.quirks["empty_bodies"] and site.chance.random() < site.options.empty_body_rate:
            return Reply()
        return answer

    def _not_authorized(self) -> Reply:
        answer = tokens.call_refused(self.site.dialect)
        if answer is None:
            return problem(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        return said(answer, {"Location": "/Login.aspx"} if answer[0] == 302 else {})

    async def _fail(self, request: web.Request, call: SimulatedCall, fault: Fault) -> web.StreamResponse:
        carried_out = fault.effect or fault.kind in ("cut", "empty_body", "bad_json")
        answer = await self._answer(call, None) if carried_out else Reply()
        match fault.kind:
            case "hang":
                await self._closing.wait()
                return self._send(problem(503, "Service Unavailable"))
            case "cut":
                return await self._cut(request, answer)
            case "empty_body":
                return self._send(Reply())
            case "bad_json":
                return self._send(Reply(body=answer.body[: max(1, len(answer.body) // 2)] or b"{"))
            case _:
                headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
                return self._send(problem(fault.status, "planned fault", headers))

    async def _cut(self, request: web.Request, answer: Reply) -> web.StreamResponse:
        body = answer.body or b"{}"
        response = web.StreamResponse(
            status=answer.status if answer.body else 200,
            headers={**_JSON, "Content-Length": str(len(body) + 64)},
        )
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        self.site.calls.answered(0)
        return response

    def _send(self, answer: Reply) -> web.Response:
        self.site.calls.answered(answer.status)
        if answer.body and not answer.content_type and not wire.is_plain(self.site.dialect):
            body, kind = wire.encode_body(self.site.dialect, answer.body)
            return _response(msgspec.structs.replace(answer, body=body, content_type=kind))
        return _response(answer)

    async def _control(self, request: web.Request, call: SimulatedCall) -> web.StreamResponse:
        key = (call.method, call.path.lower())
        try:
            if key in STREAMS:
                return await self._stream(request, call)
            if key in CONTROLS:
                return _response(await CONTROLS[key](self.site, call))
        except Invalid as error:
            return _response(problem(400, str(error)))
        return _response(problem(404, "no such control"))

    async def _stream(self, request: web.Request, call: SimulatedCall) -> web.StreamResponse:
        batches = STREAMS[call.method, call.path.lower()](self.site, call)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for batch in batches:
            await response.write(batch)
            await asyncio.sleep(0)  # a big world's truth yields to other tasks now and then
        await response.write_eof()
        return response


def _response(answer: Reply) -> web.Response:
    kind = {"Content-Type": answer.content_type} if answer.content_type else _JSON
    headers = {**answer.headers, **kind} if answer.body else dict(answer.headers)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def start_server(
    world: World, host: str = "127.0.0.1", port: int = 0, options: Options | None = None
) -> Server:
    """Serve ``world`` over HTTP until ``close()``. Raises OSError if the port is in use."""
    server = Server(Site(world, options or Options()))
    await server.open(host, port)
    return server
