"""Every option of an endpoint can be given on the command line, and is kept.

Driven by the API's structs on one side and the commands' own options on the other: what is new on either
side and stands in no table below fails.
"""

from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from trackerrms_contracts.webhooks import EndpointChange, NewEndpoint

from bridge.cli import endpoints
from tests import declared
from tests.flow.program import Program

URL = "https://example.com/hooks"
OTHER_URL = "https://other.example.com/hooks"

# Of each field of the API: how it is given, and what the endpoint then shows.
BOTH: dict[str, tuple[list[str], dict[str, Any]]] = {
    "description": (["--description", "the reports"], {"description": "the reports"}),
    "integrations": (["--integration", "acme", "--integration", "globex"], {"integrations": ["acme", "globex"]}),  # noqa: E501 - a case a line
    "event_types": (["--event", "candidate.*", "--event", "job.updated"], {"event_types": ["candidate.*", "job.updated"]}),  # noqa: E501 - a case a line
    "changed_fields": (["--changed-field", "title"], {"changed_fields": ["title"]}),
    "rate_limit_per_second": (["--rate", "2.5"], {"rate_limit_per_second": 2.5}),
    "timeout_seconds": (["--timeout", "7"], {"timeout_seconds": 7.0}),
    "order": (["--order", "per_entity"], {"order": "per_entity"}),
    "signature": (["--signature", "both"], {"signature": "both"}),
    "headers": (["--header", "X-Key: abc"], {"header_names": ["X-Key"]}),
    "operational": (["--operational"], {"operational": True}),
}  # fmt: skip
CREATE = BOTH | {
    "url": ([OTHER_URL], {"url": OTHER_URL}),
    "owner": (["--owner", "globex"], {"owner": "globex"}),
    "enabled": (["--disabled"], {"enabled": False}),
    "deliver_since": (["--since", "2026-11-01T10:00:00Z"], {}),
}
UPDATE = BOTH | {"url": (["--url", OTHER_URL], {"url": OTHER_URL})}
# How an update takes back what was given.
BACK: dict[str, tuple[list[str], dict[str, Any]]] = {
    "integrations": (["--all-integrations"], {"integrations": []}),
    "changed_fields": (["--any-field"], {"changed_fields": []}),
    "rate_limit_per_second": (["--rate", "0"], {"rate_limit_per_second": None}),
    "headers": (["--no-headers"], {"header_names": []}),
    "operational": (["--no-operational"], {"operational": False}),
    "description": (["--description", ""], {"description": ""}),
}
# An operational endpoint gets no records' events, so it is made apart.
APART = "operational"


@pytest.fixture
def program(store_url: str, tmp_path: Path) -> Program:
    """The program over a store of this test's own."""
    return Program(tmp_path, f'[store]\nurl = "{store_url}"\n')


@pytest.mark.parametrize(("kind", "table"), [(NewEndpoint, CREATE), (EndpointChange, UPDATE)])
def test_every_option_of_the_api_can_be_given(kind: type[Struct], table: dict[str, Any]) -> None:
    left_out = set(kind.__struct_fields__) - table.keys()
    assert left_out == set(), (
        f"{kind.__name__}: no option of bridge endpoints for these is tried; add one, and how to give it here"
    )
    assert table.keys() - set(kind.__struct_fields__) == set(), f"{kind.__name__} has no such field"


@pytest.mark.parametrize(("command", "tables"), [("create", [CREATE]), ("update", [UPDATE, BACK])])
def test_every_option_of_the_command_is_tried(command: str, tables: list[dict[str, Any]]) -> None:
    tried = {word for table in tables for words, _ in table.values() for word in words}
    assert declared.options(endpoints.app, command) - tried == {"--json"}, (
        f"bridge endpoints {command}: options that no test gives. Add them to their field's table: BOTH, or "
        "BACK for what only an update takes. An option that says the default is not needed at creation"
    )


async def test_what_is_given_at_creation_is_kept(program: Program) -> None:
    given, expected = put_together(CREATE)
    made = await told(program, "create", *given)
    assert differing(made, expected) == {}
    (recovery,) = (await program("deliveries", "recoveries", made["id"], "--json")).json
    assert recovery["since"] == "2026-11-01T10:00:00Z"
    assert (await told(program, "create", URL, "--operational"))["operational"] is True


async def test_what_is_updated_is_kept_and_can_be_taken_back(program: Program) -> None:
    endpoint_id = (await told(program, "create", URL))["id"]
    given, expected = put_together(UPDATE)
    assert differing(await told(program, "update", endpoint_id, *given), expected) == {}
    given, back = put_together(BACK)
    assert differing(await told(program, "update", endpoint_id, *given), expected | back) == {}


async def test_an_update_makes_an_endpoint_operational_and_takes_it_back(program: Program) -> None:
    endpoint_id = (await told(program, "create", URL))["id"]
    for table in (UPDATE, BACK):
        given, expected = table[APART]
        assert differing(await told(program, "update", endpoint_id, *given), expected) == {}


def put_together(table: dict[str, tuple[list[str], dict[str, Any]]]) -> tuple[list[str], dict[str, Any]]:
    """The words of all options that go together, and what the endpoint shows of them."""
    words: list[str] = []
    shown: dict[str, Any] = {}
    for name, (given, expected) in table.items():
        if name != APART:
            words += given
            shown |= expected
    return words, shown


async def told(program: Program, *words: str) -> dict[str, Any]:
    """The endpoint as ``bridge endpoints show`` tells it after this command."""
    ended = await program("endpoints", *words, "--json")
    assert ended.code == 0, ended.err
    answered: dict[str, Any] = ended.json["endpoint"]
    shown = await program("endpoints", "show", answered["id"], "--json")
    assert shown.json == answered
    return answered


def differing(endpoint: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What the endpoint shows otherwise than expected."""
    return {name: endpoint[name] for name, value in expected.items() if endpoint[name] != value}
