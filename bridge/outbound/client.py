"""``Outbound``: the one client for addresses that others chose; it downloads and it posts.

One pool of connections serves all of them. Redirects are not followed, cookies not kept, proxies and netrc
of the environment not used: each would lead somewhere else than where the guard looked.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import lru_cache, partial
from types import TracebackType
from typing import Self

import aiohttp

from bridge.config import OutboundConfig
from bridge.outbound import connector, downloads, posts, targets
from bridge.outbound.calls import CallFailure, OutboundCall
from bridge.outbound.connector import CONNECT_SECONDS, ConnectionLimits, ResolveHost, SystemLookup
from bridge.outbound.deadlines import Deadlines
from bridge.outbound.downloads import Downloaded
from bridge.outbound.posts import PostResponse
from bridge.outbound.targets import Target, Unusable

_URLS_REMEMBERED = 4_096


class Outbound:
    """HTTP to other people's addresses, behind the guard; an asynchronous context manager.

    ``lookup`` and ``tls`` stand in for the machine's resolver and its trusted certificates.
    """

    def __init__(
        self,
        config: OutboundConfig,
        *,
        limits: ConnectionLimits | None = None,
        lookup: ResolveHost | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or ConnectionLimits()
        self._rules = targets.rules(config)
        # Subscribers' URLs are the same with each delivery, and what is judged of one never changes.
        self._judged = lru_cache(_URLS_REMEMBERED)(partial(targets.parse_target, given=self._rules))
        self._system = SystemLookup()
        self._lookup: ResolveHost = lookup or self._system
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._deadlines: Deadlines | None = None

    async def __aenter__(self) -> Self:
        if self._tls is None:
            self._tls = await asyncio.to_thread(connector.trusted)
        self._deadlines = Deadlines(asyncio.get_running_loop())
        self._session = aiohttp.ClientSession(
            connector=connector.make(self._limits, self._lookup, self._rules.allowed, self._tls),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._system.close()

    def judge(self, url: str) -> Target | Unusable:
        """Whether ``url`` may be called, as far as can be told without looking up its name."""
        return self._judged(url)

    async def download(self, url: str, *, max_bytes: int, deadline_seconds: float) -> Downloaded:
        """What ``url`` holds: at most ``max_bytes``, decoded, all of it within ``deadline_seconds``.

        Raises ``BadUrl``, ``HttpsRequired``, ``AddressRefused``, ``TooLarge``, ``Refused`` or ``Redirected``
        (permanent), ``Unreachable`` or ``Unwell`` (transient), ``Throttled``.
        """
        target = downloads.usable(self.judge(url))
        return await downloads.fetch(self._call(target, deadline_seconds), target.where, max_bytes)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        max_response_bytes: int,
    ) -> PostResponse | CallFailure:
        """Post ``body`` and say what came of it; raises nothing for what the other side does.

        A kept-alive connection that proves to be closed is replaced once, at once, so the same request may
        arrive twice: it must carry an id by which the receiver knows it.
        """
        target = self.judge(url)
        if isinstance(target, Unusable):
            return CallFailure(kind=target.kind, reason=target.reason, elapsed_ms=0)
        return await posts.post(self._call(target, timeout_seconds), body, headers, max_response_bytes)

    def _call(self, target: Target, deadline_seconds: float) -> OutboundCall:
        if self._session is None or self._deadlines is None:
            raise RuntimeError("Outbound is used outside of its context")
        return OutboundCall(self._session, target, deadline_seconds, self._deadlines)
