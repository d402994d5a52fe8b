"""Publishing again: what was published before the scan is created once more; better knowledge stays."""

from datetime import timedelta

import pytest
from trackerrms_contracts.entities import Model

from bridge.capture.diff import Differ
from tests.unit.capture_records import EVERY, HASHER, NOON, family, member, snapshot

AGAIN = Differ(HASHER, NOON, EVERY, republish=NOON - timedelta(minutes=1))


@pytest.mark.parametrize(("minutes", "operations"), [(2, ["created"]), (1, []), (0, [])])
def test_a_shared_tag_is_created_again_once_in_a_scan(minutes: int, operations: list[str]) -> None:
    before = snapshot(Model.TAG, changed_at=NOON - timedelta(minutes=minutes))
    tag = member(Model.TAG)
    key = (tag.model, tag.remote_id)
    decisions = AGAIN.shared([tag], [key], {key: before}, lambda _: True)
    assert [decision.operation for decision in decisions] == operations


def test_a_provisional_record_does_not_replace_better_knowledge() -> None:
    before = snapshot(Model.APPLICATION, parent="applications:17")
    guess = member(Model.APPLICATION, provisional=True, outcome="HIRED")
    stored = {(before.model, before.remote_id): before}
    assert AGAIN.families([family("applications", "17", guess)], stored, [before]) == []


def test_a_provisional_record_that_is_as_it_was_is_created_again() -> None:
    before = snapshot(Model.APPLICATION, parent="applications:17")
    same = member(Model.APPLICATION, provisional=True)
    stored = {(before.model, before.remote_id): before}
    (decision,) = AGAIN.families([family("applications", "17", same)], stored, [before])
    assert decision.operation == "created"
