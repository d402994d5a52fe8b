"""Unlisted records: they can be read by id but no list shows them. They are kept; their changes are not
seen."""

from collections.abc import Collection

from bridge.store.database import Database, Tx


async def load_unlisted(db: "Database | Tx", integration_id: str, resource: str) -> list[int]:
    """Return the unlisted rows of a resource."""
    rows = await db.fetch(
        "SELECT row_id FROM unlisted WHERE integration_id = $1 AND resource = $2", integration_id, resource
    )
    return [r[0] for r in rows]


async def update_unlisted(
    tx: Tx, integration_id: str, resource: str, *, found: Collection[int], over: Collection[int]
) -> None:
    """Store newly or repeatedly ``found`` unlisted rows, and delete those that are ``over``: listed again, or
    gone."""
    await tx.execute(
        "INSERT INTO unlisted (integration_id, resource, row_id) SELECT $1, $2, unnest($3::bigint[]) "
        "ON CONFLICT (integration_id, resource, row_id) DO UPDATE SET again = true",
        integration_id,
        resource,
        list(found),
    )
    await tx.execute(
        "DELETE FROM unlisted WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[])",
        integration_id,
        resource,
        list(over),
    )


async def count_unlisted(db: Database, integration_id: str) -> dict[str, int]:
    """Return how many rows were found unlisted more than once, by resource."""
    rows = await db.fetch(
        "SELECT resource, count(*) FROM unlisted WHERE integration_id = $1 AND again GROUP BY resource",
        integration_id,
    )
    return {r[0]: r[1] for r in rows}
