"""The committed OpenAPI document is that of the operations, valid, and what the running service keeps to."""

import json
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest

from bridge.api import server
from bridge.api.operations import OPERATIONS
from tests.api import fuzzing
from tests.api.service import Client, Service
from tests.committed import assert_fresh
from tools import openapi

DOCUMENT: dict[str, Any] = json.loads(openapi.FILE.read_text(encoding="utf-8"))


def test_the_committed_document_is_fresh() -> None:
    assert_fresh({openapi.FILE: openapi.render_openapi(openapi.document())})


def test_an_outside_validator_takes_it() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_every_operation_has_a_text_and_says_how_it_refuses() -> None:
    for operation in OPERATIONS:
        made = DOCUMENT["paths"][operation.path][operation.method.lower()]
        assert made["summary"]
        assert "\n  " not in made.get("description", "")
        assert {"400", "401", "429", "500", "503"} <= made["responses"].keys()


async def test_every_route_of_the_service_is_in_it_and_no_other(service: Service) -> None:
    app = server.build_application(service.parts, 600)
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


@pytest.mark.slow
async def test_schemathesis_finds_nothing_in_a_few_calls(service: Service, tmp_path: Path) -> None:
    """Try each operation a few times; ``tests/system`` does so at length."""
    await fuzzing.fuzz(service, service.admin, tmp_path, max_examples=2)
