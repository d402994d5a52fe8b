"""Reads the answer of an exchange: the token, and when it expires. Pure.

Only ``{"token", "expiration"}`` was seen. Other accepted forms: other names (keys of
``[integrations.tracker.token]``), a token one level down, a bare JSON string or plain text, and a JWT under
an unknown name.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec
from msgspec import Struct

from bridge.retry import http_date
from bridge.tracker import pages, values
from bridge.tracker.errors import BadJson, Unreadable
from bridge.tracker.schema import TokenKeys

_JWT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")
# Plain text: a word such as Unauthorized is not a token.
_ALONE = re.compile(r"(?=.*[0-9])[A-Za-z0-9._~+/=-]{16,}")
_SCHEME = re.compile(r"bearer\s+", re.IGNORECASE)
_DOTNET = re.compile(r"/Date\((\d{1,15})(?:[+-]\d{4})?\)/")
_SHOWN = re.compile(r"[A-Za-z_][\w-]{0,39}", re.ASCII)
_MOST_SHOWN = 12
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e11
_LONGEST_LIFE = timedelta(days=36_500)
CURE = "set keys under [integrations.tracker.token] to the path of the token"


class Exchanged(Struct, frozen=True, kw_only=True):
    """A token. ``expires_at`` (aware UTC) is ``None`` if unknown."""

    token: str
    expires_at: datetime | None


def parse_token_answer(body: bytes, keys: TokenKeys, now: datetime, zone: tzinfo) -> Exchanged:
    """Return the exchanged token. Raises ``BadJson`` or ``Unreadable``, which name keys and never values."""
    reply = _decoded(body)
    token = _token(reply, keys.keys)
    if token is None:
        raise Unreadable(f"the answer has no token: {_described(reply)}")
    said = (value for path in keys.expires for value in _at(reply, path))
    moments = (_claimed(token), *(_moment(value, now, zone) for value in said))
    return Exchanged(token=token, expires_at=next((one for one in moments if one is not None), None))


def _decoded(body: bytes) -> Any:
    try:
        return pages.decode_leniently(body)
    except BadJson:
        text = body.decode("utf-8-sig", "replace").strip()
        if _alone(text) is None:
            raise
        return text


def _token(reply: Any, keys: tuple[tuple[str, ...], ...]) -> str | None:
    if isinstance(reply, str):
        return _alone(reply)
    for path in keys:
        for value in _at(reply, path):
            if isinstance(value, str) and value.strip():
                return _SCHEME.sub("", value.strip(), count=1)
    # A JWT is recognized by its form under any name; with two, one may be for something else.
    jwts = {text for _, text in _texts(reply) if _claims(text) is not None}
    return jwts.pop() if len(jwts) == 1 else None


def _alone(text: str) -> str | None:
    bare = _SCHEME.sub("", text.strip(), count=1)
    return bare if _ALONE.fullmatch(bare) else None


def _at(reply: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values at a path, whose names are compared without case and underscores."""
    if not path:
        yield reply
    elif isinstance(reply, Mapping):
        for key, value in reply.items():
            if _plain(key) == _plain(path[0]):
                yield from _at(value, path[1:])


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").casefold()


def _texts(reply: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(reply, Mapping) and depth < 3:
        for key, value in reply.items():
            if isinstance(value, str):
                yield key, value.strip()
            else:
                yield from _texts(value, depth + 1)


def _described(reply: Any) -> str:
    """Describe an answer: the names of its keys, as far as they look like names."""
    if not isinstance(reply, Mapping):
        return f"it is {values.kind(reply)}"
    names = []
    for key, value in reply.items():
        inner = value if isinstance(value, Mapping) else {}
        names += [f"{key}.{name}" for name in inner if _SHOWN.fullmatch(name)] or [key]
    shown = [name for name in names if all(_SHOWN.fullmatch(part) for part in name.split("."))]
    listed = f"its keys are {', '.join(shown[:_MOST_SHOWN])}" if shown else "it has no keys"
    return f"{listed}; {CURE}" if shown else listed


def _claimed(token: str) -> datetime | None:
    """Return the expiry in the JWT itself (``exp``, RFC 7519), which does not depend on a time zone."""
    claims = _claims(token) or {}
    said = claims.get("exp")
    return _epoch(said) if isinstance(said, int | float) and not isinstance(said, bool) else None


def _claims(token: str) -> dict[str, Any] | None:
    found = _JWT.fullmatch(token)
    if found is None:
        return None
    head, claims = (_part(found[1]), _part(found[2]))
    return claims if head is not None and "alg" in head else None


def _part(text: str) -> dict[str, Any] | None:
    try:
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _moment(said: Any, now: datetime, zone: tzinfo) -> datetime | None:
    if isinstance(said, str):
        said = said.strip()
        dotnet = _DOTNET.fullmatch(said)
        if dotnet:
            return _epoch(int(dotnet[1]))
        number = float(said) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", said, re.ASCII) else None
        return _dated(said, zone) if number is None else _number(number, now)
    if isinstance(said, int | float) and not isinstance(said, bool):
        return _number(float(said), now)
    return None


def _number(said: float, now: datetime) -> datetime | None:
    """Interpret a number as seconds from now, seconds since 1970, or milliseconds since 1970."""
    if said >= _EPOCH_SECONDS:
        return _epoch(said)
    return now + timedelta(seconds=said) if 0 < said < _LONGEST_LIFE.total_seconds() else None


def _epoch(said: float) -> datetime | None:
    seconds = said / 1000 if said >= _EPOCH_MILLISECONDS else said
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _dated(said: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return http_date(said)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC) if 1 < moment.year < 9999 else None
    if not 1 < moment.year < 9999:
        return None
    # It is unknown if a time without a zone is in UTC or in the tenant's zone; the earlier one is harmless.
    return min(moment.replace(tzinfo=UTC), moment.replace(tzinfo=zone).astimezone(UTC))
