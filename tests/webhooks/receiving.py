"""Subscribers under test: servers that keep what they are sent, and verify it as subscribers do."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from standardwebhooks import Webhook

from tests import npm

NODE = Path(__file__).parent / "node"
_UNVERIFIED = "deliveries aren't verified with npm's standardwebhooks"


class Capture(Struct, frozen=True, kw_only=True):
    """One request as it came."""

    headers: dict[str, str]
    body: bytes
    at: datetime

    @property
    def event_id(self) -> str:
        """Of the header, by which receivers know repeats."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """The body, read."""
        return orjson.loads(self.body)


Answer = Callable[[Capture], Awaitable[web.StreamResponse]]


async def taking(_: Capture) -> web.StreamResponse:
    """What a well-behaved subscriber says."""
    return web.Response(status=204)


class Receiver:
    """A subscriber on a loopback port of its own; ``answer`` may be exchanged at any time.

    ``captures`` is the test's to empty; ``everything`` is what came from the beginning on.
    """

    def __init__(self, answer: Answer = taking, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answer = answer
        self.captures: list[Capture] = []
        self.everything: list[Capture] = []
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}/hook"

    @property
    def ids(self) -> set[str]:
        """The events that came."""
        return {capture.event_id for capture in self.captures}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        assert self._runner.addresses
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        capture = Capture(headers=headers, body=await request.read(), at=datetime.now(UTC))
        self.captures.append(capture)
        self.everything.append(capture)
        return await self.answer(capture)


def status(code: int, **headers: str) -> Answer:
    """Answers with that status and headers (``Retry_After`` for ``Retry-After``)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: Capture) -> web.StreamResponse:
        return web.Response(status=code, headers=named, text="so it is")

    return answer


def hanging() -> Answer:
    """Says nothing until the sender goes away."""

    async def answer(_: Capture) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one for ever."""
    rest = list(answers)

    async def answer(capture: Capture) -> web.StreamResponse:
        return await (rest.pop(0) if len(rest) > 1 else rest[0])(capture)

    return answer


# --- verifying --------------------------------------------------------------------------------------------


def verify(captures: Sequence[Capture], secrets: Collection[str]) -> None:
    """Each verifies with one of ``secrets`` (``whsec_…``), by both of the specification's libraries."""
    _verify_with_python(captures, secrets)
    verify_with_node(captures, secrets)


def verify_everywhere(captures: Sequence[Capture], secrets: Collection[str]) -> None:
    """The same, by npm's library only where it can be had: the test is about something else.

    Deliveries of over four minutes ago are left out: the libraries refuse them.
    """
    captures = [one for one in captures if datetime.now(UTC) - one.at < timedelta(minutes=4)]
    if not captures:
        return
    _verify_with_python(captures, secrets)
    with contextlib.suppress(pytest.skip.Exception):
        verify_with_node(captures, secrets)


def _verify_with_python(captures: Sequence[Capture], secrets: Collection[str]) -> None:
    hooks = [Webhook(secret) for secret in secrets]
    for capture in captures:
        assert any(_verifies(hook, capture) for hook in hooks), capture.headers
        assert capture.event["id"] == capture.event_id


def _verifies(hook: Webhook, capture: Capture) -> bool:
    try:
        return bool(hook.verify(capture.body, capture.headers) == capture.event)
    except Exception:  # noqa: BLE001 (the library's own, and what it lets through)
        return False


def verify_with_node(captures: Sequence[Capture], secrets: Collection[str]) -> None:
    """The same by npm's library, in one process for all of them."""
    given = [
        {"secrets": list(secrets), "headers": c.headers, "body": base64.b64encode(c.body).decode()}
        for c in captures
    ]
    verified = npm.run(NODE / "verify.js", _UNVERIFIED, json.dumps(given))
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout) == []


def need_node() -> Path:
    """The ``node_modules`` with npm's library, fetched once; without npm the test is skipped, and says so."""
    return npm.packages(NODE, _UNVERIFIED)


def verify_ed25519(captures: Sequence[Capture], public_key: str) -> None:
    """Each bears a ``v1a`` signature under ``public_key`` (``whpk_…``), by ``cryptography``."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    for capture in captures:
        tokens = [t for t in capture.headers["webhook-signature"].split(" ") if t.startswith("v1a,")]
        assert tokens, capture.headers
        signed = f"{capture.event_id}.{capture.headers['webhook-timestamp']}.".encode() + capture.body
        key.verify(base64.b64decode(tokens[0].removeprefix("v1a,")), signed)
