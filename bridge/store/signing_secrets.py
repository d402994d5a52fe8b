"""Secrets that sign an endpoint's deliveries: created here, sealed at rest, valid for a while after a change.

Standard Webhooks: ``v1`` is an HMAC secret of 32 random bytes, ``whsec_`` and base64. ``v1a`` is an ed25519
key, ``whsk_`` and base64 of seed and public key; receivers only get ``whpk_`` and the public key.
"""

import base64
import os
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from trackerrms_contracts.webhooks import Signature, SigningKind

from bridge.sealing import Sealer
from bridge.store.database import Tx

LONGEST_QUEUE = 5
"""Most secrets of one kind that may be valid at once: the current one and those in their overlap."""

_SECRET_BYTES = 32


class SigningSecret(Struct, frozen=True, kw_only=True):
    """A valid secret. ``expires_at``: the end of its overlap, ``None`` for the current one."""

    kind: SigningKind
    secret: str
    expires_at: datetime | None
    public_key: str | None = None

    def __repr__(self) -> str:
        return f"SigningSecret(kind={self.kind!r}, expires_at={self.expires_at})"


def kinds_of(signature: Signature) -> tuple[SigningKind, ...]:
    """Return the kinds of secret that a signature setting needs."""
    match signature:
        case "both":
            return "v1", "v1a"
        case kind:
            return (kind,)


def new(kind: SigningKind) -> SigningSecret:
    """Create a current secret."""
    if kind == "v1":
        return SigningSecret(kind="v1", secret=f"whsec_{_base64(os.urandom(_SECRET_BYTES))}", expires_at=None)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    return SigningSecret(
        kind="v1a",
        secret=f"whsk_{_base64(key.private_bytes_raw() + public)}",
        expires_at=None,
        public_key=f"whpk_{_base64(public)}",
    )


async def add_secrets(
    tx: Tx, sealer: Sealer, endpoint_id: str, kinds: Iterable[SigningKind]
) -> list[SigningSecret]:
    """Insert a new current secret of each of ``kinds``. The caller has retired the previous ones."""
    made = [new(kind) for kind in kinds]
    await tx.executemany(
        "INSERT INTO signing_secrets (endpoint_id, kind, sealed_secret, public_key) VALUES ($1, $2, $3, $4)",
        [
            (
                endpoint_id,
                one.kind,
                sealer.seal(purpose(endpoint_id, one.kind), one.secret.encode()),
                one.public_key,
            )
            for one in made
        ],
    )
    return made


async def retire(tx: Tx, endpoint_id: str, kinds: Collection[SigningKind], overlap_seconds: float) -> None:
    """Let every secret of ``kinds`` expire after the overlap, unless it expires earlier."""
    await tx.execute(
        "UPDATE signing_secrets "
        "SET expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $3)) "
        "WHERE endpoint_id = $1 AND kind = ANY($2::text[])",
        endpoint_id,
        list(kinds),
        float(overlap_seconds),
    )
    await tx.execute(
        "DELETE FROM signing_secrets WHERE endpoint_id = $1 AND expires_at <= clock_timestamp()", endpoint_id
    )


async def current_kinds(tx: Tx, endpoint_id: str) -> set[SigningKind]:
    """Return the kinds of which the endpoint has a current secret."""
    rows = await tx.fetch(
        "SELECT kind FROM signing_secrets WHERE endpoint_id = $1 AND expires_at IS NULL", endpoint_id
    )
    return {row["kind"] for row in rows}


async def longest_queue(tx: Tx, endpoint_id: str) -> int:
    """Return the largest number of valid secrets of one kind."""
    count: int | None = await tx.fetchval(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM signing_secrets WHERE endpoint_id = $1 "
        "AND (expires_at IS NULL OR expires_at > clock_timestamp()) GROUP BY kind) AS counts",
        endpoint_id,
    )
    return count or 0


def open_secrets(sealer: Sealer, endpoint_id: str, rows: Sequence[Any]) -> tuple[SigningSecret, ...]:
    """Unseal the secrets of rows with ``kind``, ``sealed_secret``, ``public_key`` and ``expires_at``.

    Raises ``EnvironmentFault`` if they were sealed with another key or for another endpoint.
    """
    return tuple(
        SigningSecret(
            kind=row["kind"],
            secret=sealer.open(purpose(endpoint_id, row["kind"]), row["sealed_secret"]).decode(),
            expires_at=row["expires_at"],
            public_key=row["public_key"],
        )
        for row in rows
    )


def purpose(endpoint_id: str, kind: SigningKind) -> str:
    """Return the purpose a secret is sealed for: a row copied to another endpoint does not open."""
    return f"the {kind} secret of the endpoint {endpoint_id}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
