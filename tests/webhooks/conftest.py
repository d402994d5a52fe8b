"""The bridge that delivers, for the tests of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.config import KafkaConfig
from tests.webhooks.installed import Delivering, delivering, settings


@pytest.fixture
async def hooks(store_url: str, kafka_config: KafkaConfig, data_dir: Path) -> AsyncIterator[Delivering]:
    """A webhook stage of this test's own, not started."""
    async with delivering(settings(store_url, kafka_config, str(data_dir))) as made:
        yield made
