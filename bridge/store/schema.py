"""The database schema of this version, and its migrations.

The files of ``migrations`` are SQL, numbered from 0001 without a gap and applied in that order. The table
``schema_migrations`` records which were applied, with the digest of each text. A released file never changes
again, including its comments: changes go into a new file.

All missing migrations are applied in one transaction. A statement that PostgreSQL refuses in a transaction,
such as ``CREATE INDEX CONCURRENTLY``, can't be part of a migration.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
from msgspec import Struct

from bridge.errors import EnvironmentFault
from bridge.store.errors import mask_url, translated

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number is good, as long as no other program on the database locks the same one.
_ADVISORY_LOCK = 0x7472_6D73

_APPLIED_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_NOTE_APPLIED = "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)"
_TABLES = """
SELECT to_regclass('schema_migrations') IS NOT NULL AS ours,
       to_regclass('alembic_version') IS NOT NULL AS development
"""
_START_EMPTY = "start with an empty database (of the embedded PostgreSQL: an empty data_dir)"


class Migration(Struct, frozen=True, kw_only=True):
    """A migration file: ``0002_more.sql`` has the number 2 and the name ``0002_more``."""

    number: int
    name: str
    sql: str

    @property
    def revision(self) -> str:
        """Return the number in the name."""
        return f"{self.number:04}"

    @property
    def sha256(self) -> str:
        """Return the digest of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(url: str, directory: Path = MIGRATIONS) -> list[str]:
    """Apply the missing migrations in one transaction. Return the revisions applied, oldest first.

    Concurrent processes wait for one another. Raises ``EnvironmentFault`` if the schema is newer than this
    version, or was not created by its migrations, and the errors of ``Database``.
    """
    with translated(url):
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
                missing = await _missing(connection, url, directory)
                if missing:
                    await _apply(connection, missing)
                return [migration.revision for migration in missing]
        finally:
            await connection.close()


async def pending(url: str, directory: Path = MIGRATIONS) -> list[str]:
    """Return the revisions that ``migrate`` would apply, oldest first. Raises as ``migrate`` does."""
    with translated(url):
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return [migration.revision for migration in await _missing(connection, url, directory)]
        finally:
            await connection.close()


def revisions(directory: Path = MIGRATIONS) -> list[str]:
    """Return every revision, oldest first: the numbers of the migration files."""
    return [migration.revision for migration in _load(directory)]


def _load(directory: Path) -> list[Migration]:
    return [
        Migration(number=int(path.stem[:4]), name=path.stem, sql=path.read_text(encoding="utf-8"))
        for path in sorted(directory.glob("[0-9]*.sql"))
    ]


async def _missing(connection: "asyncpg.Connection", url: str, directory: Path) -> list[Migration]:
    known = _load(directory)
    applied = await _applied(connection, url)
    _check_applied(url, known, applied)
    return [migration for migration in known if migration.number not in applied]


async def _applied(connection: "asyncpg.Connection", url: str) -> dict[int, str]:
    """Return the digest of each applied migration, by number."""
    tables = await connection.fetchrow(_TABLES)
    if tables["development"]:
        raise EnvironmentFault(
            f"store.url: the schema at {mask_url(url)} was created by a development version of the bridge "
            f"(it has a table alembic_version) and can't be migrated: {_START_EMPTY}"
        )
    if not tables["ours"]:
        return {}
    rows = await connection.fetch("SELECT number, sha256 FROM schema_migrations")
    return {row["number"]: row["sha256"] for row in rows}


def _check_applied(url: str, known: Sequence[Migration], applied: Mapping[int, str]) -> None:
    newest = max(applied, default=0)
    if newest > len(known):
        raise EnvironmentFault(
            f"store.url: the schema at {mask_url(url)} belongs to a newer bridge (revision {newest:04}): "
            "install that version, or a later one"
        )
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise EnvironmentFault(
                f"store.url: the schema at {mask_url(url)} was created by another version of the migration "
                f"{migration.name} than this bridge has: install the bridge that created it, or "
                f"{_START_EMPTY}"
            )


async def _apply(connection: "asyncpg.Connection", missing: Sequence[Migration]) -> None:
    await connection.execute(_APPLIED_TABLE)
    for migration in missing:
        await connection.execute(migration.sql)
        await connection.execute(_NOTE_APPLIED, migration.number, migration.name, migration.sha256)
