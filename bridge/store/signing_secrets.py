"""What an endpoint's deliveries are signed with: made here, sealed at rest, kept for a while after a change.

Standard Webhooks: ``v1`` is an HMAC secret of 32 random bytes, ``whsec_`` and base64; ``v1a`` an ed25519 key,
``whsk_`` and base64 of seed and public key, of which receivers get ``whpk_`` and the public key alone.
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
"""Secrets of one kind that may be in force at once: the current one and those in their overlap."""

_SECRET_BYTES = 32


class SigningSecret(Struct, frozen=True, kw_only=True):
    """One that is in force. ``expires_at``: the end of its overlap, ``None`` for the current one."""

    kind: SigningKind
    secret: str
    expires_at: datetime | None
    public_key: str | None = None

    def __repr__(self) -> str:
        return f"SigningSecret(kind={self.kind!r}, expires_at={self.expires_at})"


def kinds_of(signature: Signature) -> tuple[SigningKind, ...]:
    """The kinds of secret that an endpoint's choice needs."""
    match signature:
        case "both":
            return "v1", "v1a"
        case kind:
            return (kind,)


def new(kind: SigningKind) -> SigningSecret:
    """A new secret, current."""
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
    """Make a new current secret of each of ``kinds``; the caller has retired those before them."""
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
    """Let every secret of ``kinds`` end after the overlap, or before where it was to end before."""
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
    """The kinds that the endpoint has a current secret of."""
    rows = await tx.fetch(
        "SELECT kind FROM signing_secrets WHERE endpoint_id = $1 AND expires_at IS NULL", endpoint_id
    )
    return {row["kind"] for row in rows}


async def longest_queue(tx: Tx, endpoint_id: str) -> int:
    """How many secrets of one kind are in force, of the kind that has most."""
    count: int | None = await tx.fetchval(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM signing_secrets WHERE endpoint_id = $1 "
        "AND (expires_at IS NULL OR expires_at > clock_timestamp()) GROUP BY kind) AS counts",
        endpoint_id,
    )
    return count or 0


def open_secrets(sealer: Sealer, endpoint_id: str, rows: Sequence[Any]) -> tuple[SigningSecret, ...]:
    """The secrets of rows with ``kind``, ``sealed_secret``, ``public_key`` and ``expires_at``.

    Raises ``EnvironmentFault`` where they were sealed with another key or for another endpoint.
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
    """What a secret is sealed for: a row copied to another endpoint is refused."""
    return f"the {kind} secret of the endpoint {endpoint_id}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
