"""The schema that this version was written for, and how to bring a database to it.

The files of ``migrations`` are SQL, numbered from 0001 without a gap and applied in that order. The table
``schema_migrations`` keeps which were applied, with the digest of each text. A file that was released never
changes again, its comments included: what comes later is a new file.

All that is missing is applied in one transaction. A statement that PostgreSQL refuses in a transaction, such
as ``CREATE INDEX CONCURRENTLY``, can't be part of a migration.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
from msgspec import Struct

from bridge.errors import EnvironmentFault
from bridge.store.errors import mask_url, translated

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as no other program on the database locks the same one.
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
    """One file: ``0002_more.sql`` has the number 2 and the name ``0002_more``."""

    number: int
    name: str
    sql: str

    @property
    def revision(self) -> str:
        """Return the number as the name begins with it."""
        return f"{self.number:04}"

    @property
    def sha256(self) -> str:
        """Return the digest of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(url: str, directory: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, in one transaction; return the revisions applied, oldest first.

    Processes that do it at once wait for one another. Raises ``EnvironmentFault`` when the schema is newer
    than this version, or was made by something else than its migrations, and the errors of ``Database``.
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
    """Return every revision, oldest first: the numbers that the files of the migrations begin with."""
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
    """Return the digest of each migration that was applied, by number."""
    tables = await connection.fetchrow(_TABLES)
    if tables["development"]:
        raise EnvironmentFault(
            f"store.url: the schema at {mask_url(url)} is of a development version of the bridge (it has a "
            f"table alembic_version) and can't be brought up to date: {_START_EMPTY}"
        )
    if not tables["ours"]:
        return {}
    rows = await connection.fetch("SELECT number, sha256 FROM schema_migrations")
    return {row["number"]: row["sha256"] for row in rows}


def _check_applied(url: str, known: Sequence[Migration], applied: Mapping[int, str]) -> None:
    newest = max(applied, default=0)
    if newest > len(known):
        raise EnvironmentFault(
            f"store.url: the schema at {mask_url(url)} is of a newer bridge (revision {newest:04}): "
            "install that version, or a later one"
        )
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise EnvironmentFault(
                f"store.url: the schema at {mask_url(url)} was made by another text of the migration "
                f"{migration.name} than this bridge has: install the bridge that made it, or {_START_EMPTY}"
            )


async def _apply(connection: "asyncpg.Connection", missing: Sequence[Migration]) -> None:
    await connection.execute(_APPLIED_TABLE)
    for migration in missing:
        await connection.execute(migration.sql)
        await connection.execute(_NOTE_APPLIED, migration.number, migration.name, migration.sha256)
