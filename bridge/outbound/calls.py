"""One HTTP request to a target under one deadline. Failures are returned as ``CallFailure``.

The deadline is an ``asyncio.Timeout`` around everything: the wait for a connection, name resolution, TLS, the
headers and the body. aiohttp rounds its ``total`` up to whole seconds, and its other timeouts restart with
each byte read.

aiohttp's exceptions contain whole URLs. So they become values here and are never chained.
"""

import asyncio
import errno
import ssl
import time
from collections.abc import Mapping

import aiohttp
from msgspec import Struct

from bridge.outbound import bodies
from bridge.outbound.bodies import BodyUnreadable
from bridge.outbound.connector import NotPublic
from bridge.outbound.deadlines import Deadlines
from bridge.outbound.errors import CallErrorKind
from bridge.outbound.progress import RequestProgress, RequestStep, under_way
from bridge.outbound.targets import Target

_FOREIGN = (aiohttp.ClientError, OSError, TimeoutError, BodyUnreadable)
_ASKED = {"Accept-Encoding": "identity", "User-Agent": "trackerrms-bridge"}


class CallFailure(Struct, frozen=True, kw_only=True):
    """A call without a response. ``reason`` is for people and names at most the scheme, host and port."""

    kind: CallErrorKind
    reason: str
    elapsed_ms: int


class OutboundCall:
    """A request that must end within ``deadline_seconds``."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: Target,
        deadline_seconds: float,
        deadlines: Deadlines,
    ) -> None:
        self._session = session
        self._target = target
        self._deadline_seconds = deadline_seconds
        self._deadlines = deadlines
        self._ends_at = deadlines.after(deadline_seconds)
        self._started = time.monotonic()
        self._progress = RequestProgress()

    @property
    def elapsed_ms(self) -> int:
        """Return the milliseconds since the call began."""
        return round((time.monotonic() - self._started) * 1000)

    async def begin(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse | CallFailure:
        """Send the request and wait for the response's headers. The caller closes the response."""
        timeout, ending = asyncio.timeout(None), self._deadlines.at(self._ends_at)
        try:
            async with timeout:
                ending.add(timeout)
                return await self._send_with_resend(method, headers, body)
        except _FOREIGN as error:
            return self._failure(error)
        finally:
            ending.discard(timeout)

    async def read(
        self, response: aiohttp.ClientResponse, kept: bytearray, max_bytes: int
    ) -> bool | CallFailure:
        """Read the body into ``kept``. Return true if it is complete, false if it was cut at
        ``max_bytes``."""
        if response.content.at_eof():
            return True
        self._progress.step = RequestStep.READING
        timeout, ending = asyncio.timeout(None), self._deadlines.at(self._ends_at)
        try:
            async with timeout:
                ending.add(timeout)
                return await bodies.read_body(response, kept, max_bytes)
        except _FOREIGN as error:
            return self._failure(error)
        finally:
            ending.discard(timeout)

    async def _send_with_resend(
        self, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        try:
            return await self._send(method, headers, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # The server closed a kept-alive connection meanwhile. (aiohttp resends a GET, but not a POST.)
            if not self._progress.reused:
                raise
        return await self._send(method, headers, body)

    async def _send(
        self, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        under_way.set(self._progress)
        return await self._session.request(
            method,
            self._target.url,
            headers={**_ASKED, **headers},
            data=body,
            allow_redirects=False,
        )

    def _failure(self, error: BaseException) -> CallFailure:
        kind, what = explained(error)
        if kind == "timeout":
            what = f"timed out after {self._deadline_seconds:g} s while {self._progress.step.value}"
            kind = "busy" if self._progress.step is RequestStep.QUEUED else kind
        return CallFailure(kind=kind, reason=f"{self._target.where}: {what}", elapsed_ms=self.elapsed_ms)


def explained(error: BaseException) -> tuple[CallErrorKind, str]:
    """Return the kind of a foreign exception, and a description without any part of the URL."""
    match error:
        case TimeoutError():
            return "timeout", "too slow"
        case aiohttp.ClientConnectorError(os_error=NotPublic() as refused):
            return "address_refused", f"the host is not a public address ({refused.reason})"
        case aiohttp.ClientConnectorDNSError():
            return "dns_error", "the host name does not resolve"
        case ssl.SSLError() | ssl.CertificateError():
            return "tls_error", f"no secure connection ({_tls(error)})"
        case aiohttp.InvalidURL():
            return "bad_url", "the URL can't be called"
        case aiohttp.ClientResponseError() | BodyUnreadable():
            return "protocol_error", "the response is not valid HTTP/1.1"
        case aiohttp.ClientPayloadError():
            return "connection_reset", "the response is incomplete"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | BrokenPipeError():
            return "connection_reset", "the host closed the connection"
        case OSError():
            return _by_number(error.errno)
        case _:
            return "protocol_error", f"the exchange failed ({type(error).__name__})"


def _by_number(number: int | None) -> tuple[CallErrorKind, str]:
    if number == errno.ECONNREFUSED:
        return "connection_refused", "the host refuses connections"
    if number in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return "connection_reset", "the host closed the connection"
    return "unreachable", f"the host can't be reached ({errno.errorcode.get(number or 0, 'no route')})"


def _tls(error: BaseException) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    said = getattr(inner, "verify_message", None) or getattr(inner, "reason", None)
    return str(said or type(inner).__name__)
