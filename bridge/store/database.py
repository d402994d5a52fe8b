"""The door to PostgreSQL: connection pool and transactions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self, TypeAlias

import asyncpg

from bridge.errors import BridgeError
from bridge.store.errors import translated, translated_statements

Tx: TypeAlias = "asyncpg.pool.PoolConnectionProxy"
"""A connection inside a transaction, as ``async with db.transaction()`` yields it."""

_CONNECT_SECONDS = 10.0
_ACQUIRE_SECONDS = 30.0
# The server times out first and says why. The client's limit is for a silent network.
_STATEMENT_SECONDS = 60
_COMMAND_SECONDS = 75.0
# A process that was paused in a transaction keeps its locks, and others from taking over, for this long.
_IDLE_IN_TRANSACTION_SECONDS = 15
_SESSION = {
    "application_name": "trackerrms-bridge",
    "statement_timeout": f"{_STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{_IDLE_IN_TRANSACTION_SECONDS}s",
    # Planning for JIT costs more than these short statements take.
    "jit": "off",
}


class Database:
    """A pool of connections. It reconnects by itself after PostgreSQL was unreachable.

    Every method raises ``Transient`` if the server can't answer now, and ``EnvironmentFault`` if it refuses
    the bridge. Any other error of the driver is a bug and is not translated.
    """

    def __init__(self, url: str, pool: "asyncpg.Pool") -> None:
        self._url = url
        self._pool = pool

    @classmethod
    async def open(cls, url: str, pool_size: int = 10) -> Self:
        """Connect to ``url`` (a libpq URL; ``?host=`` may name a socket directory).

        Raises ``ConfigError`` if ``url`` is invalid.
        """
        with translated(url):
            # No minimum size: restoring one while PostgreSQL is unreachable logs a traceback at each attempt.
            pool = await asyncpg.create_pool(url, min_size=0, max_size=pool_size, **_connection_options())
            try:
                await pool.fetchval("SELECT 1")
            except BaseException:
                pool.terminate()
                raise
        return cls(url, pool)

    async def close(self) -> None:
        """Close the connections; those still busy after five seconds are cut."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction: it commits when the block ends and rolls back when it raises. Nothing is
        retried.

        After a ``Transient`` from the commit itself it is unknown whether it took effect: check before
        repeating. Make no network call inside (invariant 8).
        """
        with translated(self._url):
            tx = await self._pool.acquire(timeout=_ACQUIRE_SECONDS)
        try:
            with translated_statements(self._url):
                async with tx.transaction():
                    yield tx
        finally:
            with translated_statements(self._url):
                await self._pool.release(tx)

    @contextlib.asynccontextmanager
    async def dedicated(self) -> AsyncIterator["asyncpg.Connection"]:
        """Yield a connection outside the pool, for ``LISTEN``."""
        with translated(self._url):
            connection = await asyncpg.connect(self._url, **_connection_options())
            try:
                yield connection
            finally:
                connection.terminate()

    async def fetch(self, query: str, *args: object) -> "list[asyncpg.Record]":
        """Return all rows of one statement."""
        with translated(self._url):
            return list(await self._pool.fetch(query, *args))

    async def fetchrow(self, query: str, *args: object) -> "asyncpg.Record | None":
        """Return the first row of one statement."""
        with translated(self._url):
            return await self._pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """Return the first value of the first row of one statement."""
        with translated(self._url):
            return await self._pool.fetchval(query, *args)

    async def answers(self, within_seconds: float) -> bool:
        """Report whether PostgreSQL answers in time. Raises nothing if it does not."""
        try:
            async with asyncio.timeout(within_seconds):
                await self.fetchval("SELECT 1")
        except (BridgeError, TimeoutError):
            return False
        return True

    async def execute(self, query: str, *args: object) -> str:
        """Run one statement. Return its command tag, such as ``DELETE 3``."""
        with translated(self._url):
            return str(await self._pool.execute(query, *args))


def _connection_options() -> dict[str, Any]:
    return {
        "timeout": _CONNECT_SECONDS,
        "command_timeout": _COMMAND_SECONDS,
        "server_settings": dict(_SESSION),
    }
