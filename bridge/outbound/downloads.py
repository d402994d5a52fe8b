"""Downloads of URLs from commands: the whole content, or an error that says what to do."""

from collections.abc import Mapping

import aiohttp
from msgspec import Struct

from bridge.clock import utc_now
from bridge.errors import BridgeError, Throttled
from bridge.outbound.calls import CallFailure, OutboundCall
from bridge.outbound.errors import (
    AddressRefused,
    BadUrl,
    BodyTooLarge,
    CallErrorKind,
    CallRefused,
    HostUnreachable,
    HttpsRequired,
    Redirected,
    Unwell,
)
from bridge.outbound.targets import Target, Unusable
from bridge.retry import parse_retry_after

_PAUSE_UNASKED_SECONDS = 60.0
_NOT_NOW = (408, 425)


class Downloaded(Struct, frozen=True, kw_only=True):
    """The whole content. ``content_type`` is the server's, ``None`` without one."""

    content_type: str | None
    body: bytes


def usable(judged: Target | Unusable) -> Target:
    """Return the target. Raises ``BadUrl``, ``HttpsRequired`` or ``AddressRefused`` for an unusable URL."""
    if isinstance(judged, Unusable):
        raise error(judged.kind, judged.reason)
    return judged


async def fetch(call: OutboundCall, where: str, max_bytes: int) -> Downloaded:
    """Read the whole content. Raises the errors that ``Outbound.download`` lists."""
    begun = await call.begin("GET", {})
    if isinstance(begun, CallFailure):
        raise error(begun.kind, begun.reason)
    async with begun as response:
        _accept(response.status, response.headers, where)
        return await _content(call, response, where, max_bytes)


async def _content(
    call: OutboundCall, response: aiohttp.ClientResponse, where: str, max_bytes: int
) -> Downloaded:
    kept = bytearray()
    complete: bool | CallFailure = False
    if (response.content_length or 0) <= max_bytes:
        complete = await call.read(response, kept, max_bytes)
    if isinstance(complete, CallFailure):
        raise error(complete.kind, complete.reason)
    if not complete:
        raise BodyTooLarge(f"{where}: the content is larger than {max_bytes:,} bytes; give a smaller file")
    return Downloaded(content_type=response.headers.get("Content-Type"), body=bytes(kept))


def _accept(status: int, headers: Mapping[str, str], where: str) -> None:
    said = f"{where}: answered {status}"
    if 200 <= status < 300:
        return
    if status == 429:
        asked = parse_retry_after(headers, utc_now())
        raise Throttled(said, _PAUSE_UNASKED_SECONDS if asked is None else asked)
    if status >= 500 or status in _NOT_NOW:
        raise Unwell(said, status)
    if 300 <= status < 400:
        raise Redirected(f"{said}: redirects are not followed; give the final URL", status)
    raise CallRefused(f"{said}; check that the URL is correct and has not expired", status)


def error(kind: CallErrorKind, reason: str) -> BridgeError:
    """Return the error that a failed download raises."""
    match kind:
        case "bad_url":
            return BadUrl(f"{reason}; correct the URL")
        case "https_required":
            return HttpsRequired(f"{reason}; outbound.allow_http can allow http")
        case "address_refused":
            return AddressRefused(f"{reason}; outbound.allow_networks can allow a network")
        case _:
            return HostUnreachable(reason, kind)
