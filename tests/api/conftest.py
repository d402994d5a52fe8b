from collections.abc import AsyncIterator

import pytest

from tests.api.service import Client, Service, serving


@pytest.fixture
async def service(store_url: str) -> AsyncIterator[Service]:
    """The API over a store of this test's own."""
    async with serving(store_url) as running:
        yield running


@pytest.fixture
def admin(service: Service) -> Client:
    """A client that may do all."""
    return service.admin
