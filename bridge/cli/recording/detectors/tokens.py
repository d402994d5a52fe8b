"""Detects the switches of tokens and limits from exchanges of the credential, invalid tokens, and 429s."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bridge.cli.recording.exchanges import NO_JSON, Exchange
from bridge.cli.recording.seen import SeenAccount, normalize_keys
from bridge.clock import utc_now
from bridge.retry import http_date

EXCHANGES: Final[Mapping[str, str]] = {
    "/api/Auth/ExchangeToken": "Auth",
    "/api/auth/exchangetoken": "lower",
    "/api/v1/Auth/ExchangeToken": "v1",
}
HEADER: Final = "header"
OTHER_FORMS: Final = ("token", "accessToken", HEADER)
"""Names of the bearer token in an exchange, or the Authorization header."""
WRONG_JWT, WRONG_BEARER, OLD_JWT = "wrong JWT", "wrong bearer token", "old JWT"
"""The names of special exchanges: a call with an invalid JWT, an exchange of an invalid token, and a call
with the previous JWT."""
_TOKEN_KEYS: Final = {"token": "token", "jwt": "jwt", "accesstoken": "accessToken"}
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_US: Final = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [AP]M")


def exchange_path(seen: SeenAccount) -> str | None:
    """Detect from the path that answers or exists."""
    answered = [one.path for one in _exchanged(seen)]
    there = [one.path for one in _all(seen) if one.status not in (404, 405)]
    return next((EXCHANGES[path] for path in (*answered, *there) if path in EXCHANGES), None)


def _all(seen: SeenAccount) -> list[Exchange]:
    return seen.of("POST", *EXCHANGES, seen.settings.exchange.path)


def _exchanged(seen: SeenAccount) -> list[Exchange]:
    return [one for one in _all(seen) if one.status in (200, 201) and jwt_of(one) is not None]


def jwt_of(one: Exchange) -> str | None:
    """Return the token in an exchange's answer."""
    if one.said is NO_JSON:
        text = one.raw.decode("utf-8", "replace").strip()
        return text if re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,}", text) else None
    if isinstance(one.said, str):
        return one.said
    return next(
        (value for key, value in _fields(one.said) if key in _TOKEN_KEYS and isinstance(value, str)), None
    )


def _fields(said: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an answer, and of the object in it, with plain keys."""
    if isinstance(said, dict):
        for key, value in normalize_keys(said).items():
            if isinstance(value, dict):
                yield from value.items()
            else:
                yield key, value


def exchange_body(seen: SeenAccount) -> str | None:
    """Detect from the body of a successful exchange."""
    for one in _exchanged(seen):
        return next((key for key in ("bearerToken", *OTHER_FORMS[:-1]) if key in one.asked), HEADER)
    return None


def token_answer(seen: SeenAccount) -> str | None:
    """Detect from the place of the token."""
    for one in _exchanged(seen):
        if one.said is NO_JSON:
            return "text"
        if isinstance(one.said, str):
            return "string" if one.raw.lstrip().startswith((b'"', b"\xef", b"\xff")) else "text"
        if one.status == 201:
            return "created"
        outer = {key for key, value in normalize_keys(one.said).items() if isinstance(value, dict)}
        if outer & {"data", "result"}:
            return "data" if "data" in outer else "result"
        if (jwt_of(one) or "").lower().startswith("bearer "):
            return "bearer"
        spelled = next((key for key in one.said if normalize_keys({key: 0}).keys() & _TOKEN_KEYS.keys()), "")
        if spelled == "Token":
            return "pascal"
        return spelled if spelled in ("token", "jwt", "accessToken", "access_token") else None
    return None


def token_expiration(seen: SeenAccount) -> str | None:
    """Detect from the key and form of the expiry."""
    for one in _exchanged(seen):
        fields = dict(_fields(one.said))
        if "expiresin" in fields:
            return "expires_in"
        if isinstance(one.said, str) or one.said is NO_JSON:
            return None
        return _expiration(fields["expiration"]) if "expiration" in fields else "absent"
    return None


def _expiration(said: Any) -> str | None:
    if said is None:
        return "null"
    if isinstance(said, int | float):
        return "epoch_ms" if said > 1e11 else "epoch"
    text = str(said)
    if text.isdecimal():
        return "text"
    if _US.fullmatch(text):
        return "us"
    if text.startswith("0001"):
        return "year_one"
    if not _ISO.match(text):
        return None
    if not text.endswith("Z"):
        return "local"
    return "past" if datetime.fromisoformat(text) < utc_now() else "utc"


def token_refused(seen: SeenAccount) -> str | None:
    """Detect from the answer to an invalid JWT."""
    return _refusal(seen.asides.get(WRONG_JWT), ("401", "403", "400", "498", "500", "302"))


def detect_exchange_refused(seen: SeenAccount) -> str | None:
    """Detect from the answer to an invalid bearer token."""
    one = seen.asides.get(WRONG_BEARER)
    if one is not None and isinstance(one.said, dict) and normalize_keys(one.said).get("token", 0) is None:
        return "null"
    return _refusal(one, ("401", "403", "400", "404"))


def _refusal(one: Exchange | None, statuses: tuple[str, ...]) -> str | None:
    if one is None:
        return None
    if one.status == 200:
        return "login_page" if one.is_page else "false" if isinstance(one.said, dict) else None
    return str(one.status) if str(one.status) in statuses else None


def old_jwts(seen: SeenAccount) -> str | None:
    """Detect if a second exchange returns another JWT, and if the first one stays valid."""
    jwts = [jwt_of(one) for one in _exchanged(seen)]
    if len(jwts) < 2:
        return None
    if jwts[-1] == jwts[-2]:
        return "same"
    old, wrong = seen.asides.get(OLD_JWT), seen.asides.get(WRONG_JWT)
    if old is None:
        return None
    refused = old.status != 200 or (wrong is not None and (old.is_page or old.raw == wrong.raw))
    return "ended" if refused else "kept"


def detect_throttled(seen: SeenAccount) -> str | None:
    """Detect from calls above the limit, if there were any."""
    for one in _throttled(seen):
        if one.status == 429:
            return "html" if one.is_page else "429"
        return "false" if one.status == 200 else str(one.status) if one.status in (403, 503, 509) else None
    return None


def detect_retry_after(seen: SeenAccount) -> str | None:
    """Detect from the header of calls above the limit."""
    for one in _throttled(seen):
        said = one.headers.get("Retry-After")
        if said is None:
            return "none"
        if said.isdecimal():
            return "zero" if int(said) == 0 else "huge" if int(said) > 3600 else "seconds"
        moment = http_date(said)
        return "text" if moment is None else "past_date" if moment < utc_now() else "date"
    return None


def _throttled(seen: SeenAccount) -> list[Exchange]:
    return [one for one in seen.exchanges if one.status in (429, 509) or _says_limit(one)]


def _says_limit(one: Exchange) -> bool:
    said = normalize_keys(one.said) if isinstance(one.said, dict) else {}
    text = f"{said.get('message', '')} {said.get('title', '')}".lower()
    return len(said) <= 3 and any(word in text for word in ("rate limit", "too many requests"))


DETECTORS: Final[Mapping[str, Any]] = {
    "exchange_path": exchange_path,
    "exchange_body": exchange_body,
    "token_answer": token_answer,
    "token_expiration": token_expiration,
    "token_refused": token_refused,
    "exchange_refused": detect_exchange_refused,
    "old_jwts": old_jwts,
    "throttled": detect_throttled,
    "retry_after": detect_retry_after,
}
