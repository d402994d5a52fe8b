"""What can go wrong with a call to somebody else's address, named for what to do next.

    Permanent
    ├── BadUrl            no URL that can be called
    ├── HttpsRequired     plain http, which is not allowed here
    ├── AddressRefused    the host is, or resolves to, an address that nobody may be made to call
    ├── TooLarge          the body is over the limit; it was not read to its end
    └── Refused           a 4xx; carries the status
        └── Redirected    a 3xx, which is never followed
    Transient
    ├── Unreachable       no whole answer: name unknown, refused, cut, TLS, too slow; carries the kind
    └── Unwell            a 5xx, 408 or 425; carries the status
    Throttled             429, with how long

Messages name the scheme, the host and the status. A URL may be pre-signed, so its path, query and
credentials are secrets, and aiohttp's exceptions spell them: none of those is chained to ours.
"""

from typing import Literal

from bridge.errors import Permanent, Transient

# ``busy`` is ours: all connections were in use until the deadline, and nothing was sent.
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
    """Not a URL that can be called."""


class HttpsRequired(Permanent):
    """Plain http; ``outbound.allow_http`` would allow it."""


class AddressRefused(Permanent):
    """Not a public address, and not of a network in ``outbound.allow_networks``."""


class BodyTooLarge(Permanent):
    """The body is over the limit."""


class CallRefused(Permanent):
    """The other side understood and said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Redirected(CallRefused):
    """The other side named another address; give that one."""


class HostUnreachable(Transient):
    """No whole answer came; ``kind`` says at which step it ended."""

    def __init__(self, message: str, kind: CallErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


class Unwell(Transient):
    """The other side says it is not well, or not now."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
