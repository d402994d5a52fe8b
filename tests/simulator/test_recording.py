"""A recorded account, played: its dialect, and exactly the keys of its records."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.recording import Recording, fitted, read_recording
from tests.simulator.account import Account
from tests.simulator.conftest import Opener

_TEXT: dict[str, Any] = {"types": ["text"], "length": 5}
_NUMBER: dict[str, Any] = {"types": ["number"]}
_SKILL: dict[str, Any] = {"types": ["object"], "keys": {"id": _NUMBER}}
RECORDED: dict[str, Any] = {
    "version": 1,
    "dialect": {"row_case": "pascal", "record_shape": "data", "group_key": "state"},
    "shapes": {
        "candidates": {
            "row": {
                "types": ["object"],
                "keys": {"ResourceId": _NUMBER, "Surname": _TEXT, "Grade": _TEXT, "Score": _NUMBER},
            },
            "record": {
                "types": ["object"],
                "keys": {
                    "id": _NUMBER,
                    "contactDetails": {"types": ["object"], "keys": {"email": _TEXT}},
                    "quickSkills": {"types": ["list"], "items": _SKILL},
                    "social": {"types": ["object", "null"], "keys": {"twitter": {"types": ["null"]}}},
                    "note": {**_TEXT, "share": 0.5},
                },
            },
        },
        "statuses": {"row": {"types": ["object"], "keys": {"id": _NUMBER, "name": _TEXT}}},
    },
}


async def played(open_account: Opener, tmp_path: Path) -> Account:
    """Open an account that plays ``RECORDED`` from a file."""
    recording = _read(json.dumps(RECORDED), tmp_path)
    return await open_account(dialect=recording.dialect, shapes=recording.shapes)


async def test_records_have_exactly_the_keys_of_their_skeletons(open_account: Opener, tmp_path: Path) -> None:
    account = await played(open_account, tmp_path)
    skills = [{"id": 1, "name": "Go"}, {"id": 2, "name": "C"}]
    await account.change("update", "resource", 135, surname="Lee", email="a@example.org", quickSkills=skills)
    assert (await account.page("Resource"))["rows"][0] == {
        "ResourceId": 135, "Surname": "Lee", "Grade": "xxxxx", "Score": 0,
    }  # fmt: skip
    shown = (await account.get("/api/v1/Resource/135"))["data"]
    shown.pop("note", None)
    assert shown == {
        "id": 135,
        "contactDetails": {"email": "a@example.org"},
        "quickSkills": [{"id": 1}, {"id": 2}],
        "social": {"twitter": None},
    }
    statuses = (await account.get("/api/v1/MetaData"))["opportunityResourceStatuses"]
    assert {tuple(one) for one in statuses} == {("id", "name")}
    assert (await account.truth("candidate"))["135"]["last_name"] == "Lee"


async def test_a_key_is_there_as_often_as_it_was(open_account: Opener, tmp_path: Path) -> None:
    account = await played(open_account, tmp_path)
    read = [
        (await account.get(f"/api/v1/Resource/{n}"))["data"] for n in (*range(101, 136), *range(101, 136))
    ]
    there = ["note" in one for one in read]
    assert there[:35] == there[35:]
    assert 8 < sum(there[:35]) < 27


async def test_a_list_that_was_not_recorded_is_as_the_dialect_has_it(
    open_account: Opener, tmp_path: Path
) -> None:
    account = await played(open_account, tmp_path)
    assert "OpportunityDescription" in (await account.page("Opportunity"))["rows"][0]


def test_a_value_of_another_type_is_made_up(tmp_path: Path) -> None:
    text = '{"version":1,"shapes":{"users":{"row":{"types":["flag","null"]}}}}'
    row = _read(text, tmp_path).shapes["users"].row
    made = [fitted(row, value, 1) for value in (True, None, "text", {"a": 1}, [1])]
    assert made == [True, None, False, False, False]


def _read(text: str, directory: Path) -> Recording:
    path = directory / "recording.json"
    path.write_text(text, encoding="utf-8")
    return read_recording(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a recording of version 1"),
        ('{"version": 2}', "not a recording of version 1"),
        ('{"version": 1, "dialect": {"rain": "yes"}}', "unknown switch 'rain'"),
        ('{"version": 1, "shapes": {"users": {"row": {"types": ["color"]}}}}', "color"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _read(text, tmp_path)
