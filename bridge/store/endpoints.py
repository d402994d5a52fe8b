"""Endpoints: who receives which events, and how. Every change increments ``version`` and notifies a channel.

Signing secrets and the values of custom headers are sealed at rest; only the dispatcher opens them.
"""

import secrets as randomness
from collections import defaultdict
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from trackerrms_contracts import ids
from trackerrms_contracts.webhooks import DAY_SECONDS, Endpoint, EndpointChange, NewEndpoint

from bridge.errors import Permanent
from bridge.sealing import Sealer
from bridge.store import signing_secrets
from bridge.store.database import Database, Tx
from bridge.store.signing_secrets import SigningSecret

__all__ = ["SigningSecret"]

CHANNEL = "endpoints"
"""``LISTEN endpoints`` receives every change."""
BY_A_PERSON = "by a person"


class TooManySecrets(Permanent):
    """A rotation that is refused because too many old secrets of the endpoint are still in their overlap."""


class Stored(Struct, frozen=True, kw_only=True):
    """An endpoint with everything that a delivery needs, unsealed. ``secrets`` are those to sign with now,
    current ones first. In memory only."""

    endpoint: Endpoint
    headers: dict[str, str]
    secrets: tuple[SigningSecret, ...]

    def __repr__(self) -> str:
        return f"Stored({self.endpoint.id})"


class EndpointPage(Struct, frozen=True, kw_only=True):
    """Endpoints, oldest first. ``next_after`` is the position of the next page, ``None`` at the end."""

    items: list[Endpoint]
    next_after: int | None


# A v1a public key is not secret: it is stored in plain text and shown.
_COLUMNS = """
    id, url, owner, description, integrations, event_types, changed_fields, operational,
    rate_limit_per_second, timeout_seconds, "order", signature, header_names, enabled, disabled_reason,
    disabled_at, created_at, updated_at, (
        SELECT public_key FROM signing_secrets
         WHERE endpoint_id = endpoints.id AND kind = 'v1a' AND expires_at IS NULL
    ) AS public_key
"""


async def insert_endpoint(
    tx: Tx, sealer: Sealer, new: NewEndpoint, owner: str
) -> tuple[Endpoint, list[SigningSecret]]:
    """Insert an endpoint of ``owner``, and the secrets made for it, which can't be read again."""
    endpoint_id = "ep_" + "".join(randomness.choice(ids.ALPHABET) for _ in range(ids.ID_LENGTH))
    await tx.execute(
        """
        INSERT INTO endpoints (
            id, url, owner, description, integrations, event_types, changed_fields, operational,
            rate_limit_per_second, timeout_seconds, "order", signature, header_names, sealed_headers,
            enabled, disabled_reason, disabled_at
        ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                  CASE WHEN $15 THEN NULL ELSE clock_timestamp() END)
        """,
        endpoint_id,
        new.url,
        owner,
        new.description,
        list(new.integrations),
        list(new.event_types),
        list(new.changed_fields),
        new.operational,
        new.rate_limit_per_second,
        new.timeout_seconds,
        new.order,
        new.signature,
        sorted(new.headers),
        _sealed_headers(sealer, endpoint_id, new.headers),
        new.enabled,
        None if new.enabled else BY_A_PERSON,
    )
    made = await signing_secrets.add_secrets(tx, sealer, endpoint_id, signing_secrets.kinds_of(new.signature))
    return _of(await _row(tx, endpoint_id)), made


async def get(db: "Database | Tx", endpoint_id: str, owner: str | None = None) -> Endpoint | None:
    """Return the endpoint, ``None`` if there is none, or none of ``owner`` (``None``: of any owner)."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM endpoints WHERE id = $1 AND ($2::text IS NULL OR owner = $2)",
        endpoint_id,
        owner,
    )
    return None if row is None else _of(row)


async def list_(
    db: Database, owner: str | None = None, after: int | None = None, limit: int = 50
) -> EndpointPage:
    """Return a page of endpoints, of ``owner`` or of all owners, after the position ``after``."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS}, position FROM endpoints WHERE ($1::text IS NULL OR owner = $1) "
        "AND position > $2 ORDER BY position LIMIT $3",
        owner,
        after or 0,
        limit + 1,
    )
    shown = rows[:limit]
    return EndpointPage(
        items=[_of(row) for row in shown],
        next_after=shown[-1]["position"] if len(rows) > limit else None,
    )


async def patch(
    tx: Tx, sealer: Sealer, endpoint_id: str, change: EndpointChange
) -> tuple[Endpoint, list[SigningSecret]] | None:
    """Change what ``change`` names. Return ``None`` if the endpoint does not exist.

    Another ``signature`` creates the secrets that it needs; secrets that it no longer needs still sign for a
    day.
    """
    if not await tx.fetchval("SELECT true FROM endpoints WHERE id = $1 FOR UPDATE", endpoint_id):
        return None
    columns = _changed_columns(sealer, endpoint_id, change)
    assignments = [f'"{name}" = ${place}' for place, name in enumerate(columns, start=2)]
    await tx.execute(
        f"UPDATE endpoints SET {', '.join([*assignments, 'updated_at = clock_timestamp()'])} WHERE id = $1",
        endpoint_id,
        *columns.values(),
    )
    made = []
    if change.signature is not UNSET:
        wanted = set(signing_secrets.kinds_of(change.signature))
        had = await signing_secrets.current_kinds(tx, endpoint_id)
        await signing_secrets.retire(tx, endpoint_id, had - wanted, DAY_SECONDS)
        made = await signing_secrets.add_secrets(tx, sealer, endpoint_id, sorted(wanted - had))
    return _of(await _row(tx, endpoint_id)), made


