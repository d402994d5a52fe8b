"""Switches for tokens and limits: the exchange, and refused calls."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from bridge.simulator.dialects.absence import Raw, Said, web_page
from bridge.simulator.dialects.switches import Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "exchange_path": switch(
        "The path of the exchange.",
        "tokens",
        {
            "Auth": "POST /api/Auth/ExchangeToken.",
            "lower": "POST /api/auth/exchangetoken, only in lower case.",
            "v1": "POST /api/v1/Auth/ExchangeToken.",
        },
    ),
    "exchange_body": switch(
        "How the bearer token is sent to the exchange.",
        "tokens",
        {
            "bearerToken": "As bearerToken.",
            "token": "As token.",
            "accessToken": "As accessToken.",
            "header": "In the Authorization header.",
        },
    ),
    "token_answer": switch(
        "Where the JWT is in the answer of the exchange.",
        "tokens",
        {
            "token": "Under token.",
            "jwt": "Under jwt.",
            "accessToken": "Under accessToken.",
            "access_token": "Under access_token.",
            "pascal": "Under Token; Expiration too.",
            "data": "Under token in data.",
            "result": "Under token in result, next to success.",
            "string": "The answer is a JSON string.",
            "text": "The answer is the token itself, as plain text.",
            "bearer": 'Under token, after the word "Bearer".',
            "created": "Under token, with 201.",
        },
    ),
    "token_expiration": switch(
        "The JWT's expiry in the answer of the exchange.",
        "tokens",
        {
            "utc": "expiration, UTC with Z.",
            "local": "expiration, the tenant's local time without a zone.",
            "absent": "Nothing.",
            "null": "expiration, null.",
            "epoch": "expiration, seconds since 1970.",
            "epoch_ms": "expiration, milliseconds since 1970.",
            "text": "expiration, seconds since 1970 as a text.",
            "expires_in": "expiresIn, seconds from now.",
            "us": "expiration, the month first, with AM or PM.",
            "past": "expiration, a past time, although the token works.",
            "year_one": "expiration, 0001-01-01T00:00:00.",
        },
    ),
    "token_refused": switch(
        "How a call with an invalid JWT is answered.",
        "tokens",
        {
            "401": "401.",
            "403": "403.",
            "400": "400.",
            "498": "498.",
            "500": "500.",
            "login_page": "200 with the web page of a login.",
            "302": "302 to a login.",
            "false": '200 with success false and "Token expired".',
        },
    ),
    "exchange_refused": switch(
        "How an exchange of an invalid bearer token is answered.",
        "tokens",
        {
            "401": "401.",
            "403": "403.",
            "400": "400.",
            "404": "404.",
            "null": "200 with token null.",
            "false": "200 with success false.",
            "login_page": "200 with the web page of a login.",
        },
    ),
    "old_jwts": switch(
        "What happens to the earlier JWT of a bearer token that is exchanged again.",
        "tokens",
        {
            "ended": "It becomes invalid.",
            "kept": "It stays valid.",
            "same": "The exchange returns it again until it expires.",
        },
    ),
    "throttled": switch(
        "How a call above the limit is answered.",
        "throttling",
        {
            "429": "429.",
            "403": "403.",
            "503": "503.",
            "509": "509, bandwidth limit exceeded.",
            "false": '200 with success false and "Rate limit exceeded".',
            "html": "429 with a web page.",
        },
    ),
    "retry_after": switch(
        "Retry-After in the answer to a call above the limit.",
        "throttling",
        {
            "none": "It is missing.",
            "seconds": "The seconds until a call is answered.",
            "date": "The HTTP date at which a call is answered.",
            "past_date": "An HTTP date in the past.",
            "zero": "0.",
            "huge": "120000.",
            "text": "soon.",
        },
    ),
}

_HUGE: Final = "120000"


def bearer_given(dialect: Dialect, body: Mapping[str, Any], header: str) -> Any:
    """Return the bearer token of an exchange."""
    key = dialect["exchange_body"]
    if key != "header":
        return body.get(key)
    scheme, _, token = header.partition(" ")
    return token if scheme.lower() == "bearer" else None


def issued(dialect: Dialect, jwt: str, expires_at: datetime, now: datetime, local: str) -> Said:
    """Return the answer of an exchange. ``local`` is the expiry in the tenant's local digits."""
    key = dialect["token_answer"]
    more = _expiration(dialect, expires_at, now, local)
    said: dict[str, Any] = {
        "pascal": {"Token": jwt, **{name.capitalize(): value for name, value in more.items()}},
        "data": {"data": {"token": jwt, **more}},
        "result": {"success": True, "result": {"token": jwt, **more}},
        "string": jwt,
        "text": Raw(jwt.encode(), "text/plain"),
        "bearer": {"token": f"Bearer {jwt}", **more},
        "created": {"token": jwt, **more},
    }
    return 201 if key == "created" else 200, said.get(key, {key: jwt, **more})


