"""PostgreSQL's statistics of the tables that capture fills."""

from bridge.store.database import Database

_YOUNG = """
SELECT relname FROM pg_class
WHERE oid IN ('snapshots'::regclass, 'row_states'::regclass, 'candidate_addresses'::regclass)
  AND reltuples < $1
"""
_FEW_ROWS = 10_000.0


async def refresh_young(db: Database) -> None:
    """Refresh the statistics of tables that PostgreSQL believes to be almost empty.

    A plan made for an empty table is kept while a first load fills it: every batch then reads the whole
    table, until autovacuum counts it a minute or more later. Tables of another role are left to autovacuum:
    PostgreSQL skips them with a warning.
    """
    for (table,) in await db.fetch(_YOUNG, _FEW_ROWS):
        await db.execute(f"ANALYZE {table}")
