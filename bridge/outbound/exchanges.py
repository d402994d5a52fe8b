"""One request to a target and what came of it, as a value: an ``Answer`` or a ``Failure``.

The deadline is asyncio's own, around everything: the queue for a connection, the name, TLS, the headers and
the body. aiohttp's ``total`` is rounded up to whole seconds and its others begin anew with each byte read.
"""

from collections.abc import Mapping

from msgspec import Struct

from bridge.outbound.problems import Kind

_AGENT = "trackerrms-bridge"


class Answer(Struct, frozen=True, kw_only=True):
    """The other side's answer. ``headers`` compare without case; ``body`` is decoded and cut at the limit.

    ``complete`` is false where the body was cut, broke off, or was still coming at the deadline: the status
    had been given, so it counts.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    elapsed_ms: int


class Failure(Struct, frozen=True, kw_only=True):
    """No answer. ``reason`` is for people and names the scheme, host and port at most."""

    kind: Kind
    reason: str
    elapsed_ms: int
