"""One request to a target: its headers come back, or a ``CallFailure``, then its body, before one deadline.

The deadline is an ``asyncio.Timeout`` around everything: the queue for a connection, the name, TLS, the
headers and the body. aiohttp's ``total`` is rounded up to whole seconds, and its others begin anew with each
byte read.

aiohttp's exceptions spell whole URLs, so they become values here and are chained to nothing.
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
    """No answer. ``reason`` is for people and names the scheme, host and port at most."""

    kind: CallErrorKind
    reason: str
    elapsed_ms: int


class OutboundCall:
    """One request, from now until ``deadline_seconds`` from now."""

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
        """Since the call began."""
        return round((time.monotonic() - self._started) * 1000)

    async def begin(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse | CallFailure:
        """Send it and wait for the answer's headers. The response is the caller's to close."""
        timeout, ending = asyncio.timeout(None), self._deadlines.at(self._ends_at)
        try:
            async with timeout:
                ending.add(timeout)
                return await self._send_anew(method, headers, body)
        except _FOREIGN as error:
            return self._failure(error)
        finally:
            ending.discard(timeout)

    async def read(
        self, response: aiohttp.ClientResponse, kept: bytearray, max_bytes: int
    ) -> bool | CallFailure:
        """Read the body into ``kept``: whether all of it, or it was cut at ``max_bytes``."""
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

    async def _send_anew(
        self, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        try:
            return await self._send(method, headers, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # Kept alive by us and closed by them in the meantime. (aiohttp does this for GET, not for POST.)
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
            what = f"not done within {self._deadline_seconds:g} s: ended while {self._progress.step.value}"
            kind = "busy" if self._progress.step is RequestStep.QUEUED else kind
        return CallFailure(kind=kind, reason=f"{self._target.where}: {what}", elapsed_ms=self.elapsed_ms)


def explained(error: BaseException) -> tuple[CallErrorKind, str]:
    """What a foreign exception means, and in words that hold nothing of the URL."""
    match error:
        case TimeoutError():
            return "timeout", "too slow"
        case aiohttp.ClientConnectorError(os_error=NotPublic() as refused):
            return "address_refused", f"its host is no public address ({refused.reason})"
        case aiohttp.ClientConnectorDNSError():
            return "dns_error", "its host's name does not resolve"
        case ssl.SSLError() | ssl.CertificateError():
            return "tls_error", f"no secure connection ({_tls(error)})"
        case aiohttp.InvalidURL():
            return "bad_url", "the URL can't be called"
        case aiohttp.ClientResponseError() | BodyUnreadable():
            return "protocol_error", "what it answers is not HTTP/1.1 as it should be"
        case aiohttp.ClientPayloadError():
            return "connection_reset", "its answer broke off"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | BrokenPipeError():
            return "connection_reset", "it closed the connection"
        case OSError():
            return _by_number(error.errno)
        case _:
            return "protocol_error", f"the exchange failed ({type(error).__name__})"


def _by_number(number: int | None) -> tuple[CallErrorKind, str]:
    if number == errno.ECONNREFUSED:
        return "connection_refused", "it refuses connections"
    if number in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return "connection_reset", "it closed the connection"
    return "unreachable", f"can't be reached ({errno.errorcode.get(number or 0, 'no route')})"


def _tls(error: BaseException) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    said = getattr(inner, "verify_message", None) or getattr(inner, "reason", None)
    return str(said or type(inner).__name__)
