"""Bring a database to this version's schema."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from bridge.errors import EnvironmentFault
from bridge.store import schema
from bridge.store.database import Database

FIRST = "CREATE TABLE one (n integer); INSERT INTO one VALUES (1);"
SECOND = "INSERT INTO one VALUES (2); CREATE TABLE two AS TABLE one;"


def written(directory: Path, *texts: str) -> Path:
    """Write migrations of these texts, and return their directory."""
    for number, text in enumerate(texts, 1):
        (directory / f"{number:04}_text.sql").write_text(text, encoding="utf-8")
    return directory


async def tables(url: str) -> set[str]:
    """Return the names of the tables there are."""
    async with await Database.open(url) as db:
        rows = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}


async def assert_refused(url: str, why: str) -> None:
    """Neither apply nor look at what is missing, and leave the tables as they are."""
    before = await tables(url)
    for act in (schema.migrate, schema.pending):
        with pytest.raises(EnvironmentFault, match=why):
            await act(url)
    assert await tables(url) == before


def test_the_files_of_the_migrations_are_numbered_without_a_gap() -> None:
    names = sorted(path.name for path in schema.MIGRATIONS.iterdir())
    assert [name for name in names if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name)] == []
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert schema.revisions() == [name[:4] for name in names]


async def test_migrating_twice_at_once_applies_each_migration_once(postgres_url: str) -> None:
    before = await schema.pending(postgres_url)
    applied = await asyncio.gather(*(schema.migrate(postgres_url) for _ in range(4)))
    assert sorted(applied) == [[], [], [], before]
    assert before == schema.revisions()
    assert await schema.pending(postgres_url) == []


async def test_only_what_is_missing_is_applied_in_order(postgres_url: str, tmp_path: Path) -> None:
    assert await schema.migrate(postgres_url, written(tmp_path, FIRST)) == ["0001"]
    written(tmp_path, FIRST, SECOND, "INSERT INTO two VALUES (3)")
    assert await schema.pending(postgres_url, tmp_path) == ["0002", "0003"]
    assert await schema.migrate(postgres_url, tmp_path) == ["0002", "0003"]
    async with await Database.open(postgres_url) as db:
        assert [row[0] for row in await db.fetch("SELECT n FROM two ORDER BY n")] == [1, 2, 3]
        noted = await db.fetch("SELECT number, name, length(sha256) FROM schema_migrations ORDER BY number")
    assert [tuple(row) for row in noted] == [(n, f"{n:04}_text", 64) for n in (1, 2, 3)]


async def test_a_migration_that_fails_leaves_nothing_of_any(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await schema.migrate(postgres_url, written(tmp_path, FIRST, SECOND, "INSERT INTO three VALUES (3)"))
    assert await tables(postgres_url) == set()
    written(tmp_path, FIRST, SECOND, "INSERT INTO two VALUES (3)")
    assert await schema.migrate(postgres_url, tmp_path) == ["0001", "0002", "0003"]


async def test_a_schema_newer_than_the_code_is_refused_and_left_alone(store_url: str) -> None:
    async with await Database.open(store_url) as db:
        await db.execute("INSERT INTO schema_migrations (number, name, sha256) VALUES (9999, '9999_new', '')")
    await assert_refused(store_url, r"newer bridge \(revision 9999\)")


async def test_a_migration_whose_text_is_not_what_was_applied_is_refused(
    postgres_url: str, tmp_path: Path
) -> None:
    await schema.migrate(postgres_url, written(tmp_path, FIRST))
    written(tmp_path, FIRST + " -- clearer", SECOND)
    for act in (schema.migrate, schema.pending):
        with pytest.raises(
            EnvironmentFault, match=r"^store\.url: .*another version of the migration 0001_text"
        ):
            await act(postgres_url, tmp_path)
    assert await tables(postgres_url) == {"schema_migrations", "one"}


async def test_a_database_of_a_development_version_is_refused(postgres_url: str) -> None:
    async with await Database.open(postgres_url) as db:
        await db.execute("CREATE TABLE alembic_version (version_num text); CREATE TABLE leases (name text)")
    await assert_refused(postgres_url, r"^store\.url: .*alembic_version.*start with an empty database")
