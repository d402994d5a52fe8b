"""Parsing and checking of URLs that others write: the result is a target or a reason against it. Pure.

The checked URL is exactly the URL that is called. The host is brought into the form that the connector sees,
and the URL is reassembled from checked parts, so that no second parser can read it differently. The path and
the query keep every byte, because a pre-signed URL is signed over them.

Reasons name at most the scheme and the host: a path, a query or credentials may be secrets (invariant 9).
"""

import re
from typing import Literal
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct
from yarl import URL

from bridge.config import OutboundConfig
from bridge.outbound import addresses
from bridge.outbound.addresses import Networks

LONGEST_URL = 8192

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_KEPT = "%!$&'()*+,;=:@/?~[]"


class Rules(Struct, frozen=True, kw_only=True):
    """An operator's exceptions beyond public addresses over https."""

    allowed: Networks = ()
    allow_http: bool = False


class Target(Struct, frozen=True, kw_only=True):
    """A URL that may be called, as far as that is known without resolving its name."""

    url: URL
    where: str
    """Scheme, host and port: the part that may be shown."""


class Unusable(Struct, frozen=True, kw_only=True):
    """The reason why a URL is not called."""

    kind: Literal["bad_url", "https_required", "address_refused"]
    reason: str


def rules(config: OutboundConfig) -> Rules:
    """Read the rules from the configuration, which has validated the networks."""
    return Rules(allowed=addresses.networks(config.allow_networks), allow_http=config.allow_http)


def parse_target(url: str, given: Rules) -> Target | Unusable:
    """Parse and check ``url``. The name is not resolved: its addresses are checked when it is called."""
    if len(url) > LONGEST_URL:
        return _bad(f"it is longer than {LONGEST_URL} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return _bad("it contains a space, a control character or a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return _bad("its host or port is invalid")
    return _scheme(parts, given) or _host(parts, port, given)


def _scheme(parts: SplitResult, given: Rules) -> Unusable | None:
    if parts.scheme not in ("http", "https"):
        return _bad("it must start with https://")
    if parts.scheme == "http" and not given.allow_http:
        return Unusable(kind="https_required", reason="the URL must start with https://")
    if "@" in parts.netloc:
        return _bad("it contains credentials before the host; remove them")
    return None


def _host(parts: SplitResult, port: int | None, given: Rules) -> Target | Unusable:
    if port == 0 or parts.netloc.endswith(":"):
        return _bad("its port is invalid")
    host = _canonical(parts.hostname or "")
    if host is None:
        return _bad("it has no valid host")
    address = addresses.literal(host)
    refused = addresses.address_refusal(address, given.allowed) if address is not None else None
    if refused:
        return Unusable(kind="address_refused", reason=f"its host is not a public address ({refused})")
    if addresses.is_numeric(host) and str(address) != host:
        return _bad("its host is a number in an ambiguous notation")
    return _assembled(parts, host, port)


def _canonical(host: str) -> str | None:
    """Return the host as the connector sees it: lower case, IDNA for names, shortest form for IPv6."""
    if ":" in host:
        return host if addresses.literal(host) is not None else None
    try:
        seen = URL.build(scheme="https", host=host).raw_host or ""
    except ValueError:
        return None
    return seen if _NAME.fullmatch(seen.removesuffix(".")) else None


def _assembled(parts: SplitResult, host: str, port: int | None) -> Target | Unusable:
    bracketed = f"[{host}]" if ":" in host else host
    where = f"{parts.scheme}://{bracketed}" + (f":{port}" if port else "")
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    url = URL(f"{where}{quote(parts.path, safe=_KEPT) or '/'}{query}", encoded=True)
    if url.raw_host != host or "%" in host:
        return _bad("its host is invalid")
    return Target(url=url, where=where)


def _bad(reason: str) -> Unusable:
    return Unusable(kind="bad_url", reason=f"the URL can't be called: {reason}")
