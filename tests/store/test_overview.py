"""What an operator asks is answered at once, however much the store holds."""

from typing import Any

import orjson

from bridge.store import overview
from bridge.store.database import Database

_ROWS = 20_000
# One in fifty is deleted; each keeps a sealed record of 800 bytes.
_FILL = """
INSERT INTO snapshots
    (integration_id, model, remote_id, parent, sequence, hash, fields, deleted, changed_at, last)
SELECT 'acme', (ARRAY['candidate', 'application'])[1 + n % 2], n::text, 'candidate:' || n, 1, ''::bytea,
       ''::bytea, n % 50 = 0, now(), decode(repeat(md5(n::text), 50), 'hex')
FROM generate_series(1, $1::bigint) n
"""


async def test_entities_are_counted_without_reading_them(db: Database) -> None:
    async with db.transaction() as tx:
        # VACUUM takes only what has reached the disk for visible to all.
        await tx.execute("SET LOCAL synchronous_commit = on")
        await tx.execute(_FILL, _ROWS)
    await db.execute("VACUUM ANALYZE snapshots")
    table = await db.fetchval("SELECT relpages FROM pg_class WHERE relname = 'snapshots'")
    assert await overview.records(db, "acme") == {"candidate": 9_600, "application": 10_000}
    assert await _pages_read(db, overview.RECORDS, "acme") < table / 50


async def _pages_read(db: Database, query: str, *args: Any) -> int:
    plan = orjson.loads(await db.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *args))
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
