"""A simulated account, and the program on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.simulator.remote import Remote
from tests.flow.program import STARTER, Program, Simulated, account, integration


@pytest.fixture
async def remote() -> AsyncIterator[Simulated]:
    """The simulated account."""
    async with account() as opened:
        yield opened


@pytest.fixture
async def program(
    remote: Remote, store_url: str, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> Program:
    """The program, configured for the account, this test's database and this test's topics."""
    kafka = f'bootstrap_servers = "{kafka_bootstrap}"\ntopic_prefix = "{topic_prefix}"\npartitions = 2'
    return Program(tmp_path, f'[store]\nurl = "{store_url}"\n[kafka]\n{kafka}\n{integration(remote.url)}')


@pytest.fixture(scope="session", autouse=True)
def starter() -> Iterator[None]:
    """End the process that starts programs with the tests."""
    yield
    STARTER.close()
