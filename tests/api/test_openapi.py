"""The committed OpenAPI document is that of the operations, valid, and what the running service keeps to."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest

from bridge.api import openapi, serving
from bridge.api.operations import OPERATIONS
from tests.api.service import Client, Service

DOCUMENT: dict[str, Any] = json.loads(openapi.FILE.read_text(encoding="utf-8"))
SCHEMATHESIS = """
[checks.positive_data_acceptance]
# 422: an address that may not be called, a field that no model has: no schema can say that.
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 408, 413, 415, 422]
"""


def test_the_committed_document_is_fresh() -> None:
    made = openapi.render(openapi.document())
    assert openapi.FILE.read_text(encoding="utf-8") == made, "run: python -m bridge.api.openapi"


def test_an_outside_validator_takes_it() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_every_operation_has_a_text_and_says_how_it_refuses() -> None:
    for operation in OPERATIONS:
        made = DOCUMENT["paths"][operation.path][operation.method.lower()]
        assert made["summary"]
        assert "\n  " not in made.get("description", "")
        assert {"400", "401", "429", "500", "503"} <= made["responses"].keys()


async def test_every_route_of_the_service_is_in_it_and_no_other(service: Service) -> None:
    app = serving.application(service.parts, 600)
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    # The document itself is found by who looks for it.
    assert routes - {("get", "/v1/openapi.json")} == told


def test_only_health_needs_no_token() -> None:
    free = [p for p, item in DOCUMENT["paths"].items() for o in item.values() if o.get("security") == []]
    assert (DOCUMENT["security"], free) == ([{"token": []}], ["/livez", "/readyz"])


async def test_the_service_shows_its_own_document(admin: Client) -> None:
    assert (await admin("GET", "/v1/openapi.json")).json == DOCUMENT


@pytest.mark.timeout(600)
@pytest.mark.parametrize("owner", [None, "acme"])
async def test_schemathesis_finds_nothing(service: Service, tmp_path: Path, owner: str | None) -> None:
    for name in ("acme", "globex"):
        await service.admin.endpoint(owner=name, signature="both")
    client = service.admin if owner is None else await service.of(owner)
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        str(openapi.FILE),
        f"--url={client.url}",
        f"--header=Authorization: Bearer {client.token}",
        "--max-examples=25",
        "--seed=1",
        "--no-color",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
