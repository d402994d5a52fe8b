"""Gaps: values of a record that can't be read without a guess, stored by field as long as that is so."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from bridge.store.database import Database, Tx


class GapCount(Struct, frozen=True, kw_only=True):
    """A field that is left out of ``records`` records (counted up to 10,000), and the reason in one of
    them."""

    resource: str
    field: str
    records: int
    example: int
    reason: str


async def put_gaps(
    tx: Tx,
    integration_id: str,
    resource: str,
    row_ids: Sequence[int],
    gaps: Iterable[tuple[int, str, str]],
) -> None:
    """Store the gaps of these records as just read: (row id, field, reason). Their other gaps are deleted."""
    await forget_gaps(tx, integration_id, resource, row_ids)
    found = list(gaps)
    if found:
        await tx.execute(
            "INSERT INTO gaps (integration_id, resource, row_id, field, reason) "
            "SELECT $1, $2, n.row_id, n.field, n.reason "
            "FROM unnest($3::bigint[], $4::text[], $5::text[]) AS n (row_id, field, reason)",
            integration_id,
            resource,
            [gap[0] for gap in found],
            [gap[1] for gap in found],
            [gap[2] for gap in found],
        )


async def forget_gaps(tx: Tx, integration_id: str, resource: str, row_ids: Sequence[int]) -> None:
    """Delete the gaps of these records."""
    if row_ids:
        await tx.execute(
            "DELETE FROM gaps WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[])",
            integration_id,
            resource,
            row_ids,
        )


# Steps from field to field along the key, however many records each has; then counts limited rows of each.
COUNTS = """
WITH RECURSIVE kinds AS (
    (SELECT resource, field FROM gaps WHERE integration_id = $1 ORDER BY resource, field LIMIT 1)
    UNION ALL
    SELECT n.resource, n.field FROM kinds k CROSS JOIN LATERAL (
        SELECT g.resource, g.field FROM gaps g
        WHERE g.integration_id = $1 AND (g.resource, g.field) > (k.resource, k.field)
        ORDER BY g.resource, g.field LIMIT 1
    ) n
)
SELECT k.resource, k.field, c.records, f.row_id AS example, f.reason
FROM kinds k
CROSS JOIN LATERAL (
    SELECT count(*) AS records FROM (
        SELECT 1 FROM gaps g WHERE g.integration_id = $1 AND g.resource = k.resource AND g.field = k.field
        LIMIT 10000
    ) s
) c
CROSS JOIN LATERAL (
    SELECT g.row_id, g.reason FROM gaps g
    WHERE g.integration_id = $1 AND g.resource = k.resource AND g.field = k.field ORDER BY g.row_id LIMIT 1
) f
"""


async def count_gaps(db: Database, integration_id: str) -> list[GapCount]:
    """Return the present gaps by resource and field."""
    return [GapCount(**dict(r)) for r in await db.fetch(COUNTS, integration_id)]
