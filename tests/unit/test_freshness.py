"""Of which events it is known when their record changed in TrackerRMS."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bridge.runtime import freshness

AT = datetime(2026, 11, 28, 16, tzinfo=UTC)


def event(type_: str = "candidate.updated", **change: Any) -> bytes:
    data = {
        "record": {"first_name": "Ada", "remote_updated_at": "2026-11-28T16:00:00.000Z"},
        "changed_fields": ["title", "remote_updated_at"],
        "cause": "poll",
    }
    return msgspec.json.encode({"specversion": "1.0", "type": type_, "data": data | change})


@pytest.mark.parametrize("cause", ["poll", "sweep", "command"])
def test_an_update_is_as_old_as_its_record_says(cause: str) -> None:
    assert freshness.changed_at(event(cause=cause)) == (cause, AT)


def test_a_new_record_is_as_old_as_it_says() -> None:
    assert freshness.changed_at(event("candidate.created", changed_fields=[])) == ("poll", AT)


@pytest.mark.parametrize(
    "value",
    [
        event("candidate.created", changed_fields=[], cause="initial"),
        event("candidate.created", changed_fields=[], cause="resync"),
        event(changed_fields=["title"]),  # an old record that is read otherwise now
        event(record={"remote_updated_at": None}),
        event("candidate.deleted", record={"remote_deleted_at": "2026-11-28T16:00:00.000Z"}),
        event(record={"remote_updated_at": "2026-11-28T16:00:00"}),
        b'{"type":"candidate.create.succeeded","data":{"command_id":"1"}}',
        b'{"type":"record.parked","data":{"reason":"unreadable"}}',
        b"\xff",
    ],
)
def test_of_all_else_nothing_is_claimed(value: bytes) -> None:
    assert freshness.changed_at(value) is None
