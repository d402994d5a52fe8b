"""Credentials of one integration, shared by every process: the live JWT and the newest refresh token.

TrackerRMS keeps one valid JWT per account, so a second exchange invalidates the first one's token. So
processes take turns under a lease, because the exchange is a network call and no transaction may wait for it
(invariant 8).
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from hashlib import blake2b

from bridge.config import Secret
from bridge.errors import LeaseLost
from bridge.runtime import heartbeat
from bridge.runtime.account_ports import TrackerToken
from bridge.sealing import Sealer
from bridge.store import leases
from bridge.store.database import Database, Tx

_TURN_SECONDS = 60.0
_LOOK_SECONDS = 0.1


async def expires_in(db: Database, integration_id: str) -> float | None:
    """Return the seconds until the JWT expires: infinite if unknown, ``None`` before the first exchange."""
    seconds: float | None = await db.fetchval(
        "SELECT extract(epoch FROM coalesce(expires_at - clock_timestamp(), interval '0'))::float8 "
        "+ CASE WHEN expires_at IS NULL THEN 'infinity'::float8 ELSE 0 END FROM tokens "
        "WHERE integration_id = $1 AND sealed_jwt IS NOT NULL",
        integration_id,
    )
    return seconds


async def is_confirmed(db: Database, integration_id: str, origin: bytes) -> bool:
    """Report whether this is the last credential that opened this integration's account."""
    return (
        await db.fetchval(
            "SELECT true FROM tokens WHERE integration_id = $1 AND confirmed_origin = $2",
            integration_id,
            origin,
        )
        is not None
    )


async def confirm(db: Database, integration_id: str, origin: bytes) -> None:
    """Remember that this credential opens the account."""
    await db.execute(
        "INSERT INTO tokens (integration_id, confirmed_origin) VALUES ($1, $2) "
        "ON CONFLICT (integration_id) DO UPDATE SET confirmed_origin = excluded.confirmed_origin",
        integration_id,
        origin,
    )


class Vault:
    """Implements ``bridge.runtime.account_ports.TokenVault`` in PostgreSQL, for one integration."""

    def __init__(self, db: Database, sealer: Sealer, integration_id: str) -> None:
        self._db = db
        self._sealer = sealer
        self._integration_id = integration_id
        self._holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._turn = asyncio.Lock()
        self._lease: leases.Lease | None = None

    def origin(self, *parts: str) -> bytes:
        """Hash a credential and its host to 16 bytes, keyed by the installation's key."""
        digest = blake2b(key=self._sealer.subkey("the origin of tokens"), digest_size=16)
        for part in (self._integration_id, *parts):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.digest()

    async def load(self) -> TrackerToken | None:
        """Return the newest token, expired or not. Raises ``EnvironmentFault`` if sealed with another key."""
        row = await self._db.fetchrow(
            "SELECT sealed_jwt, expires_at, generation, origin FROM tokens WHERE integration_id = $1",
            self._integration_id,
        )
        if row is None or row["sealed_jwt"] is None:
            return None
        return TrackerToken(
            jwt=self._open("jwt", row["sealed_jwt"]),
            expires_at=row["expires_at"],
            generation=row["generation"],
            # The origin of a token that an earlier version stored is unknown: the token is not used.
            origin=row["origin"] or b"",
        )

    @contextlib.asynccontextmanager
    async def exchange_turn(self) -> AsyncIterator[None]:
        """Wait for the exclusive right to exchange. Load again inside: another process may just have
        exchanged."""
        async with self._turn:
            lease = await self._acquire()
            async with leases.LeaseKeeper(self._db, lease, _TURN_SECONDS):
                self._lease = lease
                try:
                    yield
                finally:
                    self._lease = None

    async def save(self, token: TrackerToken) -> None:
        """Replace the token. Raises ``LeaseLost`` outside a turn, or if an equal or later generation is
        stored."""
        async with self._db.transaction() as tx:
            await self._assert_turn(tx)
            saved = await tx.fetchval(
                """
                INSERT INTO tokens AS stored (integration_id, sealed_jwt, expires_at, generation, origin)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (integration_id) DO UPDATE
                   SET sealed_jwt = excluded.sealed_jwt,
                       expires_at = excluded.expires_at,
                       generation = excluded.generation,
                       origin = excluded.origin
                 WHERE stored.generation < excluded.generation
                RETURNING true
                """,
                self._integration_id,
                self._seal("jwt", token.jwt),
                token.expires_at,
                token.generation,
                token.origin,
            )
            if not saved:
                raise LeaseLost(
                    f"integrations.{self._integration_id}: generation {token.generation} of the token "
                    "is not newer than the stored one"
                )

    async def load_refresh_token(self, origin: bytes) -> Secret | None:
        """Return the newest refresh token of ``origin``; ``None`` if the provider never returned one."""
        sealed = await self._db.fetchval(
            "SELECT sealed_refresh_token FROM tokens WHERE integration_id = $1 AND refresh_origin = $2",
            self._integration_id,
            origin,
        )
        return None if sealed is None else self._open("refresh token", sealed)

    async def save_refresh_token(self, secret: Secret, origin: bytes) -> None:
        """Replace the refresh token; call inside a turn, like ``save``."""
        async with self._db.transaction() as tx:
            await self._assert_turn(tx)
            await tx.execute(
                """
                INSERT INTO tokens (integration_id, sealed_refresh_token, refresh_origin) VALUES ($1, $2, $3)
                ON CONFLICT (integration_id) DO UPDATE
                   SET sealed_refresh_token = excluded.sealed_refresh_token,
                       refresh_origin = excluded.refresh_origin
                """,
                self._integration_id,
                self._seal("refresh token", secret),
                origin,
            )

    async def _acquire(self) -> leases.Lease:
        while True:
            lease = await leases.acquire(
                self._db, f"token:{self._integration_id}", self._holder, _TURN_SECONDS
            )
            if lease is not None:
                return lease
            # The process that has the turn may wait for the request budget in it.
            heartbeat.beat()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _assert_turn(self, tx: Tx) -> None:
        if self._lease is None:
            raise LeaseLost(f"integrations.{self._integration_id}: save a token inside exchange_turn()")
        await leases.assert_held(tx, self._lease)

    def _seal(self, what: str, secret: Secret) -> bytes:
        return self._sealer.seal(self._purpose(what), secret.reveal().encode())

    def _open(self, what: str, sealed: bytes) -> Secret:
        return Secret(self._sealer.open(self._purpose(what), sealed).decode())

    def _purpose(self, what: str) -> str:
        # The purpose includes the integration: a row copied to another integration is refused.
        return f"the {what} of integrations.{self._integration_id}"
