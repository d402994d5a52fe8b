"""The service keeps to its OpenAPI document, whatever is sent to it."""

from pathlib import Path

import pytest

from tests.api import fuzzing
from tests.api.service import serving


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("owner", [None, "acme"])
async def test_schemathesis_finds_nothing(store_url: str, tmp_path: Path, owner: str | None) -> None:
    async with serving(store_url) as service:
        client = service.admin if owner is None else await service.of(owner)
        await fuzzing.fuzz(service, client, tmp_path, max_examples=25)
