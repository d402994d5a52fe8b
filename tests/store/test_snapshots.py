"""New snapshots and sources are copied in at once; what is read back is what an upsert would leave."""

from datetime import UTC, datetime

import msgspec
import pytest
from asyncpg import UniqueViolationError
from trackerrms_contracts.entities import Model

from bridge.store import row_states, snapshots, statistics
from bridge.store.database import Database
from bridge.store.stored_records import RowState, Snapshot

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLAIN = Snapshot(
    model=Model.CANDIDATE, remote_id="1", parent="candidates:1", sequence=1, hash=b"h" * 16, fields=b"f" * 8,
    changed_at=NOON,
)  # fmt: skip
FULL = msgspec.structs.replace(
    PLAIN,
    model=Model.CANDIDATE_TAG,
    remote_id="1:Öl, \\ \t\n日本",
    shared="tag:Öl",
    deleted=True,
    last=b"\0\n\\.",
)
SOURCES = [
    RowState(row_id=1, quick=b"q" * 8, fingerprint=b"f" * 16, version=NOON),
    RowState(row_id=2**63 - 1, quick=None, fingerprint=None, version=None, gone=True),
]


async def test_added_snapshots_are_read_back_as_they_are(db: Database) -> None:
    async with db.transaction() as tx:
        await snapshots.lock(tx, "acme")
        await snapshots.insert_snapshots(tx, "acme", [PLAIN, FULL])
        found = await snapshots.by_keys(tx, "acme", [(s.model, s.remote_id) for s in (PLAIN, FULL)])
    assert set(found) == {PLAIN, FULL}


async def test_added_sources_are_remembered_as_put_ones_are(db: Database) -> None:
    async with db.transaction() as tx:
        await row_states.insert_row_states(tx, "acme", "candidates", SOURCES)
        await row_states.put_row_states(tx, "acme", "users", SOURCES)
    stored = (
        "SELECT row_id, quick, fingerprint, version, gone, missed, read_at "
        "FROM row_states WHERE resource = $1 ORDER BY row_id"
    )
    assert await db.fetch(stored, "candidates") == await db.fetch(stored, "users")


async def test_what_is_stored_already_can_not_be_added_again(db: Database) -> None:
    async with db.transaction() as tx:
        await snapshots.insert_snapshots(tx, "acme", [PLAIN])
    with pytest.raises(UniqueViolationError):
        async with db.transaction() as tx:
            await snapshots.insert_snapshots(tx, "acme", [FULL, PLAIN])
    assert await db.fetchval("SELECT count(*) FROM snapshots") == 1


async def test_snapshots_are_looked_up_one_by_one_before_there_are_statistics(db: Database) -> None:
    many = [msgspec.structs.replace(PLAIN, remote_id=str(n), parent=f"candidates:{n}") for n in range(5_000)]
    async with db.transaction() as tx:
        await snapshots.insert_snapshots(tx, "acme", many)
        by_key = await tx.fetch(f"EXPLAIN {snapshots._BY_KEY}", "acme", ["candidate"] * 500, ["x"] * 500)
        by_parent = await tx.fetch(f"EXPLAIN {snapshots._BY_PARENT}", "acme", ["candidates:x"] * 500)
    assert any("Index Cond" in line[0] and "(remote_id = k.remote_id)" in line[0] for line in by_key)
    assert any("Index Cond" in line[0] and "(parent = k.parent)" in line[0] for line in by_parent)


async def test_a_plan_made_for_an_empty_table_is_not_kept_while_a_first_load_fills_it(db: Database) -> None:
    # PostgreSQL keeps a plan from the sixth time on, by what it knows of the table then.
    async with db.transaction() as tx:
        for _ in range(6):
            await snapshots.shared_in_use(tx, "acme", ["tag:PHP"])
        many = [msgspec.structs.replace(PLAIN, remote_id=str(n)) for n in range(2_000)]
        await snapshots.insert_snapshots(tx, "acme", many)
    await statistics.refresh_young(db)
    known = await db.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'snapshots'::regclass")
    assert known == 2_000
    async with db.transaction() as tx:
        plan = await tx.fetch(f"EXPLAIN {snapshots._IN_USE}", "acme", ["tag:PHP"])
        assert any("snapshots_by_shared" in line[0] for line in plan), plan
    # The database is used again, and must know nothing of the table then.
    await db.execute("TRUNCATE snapshots")
    await db.execute("DELETE FROM pg_statistic WHERE starelid = 'snapshots'::regclass")
