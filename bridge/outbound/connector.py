"""Connections whose addresses are checked at the moment they connect.

Uses two of aiohttp's extension points; both are needed. The resolver keeps the allowed addresses of a name.
``socket_factory`` is called for each connection attempt with the very address that the socket connects to: it
also sees addresses that skip the resolver (literals, cached answers), and nothing is resolved after it. A
kept-alive connection was checked when it was made.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from msgspec import Struct

from bridge.outbound import addresses
from bridge.outbound.addresses import Networks
from bridge.outbound.progress import under_way

ResolveHost = Callable[[str], Awaitable[Sequence[str]]]
"""Resolves a name to its addresses as text, in the order to try them. Raises ``OSError`` if it has none."""

CONNECT_SECONDS = 10.0
"""For one attempt to connect, TLS included."""
NO_LIMIT = 0

_LOOKUP_THREADS = 16
_KEEP_ALIVE_SECONDS = 30.0
_REMEMBER_NAMES_SECONDS = 10


class NotPublic(OSError):
    """A connection that the guard refused. ``reason`` is the class of the address; the address is not
    shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a public address ({reason})")
        self.reason = reason


class SystemLookup:
    """The machine's resolver, in its own threads.

    ``getaddrinfo`` can't be interrupted: a name server that does not answer blocks a thread until the
    machine's resolver gives up. Those must not be threads that other work needs.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="outbound-lookup")

    async def __call__(self, host: str) -> list[str]:
        """Resolve ``host`` to its addresses, in the order of ``getaddrinfo``."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Shut down without waiting: no one needs the pending lookups any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    # A scoped address (fe80::1%2) keeps its scope, so that the guard sees it.
    return [socket.getnameinfo(address, socket.NI_NUMERICHOST)[0] for *_, address in found]


class CheckedResolver(AbstractResolver):
    """Resolver that returns only the allowed addresses of a name, and raises ``NotPublic`` if none is."""

    def __init__(self, lookup: ResolveHost, allowed: Networks) -> None:
        self._lookup = lookup
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses of ``host``. Raises ``OSError`` if the name has no address."""
        found = await self._lookup(host)
        reasons = {text: text_address_refusal(text, self._allowed) for text in found}
        good = [text for text, reason in reasons.items() if reason is None]
        if not good:
            raise NotPublic(next(iter(reasons.values()), None) or "no address")
        return [_resolved(host, port, text) for text in good]

    async def close(self) -> None:
        """Do nothing: the caller owns the lookup."""


def _resolved(host: str, port: int, text: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=text, port=port, family=family, proto=0, flags=flags)


def text_address_refusal(text: str, allowed: Networks) -> str | None:
    """Return why the address ``text`` is refused. Text that is not a plain address is refused too."""
    try:
        return addresses.address_refusal(ip_address(text), allowed)
    except ValueError:
        return "not an address"


def _sockets(allowed: Networks) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    def make(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        reason = text_address_refusal(str(address[0]), allowed)
        if reason is not None:
            raise NotPublic(reason)
        return socket.socket(family, kind, protocol)

    return make


class _Pool(aiohttp.TCPConnector):
    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's own name)
    ) -> Connection:
        progress = under_way.get(None)
        return await super().connect(req, traces if progress is None else [progress], timeout)


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """The maximum number of open connections, to all hosts and to each of them."""

    total: int = 200
    per_host: int = 10


def make(
    limits: ConnectionLimits, lookup: ResolveHost, allowed: Networks, tls: ssl.SSLContext
) -> aiohttp.TCPConnector:
    """Build a pool of guarded connections. Each request that takes one updates its ``RequestProgress``."""
    return _Pool(
        resolver=CheckedResolver(lookup, allowed),
        socket_factory=_sockets(allowed),
        ssl=tls,
        limit=limits.total,
        limit_per_host=limits.per_host,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        ttl_dns_cache=_REMEMBER_NAMES_SECONDS,
    )


def trusted() -> ssl.SSLContext:
    """Load the machine's trusted certificates, for HTTP/1.1 only. Reads files: call it in a thread."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
