from collections.abc import AsyncIterator

import pytest

from bridge.store.database import Database


@pytest.fixture
async def db(store_url: str) -> AsyncIterator[Database]:
    """A pool on a database of this test's own, with the bridge's tables."""
    async with await Database.open(store_url, pool_size=8) as database:
        yield database
