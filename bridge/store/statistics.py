"""What PostgreSQL knows of the size of the tables that capture fills."""

from bridge.store.database import Database

_YOUNG = """
SELECT relname FROM pg_class
WHERE oid IN ('snapshots'::regclass, 'row_states'::regclass, 'candidate_addresses'::regclass)
  AND reltuples < $1
"""
_FEW_ROWS = 10_000.0


async def refresh_young(db: Database) -> None:
    """Count the tables that PostgreSQL believes to be almost empty.

    A plan made for an empty table is kept while a first load fills it: every batch then reads all of the
    table, until autovacuum counts it, a minute or more later. Another role's tables are left to autovacuum:
    PostgreSQL skips them with a warning.
    """
    for (table,) in await db.fetch(_YOUNG, _FEW_ROWS):
        await db.execute(f"ANALYZE {table}")
