"""Databases of the tests' own on the PostgreSQL server of the run."""

import uuid
from urllib.parse import urlsplit

import asyncpg

from bridge.store import schema


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._template: str | None = None

    def url(self, name: str) -> str:
        """The URL of the database of that name."""
        return urlsplit(self._admin_url)._replace(path=f"/{name}").geturl()

    async def create(self, template: str = "template0") -> str:
        """A new database, a copy of ``template``; returns its name."""
        name = f"test_{uuid.uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def drop(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def migrated(self) -> str:
        """The name of a database with the bridge's tables, made once, to be copied."""
        if self._template is None:
            name = await self.create()
            await schema.migrate(self.url(name))
            self._template = name
        return self._template

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
