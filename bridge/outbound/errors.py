"""Errors of calls to addresses that others choose, named for what to do next.

    Permanent
    ├── BadUrl            not a URL that can be called
    ├── HttpsRequired     plain http, which is not allowed here
    ├── AddressRefused    the host is, or resolves to, an address that must not be called
    ├── BodyTooLarge      the body exceeds the limit; it was not read to its end
    └── CallRefused       a 4xx; carries the status
        └── Redirected    a 3xx, which is never followed
    Transient
    ├── HostUnreachable   no complete response: unknown name, refused, cut, TLS, too slow; carries the kind
    └── Unwell            a 5xx, 408 or 425; carries the status
    Throttled             429, with the time to wait

Messages name the scheme, the host and the status. A URL may be pre-signed, so its path, query and credentials
are secrets. aiohttp's exceptions contain them and are never chained to ours.
"""

from typing import Literal

from bridge.errors import Permanent, Transient

# ``busy`` is the bridge's own: all connections were in use until the deadline, and nothing was sent.
CallErrorKind = Literal[
    "bad_url",
    "bad_header",
    "https_required",
    "address_refused",
    "dns_error",
    "connection_refused",
    "connection_reset",
    "unreachable",
    "tls_error",
    "timeout",
    "busy",
    "protocol_error",
]


class BadUrl(Permanent):
    """A URL that can't be called."""


class HttpsRequired(Permanent):
    """A plain http URL. ``outbound.allow_http`` can allow it."""


class AddressRefused(Permanent):
    """An address that is neither public nor in a network of ``outbound.allow_networks``."""


class BodyTooLarge(Permanent):
    """A body that exceeds the limit."""


class CallRefused(Permanent):
    """A request that the other side understood and rejected."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Redirected(CallRefused):
    """A redirect to another URL; give that one."""


class HostUnreachable(Transient):
    """A call without a complete response. ``kind`` says at which step it ended."""

    def __init__(self, message: str, kind: CallErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


class Unwell(Transient):
    """An answer of the other side that it can't serve the request now."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
