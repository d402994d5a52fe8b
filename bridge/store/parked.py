"""Records that could not be normalized or published; each was reported in the dead-letter topic."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from msgspec import Struct

from bridge.store.database import Database, Tx


class ParkedRow(Struct, frozen=True, kw_only=True):
    """A record that waits to become readable."""

    integration_id: str
    resource: str
    row_id: int
    reason: str
    path: str
    first_at: datetime
    last_at: datetime


_PARK = """
INSERT INTO parked AS p (integration_id, resource, row_id, reason, path)
SELECT $1, $2, n.row_id, n.reason, n.path
FROM unnest($3::bigint[], $4::text[], $5::text[]) AS n (row_id, reason, path)
ON CONFLICT (integration_id, resource, row_id) DO UPDATE
SET reason = excluded.reason, path = excluded.path, last_at = now()
RETURNING row_id
"""


async def park_records(
    tx: Tx, integration_id: str, resource: str, records: Sequence[tuple[int, str, str]]
) -> list[int]:
    """Park (row id, reason, path); returns the rows that were not parked for that reason before."""
    if not records:
        return []
    before = {
        r[0]: r[1]
        for r in await tx.fetch(
            "SELECT row_id, reason FROM parked WHERE integration_id = $1 AND resource = $2 "
            "AND row_id = ANY($3::bigint[])",
            integration_id,
            resource,
            [r[0] for r in records],
        )
    }
    await tx.execute(
        _PARK,
        integration_id,
        resource,
        [r[0] for r in records],
        [r[1] for r in records],
        [r[2] for r in records],
    )
    return [row_id for row_id, reason, _ in records if before.get(row_id) != reason]


async def unpark_records(tx: Tx, integration_id: str, resource: str, row_ids: Sequence[int]) -> None:
    """These records could be processed: they are parked no longer."""
    if row_ids:
        await tx.execute(
            "DELETE FROM parked WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[])",
            integration_id,
            resource,
            row_ids,
        )


def nameless(reason: str) -> int:
    """What a row without a usable id is parked under: below zero, where no record's id is.

    One of a kind for all that have the same reason: nothing tells them apart from one reading to the next.
    """
    return -1 - int.from_bytes(blake2b(reason.encode(), digest_size=7).digest(), "big")


async def release_nameless(tx: Tx, integration_id: str, resource: str, unseen_since: datetime | None) -> None:
    """Forget the rows without a usable id that no page has shown since (database time; ``None``: any)."""
    await tx.execute(
        "DELETE FROM parked WHERE integration_id = $1 AND resource = $2 AND row_id < 0 "
        "AND last_at < coalesce($3::timestamptz, 'infinity')",
        integration_id,
        resource,
        unseen_since,
    )


async def list_parked(db: Database, integration_id: str, limit: int = 1000) -> list[ParkedRow]:
    """What is parked, oldest first."""
    rows = await db.fetch(
        f"SELECT {', '.join(ParkedRow.__struct_fields__)} FROM parked WHERE integration_id = $1 "
        "ORDER BY first_at LIMIT $2",
        integration_id,
        limit,
    )
    return [ParkedRow(**dict(r)) for r in rows]


async def count_parked(db: Database, integration_id: str, most: int = 10_000) -> dict[str, int]:
    """How many records of each resource are parked, counting to ``most`` by the primary key."""
    rows = await db.fetch(
        "SELECT resource, count(*) FROM "
        "(SELECT resource FROM parked WHERE integration_id = $1 LIMIT $2) AS counted GROUP BY resource",
        integration_id,
        most,
    )
    return {r[0]: r[1] for r in rows}


_UNKNOWN = """
SELECT EXISTS (
    SELECT FROM parked p
    WHERE p.integration_id = $1 AND p.resource = $2 AND NOT EXISTS (
        SELECT FROM snapshots s
        WHERE s.integration_id = $1 AND s.parent = $2 || ':' || p.row_id AND s.parent <> '' AND NOT s.deleted
    )
)
"""


async def any_unknown(db: Database, integration_id: str, resource: str) -> bool:
    """Whether records are parked of which nothing was ever read: nobody knows what they carry."""
    return bool(await db.fetchval(_UNKNOWN, integration_id, resource))
