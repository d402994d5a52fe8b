"""The oracle that other tests stand on: it compares every key of both sides."""

from typing import Any

import pytest
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from tests import oracle

ID = ids.entity_id("acme", Model.CANDIDATE, "7")
TRUE: dict[str, Any] = {
    "remote_id": "7",
    "title": None,
    "tags": [],
    "remote_created_at": "2026-11-23T12:00:00.000Z",
    "location": {"city": "Leeds", "country": None},
}
TOLD = TRUE | {"id": ID, "changed_at": "2026-11-24T00:00:00Z", "remote_deleted_at": None, "remote_data": None}


def compared(told: dict[str, Any], true: dict[str, Any]) -> list[str]:
    truth = {"candidate": [{"remote_id": "7", "record": true}]}
    return oracle.compare({"candidate": {ID: told}}, "acme", truth)


def test_what_the_bridge_makes_itself_is_not_compared() -> None:
    assert compared(TOLD | {"remote_created_at": "2026-11-23T13:00:00+01:00"}, TRUE) == []


@pytest.mark.parametrize("key", TRUE)
def test_a_key_that_one_side_lacks_is_a_difference_even_where_it_is_empty(key: str) -> None:
    for told, true in ((without(TOLD, key), TRUE), (TOLD, without(TRUE, key))):
        (difference,) = compared(told, true)
        assert f".{key}:" in difference


def test_so_is_a_key_inside_an_object() -> None:
    inner = TRUE["location"]
    assert compared(TOLD, TRUE | {"location": without(inner, "country")})
    assert compared(TOLD | {"location": without(inner, "country")}, TRUE)


def test_a_record_that_one_side_lacks_is_a_difference() -> None:
    assert oracle.compare({"candidate": {}}, "acme", {"candidate": [{"remote_id": "7", "record": TRUE}]})
    assert oracle.compare({"candidate": {ID: TOLD}}, "acme", {"candidate": []})


def without(record: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != key}
