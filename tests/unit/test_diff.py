"""What a family's entities came to, against what was stored of them."""

from typing import Any

import msgspec
import pytest
from trackerrms_contracts.entities import Model

from bridge.capture import diff
from bridge.capture.diff import EntityChange
from bridge.store.stored_records import Snapshot
from tests.unit.capture_records import EVERY, NOON, differ, family, member, snapshot

OWN = sorted(EVERY - diff.SHARED)
CHANGE: dict[Model, dict[str, Any]] = {
    Model.JOB_POSTING: {"title": "Cook"},
    Model.APPLICATION: {"outcome": "HIRED"},
    Model.USER: {"email": "a@example.org"},
    Model.CANDIDATE: {"title": "Cook"},
    Model.JOB: {"name": "Cook"},
    Model.APPLICATION_STAGE: {"name": "Seen"},
    Model.REJECTION_REASON: {"name": "No"},
    Model.JOB_HIRING_TEAM_MEMBER: {"roles": ("RECRUITER",)},
    Model.CANDIDATE_TAG: {"tag_id": "1" * 24},
    Model.JOB_USER_ROLE_ASSIGNMENT: {"role_id": "1" * 24},
}


def one(model: Model, before: Snapshot | None, parent: str = "jobs:17", **fields: Any) -> list[EntityChange]:
    """The decisions on a family of one member of this model."""
    provisional = fields.pop("provisional", False)
    republish = fields.pop("republish", False)
    made = member(model, provisional=provisional, **fields)
    stored = {} if before is None else {(model, made.remote_id): before}
    live = [] if before is None or before.deleted or before.parent != parent else [before]
    resource, row_id = parent.split(":")
    return differ(republish=republish).families([family(resource, row_id, made)], stored, live)


def test_what_was_never_seen_is_created_at_version_one(subtests: pytest.Subtests) -> None:
    for model in OWN:
        with subtests.test(str(model)):
            (decision,) = one(model, None)
            assert (decision.operation, decision.snapshot.sequence, decision.before) == ("created", 1, None)
            assert decision.snapshot.changed_at == NOON
            assert decision.changed_fields == ()


def test_what_is_as_it_was_comes_to_nothing(subtests: pytest.Subtests) -> None:
    for model in OWN:
        with subtests.test(str(model)):
            assert one(model, snapshot(model)) == []


def test_what_changed_is_updated_and_its_fields_are_named(subtests: pytest.Subtests) -> None:
    for model in OWN:
        with subtests.test(str(model)):
            (decision,) = one(model, snapshot(model, sequence=6), **CHANGE[model])
            assert (decision.operation, decision.snapshot.sequence) == ("updated", 7)
            assert decision.changed_fields == tuple(CHANGE[model])


def test_what_its_record_no_longer_yields_is_deleted(subtests: pytest.Subtests) -> None:
    for model in OWN:
        with subtests.test(str(model)):
            before = snapshot(model, sequence=3, last=b"sealed")
            (decision,) = differ().families([family("jobs", "17")], {}, [before])
            assert (decision.operation, decision.snapshot.sequence, decision.record) == ("deleted", 4, None)
            assert decision.snapshot.deleted
            assert (decision.snapshot.last, decision.before) == (None, before)


@pytest.mark.parametrize("changed", [False, True])
def test_what_comes_back_is_created_with_the_next_version(changed: bool, subtests: pytest.Subtests) -> None:
    for model in OWN:
        with subtests.test(str(model)):
            gone = snapshot(model, sequence=4, deleted=True)
            (decision,) = one(model, gone, **(CHANGE[model] if changed else {}))
            assert (decision.operation, decision.snapshot.sequence) == ("created", 5)
            assert not decision.snapshot.deleted


def test_republishing_creates_again_what_is_as_it_was(subtests: pytest.Subtests) -> None:
    for model in OWN:
        with subtests.test(str(model)):
            (decision,) = one(model, snapshot(model, sequence=2), republish=True)
            assert (decision.operation, decision.snapshot.sequence) == ("created", 3)


def test_a_guess_does_not_replace_better_knowledge() -> None:
    assert one(Model.APPLICATION, snapshot(Model.APPLICATION), outcome="PENDING", provisional=True) == []


def test_a_guess_is_better_than_nothing() -> None:
    (decision,) = one(Model.APPLICATION, None, outcome="PENDING", provisional=True)
    assert decision.operation == "created"


