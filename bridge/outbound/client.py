"""``Outbound``: the one HTTP client for addresses that others choose. It downloads and posts.

All calls share one connection pool. Redirects are not followed, cookies are not kept, and proxies and netrc
from the environment are not used: each could lead to an address that the guard has not checked.
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
    """HTTP client behind the address guard; an asynchronous context manager.

    ``lookup`` and ``tls`` replace the machine's resolver and its trusted certificates.
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
        # Subscribers' URLs repeat with each delivery, and the verdict on a URL never changes.
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
        """Check whether ``url`` may be called, without resolving its name."""
        return self._judged(url)

    async def download(self, url: str, *, max_bytes: int, deadline_seconds: float) -> Downloaded:
        """Download ``url``: at most ``max_bytes`` after decoding, within ``deadline_seconds``.

        Raises ``BadUrl``, ``HttpsRequired``, ``AddressRefused``, ``BodyTooLarge``, ``CallRefused`` or
        ``Redirected`` (permanent), ``HostUnreachable`` or ``Unwell`` (transient), or ``Throttled``.
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
        """Post ``body`` and return the response or the failure. Nothing that the other side does raises.

        If a kept-alive connection turns out to be closed, the request is resent once. So it may arrive twice:
        it must carry an id that the receiver can recognize.
        """
        target = self.judge(url)
        if isinstance(target, Unusable):
            return CallFailure(kind=target.kind, reason=target.reason, elapsed_ms=0)
        return await posts.post(self._call(target, timeout_seconds), body, headers, max_response_bytes)

    def _call(self, target: Target, deadline_seconds: float) -> OutboundCall:
        if self._session is None or self._deadlines is None:
            raise RuntimeError("Outbound is used outside of its context: enter it with async with")
        return OutboundCall(self._session, target, deadline_seconds, self._deadlines)
