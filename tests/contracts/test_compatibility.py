"""The comparison that will hold each release's schemas against the last finds what breaks a consumer."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.compatibility import breaks
from tools import schemas

NAME = "application.event.v1.json"
Edit = Callable[[dict[str, Any]], Any]


def after(edit: Edit) -> list[str]:
    """What the comparison says of today's schema, edited in its definitions."""
    old = {NAME: schemas.generate()[NAME]}
    new = copy.deepcopy(old)
    edit(new[NAME]["$defs"])
    return breaks(old, new)


def record(definitions: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = definitions["Application"]["properties"]
    return properties


def outcomes(definitions: dict[str, Any]) -> list[str]:
    values: list[str] = next(p for p in record(definitions)["outcome"]["anyOf"] if "enum" in p)["enum"]
    return values


BREAKING: list[tuple[Edit, str]] = [
    (lambda d: record(d).pop("rejected_at"), ".data.record.rejected_at: removed"),
    (
        lambda d: record(d).update(remote_url={"type": "string"}),
        ".data.record.remote_url: null became string",
    ),
    (lambda d: record(d).update(remote_url={"type": "null"}), ".data.record.remote_url: string became null"),
    (lambda d: outcomes(d).remove("HIRED"), ".data.record.outcome: string no longer accepted"),
    (lambda d: d["Change_Application_"]["required"].append("command_id"), ".data.command_id: required now"),
    (
        lambda d: d["Event_Application_"]["properties"]["source"].update(pattern="^t"),
        ".source: pattern is new",
    ),
    (lambda d: record(d)["id"].update(type="integer"), ".data.record.id: string became integer"),
    (lambda d: record(d)["offers"].update(type="object"), ".data.record.offers: array became object"),
]


@pytest.mark.parametrize(("edit", "says"), BREAKING)
def test_a_breaking_change_is_found_and_named(edit: Edit, says: str) -> None:
    found = after(edit)
    assert len(found) == 1
    assert says in found[0]


HARMLESS: list[Edit] = [
    lambda d: None,
    lambda d: record(d).update(novel={"type": "string", "default": ""}),
    lambda d: outcomes(d).append("WITHDRAWN"),
    lambda d: d["Application"]["required"].remove("offers"),
    lambda d: record(d)["id"].pop("pattern"),
    lambda d: d["Application"].update(description="Better said."),
]


@pytest.mark.parametrize("edit", HARMLESS)
def test_what_breaks_nobody_is_passed_over(edit: Edit) -> None:
    assert after(edit) == []


def test_a_removed_schema_is_named() -> None:
    assert breaks({NAME: {}}, {}) == [f"{NAME}: removed"]


def test_todays_schemas_are_compatible_with_themselves() -> None:
    assert breaks(schemas.generate(), schemas.generate()) == []
