"""Whatever TrackerRMS sends is made unified or refused as Permanent; nothing else comes out."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Permanent
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer
from tests.unit.tracker_records import application_row, candidate_detail, job_detail, job_row, normalizer

any_text = st.text(st.characters(exclude_categories=()), max_size=30)
TRAPS: list[Any] = [
    "Jo\ud83d", "a\0b,c", "", " ", "y", "£40,000", "1" * 5000, "a@b.co", "2026-10-25T01:30:00",
    "9999-12-31T23:59:59", "0001-01-01T00:00:00", None, True, 0, -1, 7, 1.5, 10**400, float("nan"),
    float("inf"), [], {}, [None], [{}], ["x"], {"name": "x"}, {"name": ["x"]},
]  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text, st.sampled_from(TRAPS))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
KEEPING = normalizer("America/New_York", keep_remote_data=True)


def places(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where a record's values stand: at the top and one level down."""
    nested = [(k, n) for k, v in record.items() if isinstance(v, dict) for n in v]
    return [*((k,) for k in record), *nested]


def spoiled(record: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The record with a few of its values replaced by anything."""
    changes = st.dictionaries(st.sampled_from(places(record)), anything, min_size=1, max_size=3)
    return changes.map(lambda new: _replace(record, new))


def _replace(record: dict[str, Any], changes: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    changed = {key: dict(value) if isinstance(value, dict) else value for key, value in record.items()}
    for place, value in changes.items():
        inner = changed.get(place[0])
        if len(place) == 2 and isinstance(inner, dict):
            inner[place[1]] = value
        else:
            changed[place[0]] = value
    return changed


def encodes_or_refuses(normalize: Callable[[Normalizer], EntitySet]) -> None:
    try:
        family = normalize(KEEPING)
    except Permanent:
        return
    for member in family.members:
        encoded = msgspec.json.encode(member.record)
        msgspec.json.decode(encoded, type=type(member.record))
        assert "\0" not in member.remote_id


@settings(max_examples=30, deadline=None)
@given(spoiled(job_row()), spoiled(job_detail()), st.sampled_from(["open", "closed", None]))
def test_any_job(row: dict[str, Any], detail: dict[str, Any], state: str | None) -> None:
    encodes_or_refuses(lambda n: n.job(row, detail, state))


@settings(max_examples=30, deadline=None)
@given(spoiled(candidate_detail()))
def test_any_candidate(detail: dict[str, Any]) -> None:
    encodes_or_refuses(lambda n: n.candidate(None, detail))


@settings(max_examples=30, deadline=None)
@given(spoiled(application_row()))
def test_any_application(row: dict[str, Any]) -> None:
    encodes_or_refuses(lambda n: n.application(row, {}))


@settings(max_examples=30, deadline=None)
@given(anything, anything)
def test_what_is_no_record_at_all(row: Any, detail: Any) -> None:
    encodes_or_refuses(lambda n: n.candidate(row, detail))
    encodes_or_refuses(lambda n: n.user(row))
    encodes_or_refuses(lambda n: n.status(row, 0))


def test_a_record_nested_beyond_reason_is_refused() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    encodes_or_refuses(lambda n: n.candidate(None, candidate_detail(deep=deep)))


JOB_ROW, JOB_DETAIL = job_row(), job_detail()
CANDIDATE, APPLICATION = candidate_detail(), application_row()
RECORDS: list[tuple[dict[str, Any], Callable[[Normalizer, dict[str, Any]], EntitySet]]] = [
    (JOB_ROW, lambda n, spoilt: n.job(spoilt, JOB_DETAIL, "open")),
    (JOB_DETAIL, lambda n, spoilt: n.job(JOB_ROW, spoilt, "open")),
    (CANDIDATE, lambda n, spoilt: n.candidate(None, spoilt)),
    (APPLICATION, lambda n, spoilt: n.application(spoilt, {})),
]


@pytest.mark.parametrize(("record", "normalize"), RECORDS, ids=["job row", "job", "candidate", "application"])
def test_every_trap_at_every_place(record: dict[str, Any], normalize: Any) -> None:
    for place, trap in itertools.product(places(record), TRAPS):
        spoilt = _replace(record, {place: trap})
        encodes_or_refuses(partial(normalize, spoilt=spoilt))
