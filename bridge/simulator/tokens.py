"""Credentials: bearer tokens, the JWTs exchanged for them, OAuth2 refresh tokens, API keys."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson

from bridge.simulator.options import Options

#: What an exchange does with the earlier JWT of the same bearer token.
OldJwts = Literal["ended", "kept", "same"]


class IssuedTokens:
    """Issues and checks tokens. ``clock`` returns aware UTC, by which JWTs and access tokens expire."""

    def __init__(self, options: Options, clock: Callable[[], datetime]) -> None:
        self._options, self._clock = options, clock
        self._key = secrets.token_bytes(32)
        self._jwts: dict[str, tuple[str, datetime]] = {}  # jwt → (bearer token, expiry)
        self._access: dict[str, datetime] = {}
        self._refresh = set(options.refresh_tokens)

    def exchange(self, bearer: object, old_jwts: OldJwts) -> tuple[str, datetime] | None:
        """Return a JWT and its expiry for a bearer or access token, or ``None``."""
        if not isinstance(bearer, str) or not self.is_bearer(bearer):
            return None
        live = {jwt: held[1] for jwt, held in self._jwts.items() if held[0] == bearer and self.is_live(jwt)}
        if old_jwts == "same" and live:
            return next(iter(live.items()))
        if old_jwts == "ended":
            self._jwts = {jwt: held for jwt, held in self._jwts.items() if held[0] != bearer}
        expires_at = self._clock() + timedelta(seconds=self._options.jwt_seconds)
        jwt = self._sign({"jti": secrets.token_hex(8), "exp": int(expires_at.timestamp())})
        self._jwts[jwt] = (bearer, expires_at)
        return jwt, expires_at

    def is_bearer(self, token: str) -> bool:
        """Return true for a bearer token of the account or a live access token."""
        return token in self._options.bearer_tokens or self.is_access(token)

    def is_access(self, token: str) -> bool:
        """Return true for a live OAuth2 access token."""
        return self._access.get(token, datetime.min.replace(tzinfo=UTC)) > self._clock()

    def is_live(self, jwt: str) -> bool:
        """Return true if this JWT is neither superseded nor expired."""
        held = self._jwts.get(jwt)
        return held is not None and held[1] > self._clock()

    def is_api_key(self, key: object) -> bool:
        """Return true if the widget API knows this key."""
        return isinstance(key, str) and key in self._options.api_keys

    def is_user(self, name: object, password: object) -> bool:
        """Return true if the widget API knows this user and password."""
        return (name, password) in self._options.users

    def refresh(self, client_id: str, client_secret: str, refresh_token: str) -> tuple[str, str] | None:
        """Return an access token and the next refresh token, or ``None``. A refresh token works once."""
        if (client_id, client_secret) != (self._options.client_id, self._options.client_secret):
            return None
        if refresh_token not in self._refresh:
            return None
        self._refresh.discard(refresh_token)
        access, successor = secrets.token_hex(16), secrets.token_hex(16)
        self._refresh.add(successor)
        self._access[access] = self._clock() + timedelta(seconds=self._options.access_token_seconds)
        return access, successor

    def revoke_jwts(self) -> None:
        """Invalidate every JWT, as a restart of TrackerRMS might."""
        self._jwts.clear()

    def _sign(self, claims: dict[str, object]) -> str:
        head, body = (_part(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        digest = hmac.digest(self._key, f"{head}.{body}".encode(), hashlib.sha256)
        return f"{head}.{body}.{_part(digest)}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
