"""Skeletons of records: keys that are words stay, keys that are values do not."""

from typing import Any

import msgspec

from bridge.cli.recording.skeletons import SeenTexts, skeleton
from bridge.simulator.recording import Skeleton


def made(*records: Any) -> Skeleton:
    """The skeleton of some records."""
    found = skeleton(records, SeenTexts(records))
    assert found is not None
    return found


def test_keys_are_kept_in_their_order_with_what_they_hold() -> None:
    first = {"opportunityId": 1234, "clientName": "Acme & Sons", "owners": [{"ownerId": 7}], "note": None}
    found = made(first, {"opportunityId": 1235, "clientName": None, "owners": [], "note": "x"}, first)
    assert list(found.keys) == ["opportunityId", "clientName", "owners", "note"]
    assert found.keys["clientName"] == Skeleton(types=("text", "null"), length=16)
    assert found.keys["owners"].items == Skeleton(
        types=("object",), keys={"ownerId": Skeleton(types=("number",))}
    )
    assert found.keys["note"].types == ("null", "text")
    assert b"Acme" not in msgspec.json.encode(found)


def test_a_key_that_looks_like_a_value_is_replaced() -> None:
    records = [
        {
            "resourceId": n,
            "byId": {str(n): {"level": 1}, f"{n}7": {"level": 2}},
            "byName": {name: True},
            "customFields": {"Favorite color": "red", "shoeSize": 43},
            "ann.lee@example.org": 1,
            "Grade": "senior",
            "Warszawa": "here",
            "seenByKowalski": True,
            "ownerName": "Jan Kowalski",
            "city": "Warszawa",
        }
        for n, name in enumerate(("Ann Lee", "BobRay", "Zoë", "Joe", "Max", "Eve"), start=4711)
    ]
    found = made(*records)
    words = {"resourceId", "byId", "byName", "customFields", "Grade", "ownerName", "city"}
    assert set(found.keys) == words | {"key1", "key2", "key3"}
    assert list(found.keys["byId"].keys) == ["key1"]
    assert list(found.keys["byId"].keys["key1"].keys) == ["level"]
    assert list(found.keys["byName"].keys) == ["key1"]
    assert set(found.keys["customFields"].keys) == {"key1", "key2"}


def test_lengths_are_rounded_and_formats_say_no_more_than_a_kind() -> None:
    found = made(*({"email": f"{n * 'a'}@example.org", "share": "https://x.example/a"} for n in (3, 9)))
    assert (found.keys["email"].length, found.keys["email"].format) == (32, "email")
    assert (found.keys["share"].length, found.keys["share"].format) == (32, "url")
    assert made({"note": "x" * 900}).keys["note"].length == 64


def test_how_often_a_key_is_there_is_kept() -> None:
    records = [{"id": n, **({"tagText": "a"} if n % 4 else {})} for n in range(8)]
    assert made(*records).keys["tagText"].share == 0.75
    found = skeleton(records, SeenTexts(records), shares=False)
    assert found is not None
    assert found.keys["tagText"].share == 1