def test_what_moved_to_another_parent_is_not_published_but_remembered() -> None:
    before = snapshot(Model.JOB_POSTING, parent="jobs:9", sequence=2, last=b"sealed")
    (decision,) = one(Model.JOB_POSTING, before, parent="jobs:17")
    assert decision.operation is None
    assert decision.snapshot == msgspec.structs.replace(before, parent="jobs:17")


def test_what_moves_between_two_families_read_together_is_not_deleted() -> None:
    before = snapshot(Model.JOB_POSTING, parent="jobs:9")
    made = member(Model.JOB_POSTING)
    families = [family("jobs", "9"), family("jobs", "17", made)]
    decisions = differ().families(families, {(made.model, made.remote_id): before}, [before])
    assert [d.operation for d in decisions] == [None]


def test_models_that_are_off_are_neither_made_nor_deleted() -> None:
    made, off = member(Model.JOB_POSTING), differ(frozenset({Model.JOB}))
    assert off.families([family("jobs", "17", made)], {}, []) == []
    assert off.families([family("jobs", "17")], {}, [snapshot(Model.JOB_POSTING)]) == []


def test_what_a_family_tells_nothing_of_stays() -> None:
    tie = snapshot(Model.CANDIDATE_TAG, "17:Java", parent="candidates:17")
    quiet = msgspec.structs.replace(family("candidates", "17"), withheld=frozenset({Model.CANDIDATE_TAG}))
    assert differ().families([quiet], {}, [tie]) == []
    (gone,) = differ().families([family("candidates", "17")], {}, [tie])
    assert gone.operation == "deleted"


def test_tags_and_roles_are_left_to_the_second_step() -> None:
    members = [member(Model.TAG), member(Model.ROLE)]
    assert differ().families([family("candidates", "17", *members)], {}, []) == []


@pytest.mark.parametrize(
    ("model", "remote_id", "shared"),
    [
        (Model.CANDIDATE_TAG, "17:C++: modern", "tag:C++: modern"),
        (Model.JOB_USER_ROLE_ASSIGNMENT, "17:5:owner", "role:owner"),
        (Model.JOB_HIRING_TEAM_MEMBER, "17:5", None),
        (Model.CANDIDATE, "17", None),
    ],
)
def test_a_link_says_what_it_keeps_alive(model: Model, remote_id: str, shared: str | None) -> None:
    (decision,) = differ().families([family("x", "17", member(model, remote_id))], {}, [])
    assert decision.snapshot.shared == diff.shared_of(model, remote_id) == shared


# --- tags and roles -----------------------------------------------------------------------------------------

JAVA = (Model.TAG, "Java")
OWNER = (Model.ROLE, "4")


def shared(members: list[Any], before: Snapshot | None, *, used: bool, key: Any = JAVA) -> list[EntityChange]:
    """The decisions on one tag or role that was touched."""
    return differ().shared(members, [key], {} if before is None else {key: before}, lambda _: used)


def test_a_tag_in_use_is_created_once_however_many_carry_it() -> None:
    (decision,) = shared([member(Model.TAG, "Java", name="Java")] * 3, None, used=True)
    assert (decision.operation, decision.snapshot.sequence) == ("created", 1)
    assert (decision.snapshot.parent, decision.snapshot.shared) == ("", None)


def test_a_tag_that_nobody_carries_any_more_is_deleted() -> None:
    (decision,) = shared([], snapshot(Model.TAG, "Java"), used=False)
    assert (decision.operation, decision.snapshot.sequence) == ("deleted", 2)


def test_a_tag_that_others_still_carry_stays() -> None:
    assert shared([], snapshot(Model.TAG, "Java"), used=True) == []


def test_a_tag_that_is_gone_is_not_deleted_again() -> None:
    assert shared([], snapshot(Model.TAG, "Java", deleted=True), used=False) == []
    assert shared([], None, used=False) == []


def test_a_tag_whose_link_is_not_stored_is_not_made() -> None:
    assert shared([member(Model.TAG, "Java")], None, used=False) == []


def test_a_roles_name_is_taken_from_whichever_record_has_it() -> None:
    guess = member(Model.ROLE, remote_label="Owner", provisional=True)
    known = member(Model.ROLE, remote_label="Recruiter")
    for order in ([guess, known], [known, guess]):
        (decision,) = shared(order, None, used=True, key=OWNER)
        assert decision.record == known.record


def test_a_roles_guessed_name_does_not_replace_its_real_one() -> None:
    guess = member(Model.ROLE, remote_label="Owner", provisional=True)
    before = snapshot(Model.ROLE, hash=b"of the real one")
    assert shared([guess], before, used=True, key=OWNER) == []
