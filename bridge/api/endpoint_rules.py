"""Rules for endpoints that a schema pattern cannot express: if the URL may be called, and if any event can
match.

The command line applies the same rules. Host names are not resolved here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeAlias

from msgspec import UNSET, Struct
from trackerrms_contracts import codec
from trackerrms_contracts.entities import STRUCTS
from trackerrms_contracts.webhooks import Endpoint, EndpointChange, FieldFault, NewEndpoint

from bridge.outbound import Target, Unusable

CheckUrl: TypeAlias = Callable[[str], Target | Unusable]

_MOST_HEADER_CHARACTERS = 8_000
# Set by the bridge or the connection: a subscriber's own value would break the delivery or its signature.
_RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_ALLOW = {
    "address_refused": "; an operator may allow its network in outbound.allow_networks",
    "https_required": "; an operator may allow plain http with outbound.allow_http",
    "bad_url": "",
}


class RequestedEndpoint(Struct, frozen=True, kw_only=True):
    """The endpoint to be stored. ``url`` and ``headers`` are set only if they are new."""

    event_types: tuple[str, ...]
    changed_fields: tuple[str, ...]
    operational: bool
    integrations: tuple[str, ...] = ()
    url: str | None = None
    headers: Mapping[str, str] = {}


def new_endpoint(new: NewEndpoint) -> RequestedEndpoint:
    """Return the endpoint that a creation asks for."""
    return RequestedEndpoint(
        event_types=new.event_types,
        changed_fields=new.changed_fields,
        operational=new.operational,
        integrations=new.integrations,
        url=new.url,
        headers=new.headers,
    )


def changed_endpoint(before: Endpoint, change: EndpointChange) -> RequestedEndpoint:
    """Return the endpoint that a change asks for, with its other fields unchanged."""
    return RequestedEndpoint(
        event_types=before.event_types if change.event_types is UNSET else change.event_types,
        changed_fields=before.changed_fields if change.changed_fields is UNSET else change.changed_fields,
        operational=before.operational if change.operational is UNSET else change.operational,
        integrations=() if change.integrations is UNSET else change.integrations,
        url=None if change.url is UNSET else change.url,
        headers={} if change.headers is UNSET else change.headers,
    )


def faults(wanted: RequestedEndpoint, judge: CheckUrl, integrations: Collection[str]) -> list[FieldFault]:
    """Return what is wrong and what to do about it. ``integrations`` holds the known ids; empty means
    unknown.
    """
    found = [_url(wanted.url, judge)] if wanted.url is not None else []
    found += [*_types(wanted), *_fields(wanted), *_headers(wanted.headers)]
    unknown = [one for one in wanted.integrations if integrations and one not in integrations]
    found += [_fault("integrations", f"no integration has the id {one}") for one in unknown]
    return [one for one in found if one is not None]


def _url(url: str, judge: CheckUrl) -> FieldFault | None:
    match judge(url):
        case Unusable(kind=kind, reason=reason):
            return _fault("url", reason + _ALLOW[kind])
        case Target():
            return None


def _types(wanted: RequestedEndpoint) -> Iterator[FieldFault]:
    for pattern in wanted.event_types:
        operational = pattern.startswith(("endpoint.", "hold."))
        if wanted.operational and not operational and pattern != "*":
            yield _fault(
                "event_types",
                f"{pattern}: an operational endpoint receives only endpoint.* and hold.*",
            )
        if operational and not wanted.operational:
            yield _fault("event_types", f"{pattern}: only an endpoint with operational = true receives it")


def _fields(wanted: RequestedEndpoint) -> Iterator[FieldFault]:
    if not wanted.changed_fields:
        return
    known: set[str] = set()
    for model, struct in STRUCTS.items():
        if any(
            pattern in ("*", "*.updated", f"{model}.*", f"{model}.updated") for pattern in wanted.event_types
        ):
            known.update(codec.field_names(struct))
    if not known:
        yield _fault("changed_fields", "filters updated events, but event_types includes none")
        return
    for name in wanted.changed_fields:
        if name not in known:
            yield _fault("changed_fields", f"{name}: not a field of any model in event_types")


def _headers(headers: Mapping[str, str]) -> Iterator[FieldFault]:
    seen: set[str] = set()
    for name in headers:
        plain = name.lower()
        if plain in _RESERVED or plain.startswith(("webhook-", "content-")):
            yield _fault("headers", f"{name}: the bridge sets this header itself")
        if plain in seen:
            yield _fault("headers", f"{name}: given twice; header names are case-insensitive")
        seen.add(plain)
    if sum(len(name) + len(value) for name, value in headers.items()) > _MOST_HEADER_CHARACTERS:
        yield _fault("headers", f"together at most {_MOST_HEADER_CHARACTERS:,} characters")


def _fault(field: str, detail: str) -> FieldFault:
    return FieldFault(field=field, detail=detail)
