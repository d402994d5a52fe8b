"""Databases of the tests' own on the PostgreSQL server of the run."""

import uuid
from urllib.parse import urlsplit

import asyncpg

from bridge.store import schema

# What a used database is compared by with a new one: tests may add a trigger, or drop a column.
_FINGERPRINT = """
SELECT md5(string_agg(thing, ' ' ORDER BY thing)) FROM (
    SELECT attrelid::regclass || '.' || attname || format_type(atttypid, atttypmod) AS thing
    FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'S') AND NOT attisdropped
    UNION ALL SELECT conrelid::regclass || conname FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgrelid::regclass || tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
)
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"
_OTHERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
# A database that has grown is slower to empty than a new one is to make.
_GROWN_BYTES = 8 << 20


class Databases:
    """Makes and drops databases on one server, and hands those that were used out again, emptied."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._template: str | None = None
        self._fingerprint = ""
        self._size = 0
        self._empties = ""
        self._free: list[str] = []

    def url(self, name: str) -> str:
        """The URL of the database of that name."""
        return urlsplit(self._admin_url)._replace(path=f"/{name}").geturl()

    async def create(self, template: str = "template0") -> str:
        """A new database, a copy of ``template``; returns its name."""
        name = f"test_{uuid.uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    async def drop(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def migrated(self) -> str:
        """The name of a database with the bridge's tables, made once, to be copied."""
        if self._template is None:
            name = await self.create()
            await schema.migrate(self.url(name))
            connection = await asyncpg.connect(self.url(name))
            try:
                await self._learn(connection)
            finally:
                await connection.close()
            self._template = name
        return self._template

    async def lend(self) -> str:
        """A database with the bridge's tables, as new; returns its name. Give it back."""
        template = await self.migrated()
        return self._free.pop() if self._free else await self.create(template)

    async def give_back(self, name: str) -> None:
        """End what is still connected, and empty the database; drop it where a test changed its schema."""
        connection = await asyncpg.connect(self.url(name))
        try:
            for row in await connection.fetch(_OTHERS):
                await connection.execute("SELECT pg_terminate_backend($1, 10000)", row["pid"])
            as_new = (
                await connection.fetchval(_FINGERPRINT) == self._fingerprint
                and await connection.fetchval("SELECT pg_database_size(current_database())")
                < self._size + _GROWN_BYTES
            )
            if as_new:
                await connection.execute(self._empties)
        finally:
            await connection.close()
        if as_new:
            self._free.append(name)
        else:
            await self.drop(name)

    async def _learn(self, connection: "asyncpg.Connection") -> None:
        """Remember what a new database is like, and keep the rows that its migrations insert."""
        self._fingerprint = await connection.fetchval(_FINGERPRINT)
        tables = [row["tablename"] for row in await connection.fetch(_TABLES)]
        sequences = [row["sequencename"] for row in await connection.fetch(_SEQUENCES)]
        filled = [t for t in tables if await connection.fetchval(f"SELECT count(*) FROM {t}")]
        await connection.execute("CREATE SCHEMA as_new")
        for table in filled:
            await connection.execute(f"CREATE TABLE as_new.{table} AS TABLE public.{table}")
        statements = ["SET session_replication_role = replica"]  # no trigger, no foreign key
        statements += [f"DELETE FROM public.{table}" for table in tables]
        statements += [f"INSERT INTO public.{t} OVERRIDING SYSTEM VALUE TABLE as_new.{t}" for t in filled]
        statements += [f"SELECT setval('public.{sequence}', 1, false)" for sequence in sequences]
        self._empties = ";".join(statements)
        self._size = await connection.fetchval("SELECT pg_database_size(current_database())")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
