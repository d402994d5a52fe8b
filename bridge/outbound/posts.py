"""POST requests to subscribers. The outcome is a value, a ``PostResponse`` or a ``CallFailure``."""

import re
from collections.abc import Mapping
from functools import lru_cache

import aiohttp
from msgspec import Struct

from bridge.clock import utc_now
from bridge.outbound.calls import CallFailure, OutboundCall
from bridge.retry import parse_retry_after

# The bridge waits at least as long as a subscriber asks for, up to a month.
_LONGEST_PAUSE_SECONDS = 31 * 24 * 3600.0
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


class PostResponse(Struct, frozen=True, kw_only=True):
    """A response of the other side, including a redirect. The status decides what it means.

    ``body`` is decoded and cut at the limit. ``complete`` is false if the body was cut, broke off, or was
    still arriving at the deadline: the status had arrived, so it counts.
    """

    status: int
    retry_after_seconds: float | None
    body: bytes
    complete: bool
    elapsed_ms: int


async def post(
    call: OutboundCall, body: bytes, headers: Mapping[str, str], max_response_bytes: int
) -> PostResponse | CallFailure:
    """Post ``body`` unchanged and read at most ``max_response_bytes`` of the response."""
    # A subscriber's header names repeat, so their check is cached. All values are checked with one match.
    if not (_are_names(tuple(headers)) and _VALUE.fullmatch("".join(headers.values()))):
        return CallFailure(kind="bad_header", reason="a header has invalid characters", elapsed_ms=0)
    begun = await call.begin("POST", headers, body)
    if isinstance(begun, CallFailure):
        return begun
    async with begun as response:
        return await _answer(call, response, max_response_bytes)


@lru_cache(1_024)
def _are_names(names: tuple[str, ...]) -> bool:
    return all(_NAME.fullmatch(name) for name in names)


async def _answer(call: OutboundCall, response: aiohttp.ClientResponse, max_bytes: int) -> PostResponse:
    kept = bytearray()
    complete = await call.read(response, kept, max_bytes)
    asked = None
    if "Retry-After" in response.headers:
        asked = parse_retry_after(response.headers, utc_now(), _LONGEST_PAUSE_SECONDS)
    return PostResponse(
        status=response.status,
        retry_after_seconds=asked,
        body=bytes(kept[:max_bytes]),
        complete=complete is True,
        elapsed_ms=call.elapsed_ms,
    )
