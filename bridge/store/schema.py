"""The schema that this version was written for, and how to bring a database to it.

Alembic writes the SQL of the migrations; asyncpg runs it, so that there is one driver and one reading of
``store.url``. Alembic is imported only where something is missing: it would be a third of every start.
"""

import io
from pathlib import Path

import asyncpg

from bridge.errors import EnvironmentFault
from bridge.store.failures import shown, translated

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as no other program on the database locks the same one.
_ADVISORY_LOCK = 0x7472_6D73


async def migrate(url: str) -> list[str]:
    """Apply what is missing, in one transaction; return the revisions applied, oldest first.

    Processes that do it at once wait for one another. Raises ``EnvironmentFault`` when the schema is newer
    than this version, and the errors of ``Database``.
    """
    with translated(url):
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
                current = await _current(connection)
                missing = _missing(url, current)
                if missing:
                    await connection.execute(_upgrade_sql(current))
                return missing
        finally:
            await connection.close()


async def pending(url: str) -> list[str]:
    """Return the revisions that ``migrate`` would apply, oldest first. Raises as ``migrate`` does."""
    with translated(url):
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return _missing(url, await _current(connection))
        finally:
            await connection.close()


def revisions() -> list[str]:
    """Return every revision, oldest first: the numbers that the files of the migrations begin with."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


async def _current(connection: "asyncpg.Connection") -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return version


def _missing(url: str, current: str | None) -> list[str]:
    known = revisions()
    if current is not None and current not in known:
        raise EnvironmentFault(
            f"store.url: the schema at {shown(url)} is of a newer bridge (revision {current}): "
            "install that version, or a later one"
        )
    return known if current is None else known[known.index(current) + 1 :]


def _upgrade_sql(current: str | None) -> str:
    """Return the SQL of every migration after ``current``, as Alembic's offline mode writes it."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS))
    sql = io.StringIO()
    config = Config(output_buffer=sql)
    config.set_main_option("script_location", str(_MIGRATIONS))
    with EnvironmentContext(
        config,
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),
        as_sql=True,
        starting_rev=current,
        destination_rev="head",
    ):
        scripts.run_env()
    return sql.getvalue()
