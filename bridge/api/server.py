"""From a request to an answer: who asks, how often, what for; and each answer a line in the log.

Whatever goes wrong ends as a problem document with the id of the request, under which the log has the rest.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct
from multidict import CIMultiDict
from trackerrms_contracts import codec, ids

from bridge.api import errors, request_bodies
from bridge.api.calls import ApiCall, ApiDependencies, ApiResponse
from bridge.api.errors import RequestRefused
from bridge.api.health import Health, livez, readyz
from bridge.api.operations import IDS, OPERATIONS, Operation
from bridge.api.rate_limits import RequestLimiter
from bridge.errors import EnvironmentFault, Transient
from bridge.store.api_tokens import ApiToken
from bridge.store.idempotent_answers import KeyReused

_log = structlog.get_logger(__name__)

LARGEST_BODY_BYTES = 65_536
_BODY_SECONDS = 10.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,200}")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_TOKEN = web.RequestKey("token", ApiToken)
_HEALTH = {"/livez": livez, "/readyz": readyz}


def build_application(parts: ApiDependencies, requests_per_minute: int) -> web.Application:
    """The aiohttp application."""
    door = _Door(parts, RequestLimiter(requests_per_minute))

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await door.answer(request, handler)

    app = web.Application(middlewares=[answered], client_max_size=LARGEST_BODY_BYTES)
    for path, check in _HEALTH.items():
        app.router.add_route("GET", path, _health(check, parts))
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, _operation(operation, parts))
    document = resources.files("trackerrms_contracts").joinpath("openapi.json").read_bytes()
    app.router.add_route("GET", "/v1/openapi.json", _fixed(document))
    return app


class _Door:
    def __init__(self, parts: ApiDependencies, limiter: RequestLimiter) -> None:
        self._parts = parts
        self._limiter = limiter

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer to a request, whatever it is."""
        began_at = time.monotonic()
        request_id = _request_id(request)
        try:
            if not _is_health(request):
                await self._admit(request)
            response = await handler(request)
        except RequestRefused as refused:
            response = _problem(refused, request_id)
        except web.HTTPException as error:
            response = _problem(_foreign(error), request_id)
        except (Transient, EnvironmentFault) as problem:
            _log.warning("request.failed", request_id=request_id, reason=str(problem))
            response = _problem(errors.unavailable(), request_id)
        except Exception:  # noqa: BLE001 (one request's bug must not end the others; it is in the log)
            _log.exception("request.crashed", request_id=request_id)
            detail = "this is a bug or a fault of the installation: give its operator the request_id"
            response = _problem(RequestRefused(500, detail), request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers.update(_HEADERS)
        _note(request, response, request_id, began_at)
        return response

    async def _admit(self, request: web.Request) -> None:
        """Know who asks, and how often it did. Raises ``RequestRefused``: 401 or 429."""
        values = request.headers.getall("Authorization", [])
        scheme, _, text = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        token = await self._parts.tokens.find(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise errors.unauthorized()
        request[_TOKEN] = token
        wait_seconds = self._limiter.seconds_to_wait(token.id, time.monotonic())
        if wait_seconds:
            raise errors.too_many(wait_seconds)


def _operation(operation: Operation, parts: ApiDependencies) -> Handler:
    body, query = operation.body, operation.query

    async def handle(request: web.Request) -> web.StreamResponse:
        raw = await _body(request) if body else b""
        call = ApiCall(
            parts=parts,
            token=_token(request),
            path=_path(request),
            raw=raw,
            idempotency_key=_idempotency_key(request) if operation.keyed else None,
        )
        given: dict[str, Struct] = {}
        if body:
            given["body"] = body() if operation.bodiless and not raw else _read(request, raw, body)
        if query:
            given["query"] = request_bodies.query(_query(request), query)
        elif request.query_string:
            raise errors.malformed("this address takes no query string")
        try:
            answer = await operation.handler(call, **given)
        except KeyReused as reason:
            raise RequestRefused(422, f"Idempotency-Key: {reason}") from None
        return _answered(answer, operation.status)

    return handle


def _health(
    check: Callable[[ApiDependencies], Awaitable[ApiResponse[Health]]], parts: ApiDependencies
) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer = await check(parts)
        return _answered(answer, 200 if answer.value.status == "ok" else 503)

    return handle


def _fixed(document: bytes) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(body=document, content_type="application/json")

    return handle


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise RequestRefused(408, f"send the body within {_BODY_SECONDS:g} s") from None


def _read(request: web.Request, raw: bytes, kind: type[Struct]) -> Struct:
    if request.content_type != "application/json":
        raise RequestRefused(415, "send JSON, with Content-Type: application/json")
    return request_bodies.body(raw, kind)


def _path(request: web.Request) -> dict[str, str]:
    """The ids of the path. Raises ``RequestRefused`` with 404 where one can't be any."""
    found = dict(request.match_info)
    for name, value in found.items():
        prefix = IDS.get(name)
        if prefix is None:
            continue  # A name: who looks for it finds it or not.
        if not value.startswith(prefix) or not ids.is_entity_id(value.removeprefix(prefix)):
            raise errors.not_found(name.removesuffix("_id"))
    return found


def _query(request: web.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name in found:
            raise errors.malformed(f"{name} is given twice")
        found[name] = value
    return found


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise errors.malformed("Idempotency-Key: 1 to 200 visible characters of ASCII, such as a UUID")
    return key


def _token(request: web.Request) -> ApiToken:
    return request[_TOKEN]


def _answered(answer: ApiResponse[Any], status: int) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict()
    if answer.location is not None:
        headers["Location"] = answer.location
    if answer.value is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        status=status, body=codec.encode(answer.value), content_type="application/json", headers=headers
    )


def _problem(refused: RequestRefused, request_id: str) -> web.Response:
    return web.Response(
        status=refused.status,
        body=codec.encode(refused.document(request_id)),
        headers={**refused.headers, "Content-Type": errors.CONTENT_TYPE},
    )


def _foreign(error: web.HTTPException) -> RequestRefused:
    """What aiohttp itself refuses."""
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return RequestRefused(405, f"this address takes {allowed}", headers={"Allow": allowed})
        case web.HTTPNotFound():
            return RequestRefused(
                404, "there is nothing at this address; /v1/openapi.json tells what there is"
            )
        case web.HTTPRequestEntityTooLarge():
            return RequestRefused(413, f"a body has at most {LARGEST_BODY_BYTES:,} bytes")
        case _:
            return RequestRefused(error.status, error.reason)


def _is_health(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    return (
        request.match_info.http_exception is None and resource is not None and resource.canonical in _HEALTH
    )


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else "req_" + secrets.token_hex(12)


def _note(request: web.Request, response: web.StreamResponse, request_id: str, began_at: float) -> None:
    # The path only as the table spells it: what somebody else wrote there may be anything.
    resource = request.match_info.route.resource
    token = request.get(_TOKEN)
    say = _log.debug if resource is not None and resource.canonical in _HEALTH else _log.info
    say(
        "request.answered",
        request_id=request_id,
        method=request.method,
        path=None if resource is None else resource.canonical,
        ids=sorted(
            v for k, v in request.match_info.items() if ids.is_entity_id(v.removeprefix(IDS.get(k, "")))
        ),
        status=response.status,
        token_id=None if token is None else token.id,
        elapsed_ms=round((time.monotonic() - began_at) * 1000, 1),
    )