def _expiration(dialect: Dialect, expires_at: datetime, now: datetime, local: str) -> dict[str, Any]:
    ends_at = expires_at.astimezone(UTC)
    seconds = int(ends_at.timestamp())
    past = (now.astimezone(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said: dict[str, dict[str, Any]] = {
        "utc": {"expiration": ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "local": {"expiration": local},
        "absent": {},
        "null": {"expiration": None},
        "epoch": {"expiration": seconds},
        "epoch_ms": {"expiration": seconds * 1000},
        "text": {"expiration": str(seconds)},
        "expires_in": {"expiresIn": int((ends_at - now).total_seconds())},
        "us": {"expiration": ends_at.strftime("%m/%d/%Y %I:%M:%S %p")},
        "past": {"expiration": past},
        "year_one": {"expiration": "0001-01-01T00:00:00"},
    }
    return said[dialect["token_expiration"]]


def call_refused(dialect: Dialect) -> Said | None:
    """Return the answer for an invalid JWT; ``None`` for the default."""
    how = dialect["token_refused"]
    if how == "401":
        return None
    if how == "302":
        return 302, Raw(b"")
    bodies: dict[str, Any] = {
        "login_page": web_page("Tracker: log in"),
        "false": {"success": False, "message": "Token expired"},
    }
    return (200, bodies[how]) if how in bodies else (int(how), {"title": "Not allowed", "status": int(how)})


def refuse_exchange(dialect: Dialect) -> Said | None:
    """Return the answer for an invalid bearer token; ``None`` for the default."""
    how = dialect["exchange_refused"]
    bodies: dict[str, Any] = {
        "null": {"token": None, "expiration": None},
        "false": {"success": False, "message": "Invalid bearer token"},
        "login_page": web_page("Tracker: log in"),
    }
    if how == "401":
        return None
    return (200, bodies[how]) if how in bodies else (int(how), {"title": "Not allowed", "status": int(how)})


def answer_throttled(dialect: Dialect, wait_seconds: float, now: datetime) -> tuple[Said, dict[str, str]]:
    """Return the answer to a call above the limit, and its headers."""
    how = dialect["throttled"]
    bodies: dict[str, Said] = {
        "false": (200, {"success": False, "message": "Rate limit exceeded"}),
        "html": (429, web_page("Too many requests")),
    }
    status = int(how) if how.isdigit() else 429
    said = bodies.get(how, (status, {"title": "Too Many Requests", "status": status}))
    return said, _retry_after(dialect, int(wait_seconds) + 1, now.astimezone(UTC))


def _retry_after(dialect: Dialect, wait_seconds: int, now: datetime) -> dict[str, str]:
    said = {
        "seconds": str(wait_seconds),
        "date": format_datetime(now + timedelta(seconds=wait_seconds), usegmt=True),
        "past_date": format_datetime(now - timedelta(hours=1), usegmt=True),
        "zero": "0",
        "huge": _HUGE,
        "text": "soon",
    }
    how = dialect["retry_after"]
    return {"Retry-After": said[how]} if how in said else {}
