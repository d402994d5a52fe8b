"""A table as it is once VACUUM has been over it: its index-only scans read no rows."""

from bridge.store.database import Database
from tests.waiting import until


async def vacuumed(db: Database, table: str) -> None:
    """Vacuum and analyze until nearly every page is visible to all: an older transaction may look at some.

    A few pages may be new and empty for ever, which VACUUM does not count.
    """

    async def all_visible() -> bool:
        await db.execute(f"VACUUM ANALYZE {table}")
        seen = "SELECT relallvisible >= 0.95 * relpages FROM pg_class WHERE relname = $1"
        return bool(await db.fetchval(seen, table))

    await until(all_visible)
