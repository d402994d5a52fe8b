"""Bring a database to this version's schema."""

import asyncio
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from bridge.errors import EnvironmentFault
from bridge.store import schema
from bridge.store.database import Database


def test_the_files_of_the_migrations_are_numbered_in_alembics_order() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert schema.revisions() == [one.revision for one in scripts.walk_revisions()][::-1]


async def test_migrating_twice_at_once_applies_each_migration_once(postgres_url: str) -> None:
    before = await schema.pending(postgres_url)
    applied = await asyncio.gather(*(schema.migrate(postgres_url) for _ in range(4)))
    assert sorted(applied) == [[], [], [], before]
    assert before[0] == "0001"
    assert await schema.pending(postgres_url) == []


async def test_a_schema_newer_than_the_code_is_refused_and_left_alone(store_url: str) -> None:
    async with await Database.open(store_url) as db:
        await db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(EnvironmentFault, match=r"newer bridge.*9999"):
        await schema.migrate(store_url)
    with pytest.raises(EnvironmentFault, match="newer bridge"):
        await schema.pending(store_url)
