"""What records lose, and when it is too much to believe."""

from typing import Any

from trackerrms_contracts.entities import Model

from bridge.capture import losses
from bridge.store.stored_records import LossCount, Snapshot
from tests.unit.capture_records import differ, family, member


def stored(model: Model, remote_id: str, parent: str, **fields: Any) -> Snapshot:
    resource, _, row_id = parent.partition(":")
    made = differ().families([family(resource, row_id, member(model, remote_id, **fields))], {}, [])
    return made[0].snapshot


def test_an_emptied_field_and_a_tag_let_go_of_are_losses_of_their_records() -> None:
    person = stored(Model.CANDIDATE, "17", "candidates:17", title="Cook", company="Acme")
    tie = stored(Model.CANDIDATE_TAG, "17:Java", "candidates:17")
    other = stored(Model.CANDIDATE, "18", "candidates:18", title="Chef")
    live = [person, tie, other]
    now = [
        family("candidates", "17", member(Model.CANDIDATE, "17", company="Acme")),
        family("candidates", "18", member(Model.CANDIDATE, "18", title="Baker")),
    ]
    decisions = differ().families(now, {(s.model, s.remote_id): s for s in live}, live)
    found = losses.losses_of(decisions, live, [])
    assert found.lost == {
        "emptied_field:candidate.title": {"candidates:17"},
        "derived_deletions:candidate_tag": {"candidates:17"},
    }
    assert found.kept["emptied_field:candidate.title"] == {"candidates:18"}


def test_an_owner_who_is_replaced_and_a_reopened_job_lose_nothing() -> None:
    job = stored(Model.JOB, "17", "jobs:17", status="CLOSED", closed_at=None)
    seat = stored(Model.JOB_HIRING_TEAM_MEMBER, "17:5", "jobs:17")
    live = [job, seat]
    now = [
        family(
            "jobs", "17", member(Model.JOB, "17", status="OPEN"), member(Model.JOB_HIRING_TEAM_MEMBER, "17:6")
        )
    ]
    decisions = differ().families(now, {(s.model, s.remote_id): s for s in live}, live)
    assert losses.losses_of(decisions, live, []).lost == {}


def test_nearly_all_of_the_last_that_had_it_is_sudden() -> None:
    table = [(5, 0, False), (6, 0, True), (6, 2, True), (6, 3, False), (30, 2, True), (30, 300, False)]
    for lost, kept, wanted in table:
        assert losses.is_sudden(LossCount(), lost, kept) is wanted, (lost, kept)
    # One by one, with nothing kept between.
    count = LossCount()
    for _ in range(5):
        assert not losses.is_sudden(count, 1, 0)
        count = losses.add_accepted(count, 7, 1, 0)
    assert losses.is_sudden(count, 1, 0)


def test_losses_are_remembered_for_this_hour_and_the_one_before() -> None:
    count = losses.add_accepted(losses.add_accepted(LossCount(), 7, 3, 0), 7, 1, 2)
    assert losses.within_an_hour(count, 7) == 4
    assert losses.within_an_hour(count, 8) == 4
    assert losses.within_an_hour(count, 9) == 0
    assert losses.within_an_hour(losses.add_accepted(count, 8, 2, 0), 8) == 6