async def remove_endpoint(tx: Tx, endpoint_id: str) -> bool:
    """Delete the endpoint and its secrets. Return true if it existed."""
    return bool(await tx.fetchval("DELETE FROM endpoints WHERE id = $1 RETURNING true", endpoint_id))


async def replace_secrets(
    tx: Tx, sealer: Sealer, endpoint_id: str, overlap_seconds: float = DAY_SECONDS
) -> tuple[Endpoint, list[SigningSecret]] | None:
    """Replace the secrets; the old ones still sign until the overlap ends. ``None``: no such endpoint.

    Raises ``TooManySecrets`` if too many old ones are still in their overlap.
    """
    row = await tx.fetchrow(
        "UPDATE endpoints SET updated_at = clock_timestamp() WHERE id = $1 RETURNING signature", endpoint_id
    )
    if row is None:
        return None
    kinds = signing_secrets.kinds_of(row["signature"])
    # Count both kinds: a kind that the endpoint no longer uses may still be in its overlap.
    await signing_secrets.retire(tx, endpoint_id, signing_secrets.kinds_of("both"), overlap_seconds)
    if await signing_secrets.longest_queue(tx, endpoint_id) >= signing_secrets.LONGEST_QUEUE:
        raise TooManySecrets(
            f"the endpoint already has {signing_secrets.LONGEST_QUEUE} valid secrets: rotate again when one "
            "has expired, or with an overlap of 0 seconds, which ends the old ones at once"
        )
    made = await signing_secrets.add_secrets(tx, sealer, endpoint_id, kinds)
    return _of(await _row(tx, endpoint_id)), made


async def mark_disabled(tx: "Database | Tx", endpoint_id: str, reason: str) -> bool:
    """Disable the endpoint. Return true if it was enabled before. ``reason`` is shown."""
    return bool(
        await tx.fetchval(
            "UPDATE endpoints SET enabled = false, disabled_reason = $2, disabled_at = clock_timestamp(), "
            "updated_at = clock_timestamp() WHERE id = $1 AND enabled RETURNING true",
            endpoint_id,
            reason,
        )
    )


async def mark_enabled(tx: "Database | Tx", endpoint_id: str) -> bool:
    """Enable the endpoint. Return true if it was disabled before."""
    return bool(
        await tx.fetchval(
            "UPDATE endpoints SET enabled = true, disabled_reason = NULL, disabled_at = NULL, "
            "updated_at = clock_timestamp() WHERE id = $1 AND NOT enabled RETURNING true",
            endpoint_id,
        )
    )


async def all_for_dispatch(db: Database, sealer: Sealer) -> list[Stored]:
    """Return every enabled endpoint, with its headers and secrets unsealed.

    Read ``version`` before this, so that no change is missed. Raises ``EnvironmentFault`` if something was
    sealed with another key.
    """
    return await _opened(db, sealer, "enabled", None)


async def for_dispatch(db: Database, sealer: Sealer, endpoint_id: str) -> Stored | None:
    """Return one endpoint, enabled or not, as ``all_for_dispatch`` does."""
    found = await _opened(db, sealer, "id = $1", endpoint_id)
    return found[0] if found else None


async def version(db: Database) -> int:
    """Return a number that increases with every change of any endpoint or secret."""
    current: int = await db.fetchval("SELECT version FROM endpoints_version")
    return current


async def _opened(db: Database, sealer: Sealer, condition: str, endpoint_id: str | None) -> list[Stored]:
    given = () if endpoint_id is None else (endpoint_id,)
    async with db.transaction() as tx:
        # One snapshot for both queries, so that an endpoint and its secrets match.
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = await tx.fetch(
            f"SELECT {_COLUMNS}, sealed_headers FROM endpoints WHERE {condition} ORDER BY position", *given
        )
        signing = await tx.fetch(
            "SELECT endpoint_id, kind, sealed_secret, public_key, expires_at FROM signing_secrets "
            "WHERE endpoint_id = ANY($1::text[]) AND (expires_at IS NULL OR expires_at > clock_timestamp()) "
            "ORDER BY endpoint_id, expires_at IS NOT NULL, id DESC",
            [row["id"] for row in rows],
        )
    by_endpoint: dict[str, list[Any]] = defaultdict(list)
    for row in signing:
        by_endpoint[row["endpoint_id"]].append(row)
    return [
        Stored(
            endpoint=_of(row),
            headers=msgspec.json.decode(
                sealer.open(_headers_purpose(row["id"]), row["sealed_headers"]), type=dict[str, str]
            ),
            secrets=signing_secrets.open_secrets(sealer, row["id"], by_endpoint[row["id"]]),
        )
        for row in rows
    ]


def _changed_columns(sealer: Sealer, endpoint_id: str, change: EndpointChange) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in change.__struct_fields__:
        value = getattr(change, name)
        if value is UNSET:
            continue
        if name == "headers":
            columns["header_names"] = sorted(value)
            columns["sealed_headers"] = _sealed_headers(sealer, endpoint_id, value)
        else:
            columns[name] = list(value) if isinstance(value, tuple) else value
    return columns


async def _row(tx: Tx, endpoint_id: str) -> Any:
    return await tx.fetchrow(f"SELECT {_COLUMNS} FROM endpoints WHERE id = $1", endpoint_id)


def _of(row: Any) -> Endpoint:
    values: dict[str, Any] = {
        name: tuple(row[name]) if isinstance(row[name], list) else row[name]
        for name in Endpoint.__struct_fields__
    }
    return Endpoint(**values)


def _sealed_headers(sealer: Sealer, endpoint_id: str, headers: dict[str, str]) -> bytes:
    return sealer.seal(_headers_purpose(endpoint_id), msgspec.json.encode(headers))


def _headers_purpose(endpoint_id: str) -> str:
    return f"the headers of the endpoint {endpoint_id}"
