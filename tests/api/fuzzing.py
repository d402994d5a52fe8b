"""Schemathesis against the running service, by the committed document."""

import asyncio
import sys
from pathlib import Path

from tests.api.service import Client, Service
from tools import openapi

SCHEMATHESIS = """
[checks.positive_data_acceptance]
# 422: an address that may not be called, a field that no model has: no schema can say that.
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 408, 413, 415, 422]
"""


async def fuzz(service: Service, client: Client, directory: Path, max_examples: int) -> None:
    """Call every operation as ``client`` may, up to ``max_examples`` times for each kind of input."""
    for name in ("acme", "globex"):
        await service.admin.endpoint(owner=name, signature="both")
    (directory / "schemathesis.toml").write_text(SCHEMATHESIS)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        str(openapi.FILE),
        f"--url={client.url}",
        f"--header=Authorization: Bearer {client.token}",
        f"--max-examples={max_examples}",
        "--seed=1",
        "--no-color",
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
