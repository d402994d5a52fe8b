"""Answers of idempotent requests: a request with a key takes effect once per day and token."""

from hashlib import blake2b

from bridge.errors import Permanent
from bridge.sealing import Sealer
from bridge.store.database import Tx


class KeyReused(Permanent):
    """An idempotency key that was used before with another request."""


async def begin_request(tx: Tx, sealer: Sealer, token_id: str, key: str, request: bytes) -> bytes | None:
    """Return the earlier answer to this request; ``None`` if it is new: execute it, then ``finish_request``.

    Of two concurrent requests the second waits for the first one's commit. Raises ``KeyReused``.
    """
    await tx.execute("DELETE FROM idempotent_answers WHERE created_at < clock_timestamp() - interval '1 day'")
    digest = blake2b(request, key=sealer.subkey("idempotent requests"), digest_size=32).digest()
    new = await tx.fetchval(
        "INSERT INTO idempotent_answers (token_id, key, request, sealed_answer) VALUES ($1, $2, $3, '') "
        "ON CONFLICT DO NOTHING RETURNING true",
        token_id,
        key,
        digest,
    )
    if new:
        return None
    row = await tx.fetchrow(
        "SELECT request, sealed_answer FROM idempotent_answers WHERE token_id = $1 AND key = $2",
        token_id,
        key,
    )
    if row is None or row["request"] != digest:
        raise KeyReused("this key was used with another request before; use a new key for a new request")
    return sealer.open(_purpose(token_id, key), row["sealed_answer"])


async def finish_request(tx: Tx, sealer: Sealer, token_id: str, key: str, answer: bytes) -> None:
    """Store the answer, sealed, as it may contain secrets."""
    await tx.execute(
        "UPDATE idempotent_answers SET sealed_answer = $3 WHERE token_id = $1 AND key = $2",
        token_id,
        key,
        sealer.seal(_purpose(token_id, key), answer),
    )


def _purpose(token_id: str, key: str) -> str:
    return f"the answer to {token_id} under the key {key}"
