"""What an operator asks is answered at once, however much the store holds."""

from typing import Any

import msgspec
import orjson

from bridge.store import overview
from bridge.store.database import Database
from bridge.store.overview import CommandCounts
from tests.store.vacuuming import vacuumed

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
    await vacuumed(db, "snapshots")
    table = await db.fetchval("SELECT relpages FROM pg_class WHERE relname = 'snapshots'")
    assert await overview.records(db, "acme") == {"candidate": 9_600, "application": 10_000}
    assert await _pages_read(db, overview.RECORDS, "acme") < table / 50


_COMMANDS = """
INSERT INTO commands
    (integration_id, command_id, type, content, position, state, result, received_at, finished_at)
SELECT 'acme', n::text, 'candidate.create', ''::bytea, 't/0/' || n,
       CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'succeeded' END, decode(repeat(md5(n::text), 50), 'hex'),
       now() - make_interval(mins => n), now() - make_interval(mins => n)
FROM generate_series(1, $1::int) n
"""
_UNDER_WAY = """
INSERT INTO commands (integration_id, command_id, type, content, position, state, step, received_at)
SELECT $1, state || coalesce(step, ''), 'candidate.create', '', '', state, step, now() - ago
FROM (VALUES ('received', NULL, interval '1 s'), ('running', NULL, '2 s'), ('running', 'move_stage', '3 s'),
             ('running', 'waiting', '9 s')) AS found (state, step, ago)
"""


async def test_commands_under_way_are_told_from_those_of_the_day_that_failed(db: Database) -> None:
    assert await overview.commands(db, "acme") == CommandCounts()
    for integration in ("acme", "other"):
        await db.execute(_UNDER_WAY, integration)
    await db.execute(_COMMANDS, 3_000)
    found = await overview.commands(db, "acme")
    assert found.oldest_seconds is not None
    assert 9 <= found.oldest_seconds < 60
    # One in a hundred failed, one a minute: 14 within a day.
    counts = CommandCounts(received=1, running=2, waiting=1, failed=14)
    assert msgspec.structs.replace(found, oldest_seconds=None) == counts


async def test_commands_are_counted_without_reading_all_that_are_remembered(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL synchronous_commit = on")
        await tx.execute(_COMMANDS, _ROWS)
    await vacuumed(db, "commands")
    table = await db.fetchval("SELECT relpages FROM pg_class WHERE relname = 'commands'")
    assert await _pages_read(db, overview.UNDER_WAY, "acme") < 5
    assert await _pages_read(db, overview.OF_A_DAY, "acme") < table / 5


async def _pages_read(db: Database, query: str, *args: Any) -> int:
    plan = orjson.loads(await db.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *args))
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
