"""Tokens of the HTTP API: shown once, stored as a keyed hash, bound to one owner or to none.

A token is 32 random bytes, so a fast keyed hash suffices: it can't be guessed. The hash's key is derived from
``sealing.key``, so that a copy of the database does not suffice to check a token.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from msgspec import Struct
from trackerrms_contracts import ids

from bridge.sealing import Sealer
from bridge.store.database import Database

PREFIX = "trb_"
_RANDOM_BYTES = 32
_LENGTH = len(PREFIX) + 43  # 32 bytes in base64 without its padding


class ApiToken(Struct, frozen=True, kw_only=True):
    """A token without its text. ``owner``: whose endpoints it may see and change; ``None``: all of them."""

    id: str
    owner: str | None
    description: str
    created_at: datetime
    used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def scope(self) -> str:
        """Return the scope, ``admin`` or ``owner``."""
        return "admin" if self.owner is None else "owner"


class ApiTokens:
    """The tokens of an installation, under the key of ``sealer``."""

    def __init__(self, db: Database, sealer: Sealer) -> None:
        self._db = db
        self._key = sealer.subkey("api tokens")

    async def create(
        self, *, owner: str | None, description: str = "", expires_at: datetime | None = None
    ) -> tuple[ApiToken, str]:
        """Create a token. Return it and its text, which is not stored."""
        text = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        row = await self._db.fetchrow(
            "INSERT INTO api_tokens (id, digest, scope, owner, description, expires_at) "
            f"VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
            "tok_" + "".join(secrets.choice(ids.ALPHABET) for _ in range(ids.ID_LENGTH)),
            self._digest(text),
            "admin" if owner is None else "owner",
            owner,
            description,
            expires_at,
        )
        return _of(row), text

    async def find(self, text: str) -> ApiToken | None:
        """Return the token with that text, ``None`` if it is unknown, revoked or expired."""
        if len(text) != _LENGTH or not text.startswith(PREFIX) or not text.isascii():
            return None
        row = await self._db.fetchrow(
            f"SELECT {_COLUMNS}, coalesce(used_at < clock_timestamp() - interval '1 minute', true) AS stale "
            "FROM api_tokens WHERE digest = $1 AND revoked_at IS NULL "
            "AND (expires_at IS NULL OR expires_at > clock_timestamp())",
            self._digest(text),
        )
        if row is None:
            return None
        if row["stale"]:
            await self._db.execute(
                "UPDATE api_tokens SET used_at = clock_timestamp() WHERE id = $1", row["id"]
            )
        return _of(row)

    async def list_(self) -> Sequence[ApiToken]:
        """Return every token ever created, oldest first."""
        rows = await self._db.fetch(f"SELECT {_COLUMNS} FROM api_tokens ORDER BY created_at, id")
        return [_of(row) for row in rows]

    async def revoke(self, token_id: str) -> bool:
        """Revoke a token. Return true if it existed and was not revoked before."""
        return bool(
            await self._db.fetchval(
                "UPDATE api_tokens SET revoked_at = clock_timestamp() "
                "WHERE id = $1 AND revoked_at IS NULL RETURNING true",
                token_id,
            )
        )

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode(), key=self._key, digest_size=32, person=b"api token").digest()


_COLUMNS = "id, owner, description, created_at, used_at, expires_at, revoked_at"


def _of(row: Any) -> ApiToken:
    values: dict[str, Any] = {name: row[name] for name in ApiToken.__struct_fields__}
    return ApiToken(**values)
