"""Whatever TrackerRMS's records become, the decisions, materialised, are the truth; versions have no gap."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from trackerrms_contracts import codec
from trackerrms_contracts.entities import STRUCTS, Entity, Model

from bridge.capture import diff
from bridge.capture.diff import Differ, EntityChange, EntityKey
from bridge.store.stored_records import Snapshot
from bridge.tracker.entity_set import EntityMember, EntitySet
from tests.unit.capture_records import EVERY, HASHER, NOON, family, member

Row = tuple[str, str]  # (resource, row id)
names = st.sampled_from([None, "a", "b"])


def user(row: str, name: str | None) -> EntitySet:
    return family("users", row, member(Model.USER, row, last_name=name))


def status(row: str, name: str | None, rejects: bool) -> EntitySet:
    reason = [member(Model.REJECTION_REASON, row, name=name)] if rejects else []
    return family("statuses", row, member(Model.APPLICATION_STAGE, row, name=name), *reason)


def application(row: str, outcome: Any) -> EntitySet:
    return family("applications", row, member(Model.APPLICATION, row, outcome=outcome))


def candidate(row: str, name: str | None, tags: set[str]) -> EntitySet:
    ties = [member(Model.CANDIDATE_TAG, f"{row}:{tag}") for tag in sorted(tags)]
    shared = [member(Model.TAG, tag, name=tag) for tag in sorted(tags)]
    return family("candidates", row, member(Model.CANDIDATE, row, last_name=name), *ties, *shared)


def job(row: str, name: str | None, advertised: bool, owners: set[tuple[str, str]]) -> EntitySet:
    members = [member(Model.JOB, row, name=name)]
    if advertised:
        members.append(member(Model.JOB_POSTING, row, title=name))
    people = sorted({person for person, _ in owners})
    members += [member(Model.JOB_HIRING_TEAM_MEMBER, f"{row}:{person}") for person in people]
    for person, role in sorted(owners):
        members.append(member(Model.JOB_USER_ROLE_ASSIGNMENT, f"{row}:{person}:{role}"))
        members.append(member(Model.ROLE, role, remote_label=f"Role {role}"))
    return family("jobs", row, *members)


rows = st.sampled_from(["1", "2"])
tags = st.sets(st.sampled_from(["Java", "C: a"]))
owners = st.sets(st.tuples(st.sampled_from("56"), st.sampled_from(["owner", "4"])))
families = st.one_of(
    st.builds(user, rows, names),
    st.builds(status, rows, names, st.booleans()),
    st.builds(application, rows, st.sampled_from(["PENDING", "HIRED"])),
    st.builds(candidate, rows, names, tags),
    st.builds(job, rows, names, st.booleans(), owners),
)
gone = st.tuples(st.sampled_from(["users", "statuses", "applications", "candidates", "jobs"]), rows)
histories = st.lists(st.lists(families, min_size=1, max_size=3) | gone, max_size=12)


class World:
    """The reference: what exists by what was read last of each record, without versions or hashes."""

    def __init__(self) -> None:
        self._families: dict[Row, EntitySet] = {}

    def read(self, batch: Sequence[EntitySet]) -> None:
        self._families |= {(f.resource, f.remote_id): f for f in batch}

    def remove(self, row: Row) -> None:
        self._families.pop(row, None)

    def truth(self) -> dict[EntityKey, Entity]:
        members = [m for f in self._families.values() for m in f.members]
        return {(m.model, m.remote_id): m.record for m in members}


class Bridge:
    """The decisions applied: the snapshots as the store keeps them, the topics as a consumer does."""

    def __init__(self) -> None:
        self._snapshots: dict[EntityKey, Snapshot] = {}
        self.topics: dict[EntityKey, Entity] = {}
        self.published: list[EntityChange] = []

    def read(self, batch: Sequence[EntitySet]) -> None:
        last = list({(f.resource, f.remote_id): f for f in batch}.values())
        differ = Differ(HASHER, NOON, EVERY)
        parents = {diff.parent_of(f.resource, f.remote_id) for f in last}
        own = differ.families(last, self._snapshots, self._live(parents))
        self._settle(differ, [m for f in last for m in f.members if m.model in diff.SHARED], own)

    def remove(self, row: Row) -> None:
        differ = Differ(HASHER, NOON, EVERY)
        self._settle(differ, [], [differ.deleted(s) for s in self._live({diff.parent_of(*row)})])

    def _live(self, parents: set[str]) -> list[Snapshot]:
        return [s for s in self._snapshots.values() if s.parent in parents and not s.deleted]

    def _settle(self, differ: Differ, shared: list[EntityMember], own: list[EntityChange]) -> None:
        self._apply(own)
        let_go = {d.snapshot.shared for d in own if d.operation == "deleted" and d.snapshot.shared}
        touched = {(m.model, m.remote_id) for m in shared}
        touched |= {(Model(name.partition(":")[0]), name.partition(":")[2]) for name in let_go}
        used = {s.shared for s in self._snapshots.values() if not s.deleted}
        known = sorted(touched)
        self._apply(differ.shared(shared, known, self._snapshots, lambda k: diff.shared_key(*k) in used))

    def _apply(self, decisions: list[EntityChange]) -> None:
        for decision in decisions:
            key = (decision.snapshot.model, decision.snapshot.remote_id)
            self._snapshots[key] = decision.snapshot
            self.published.append(decision)
            if decision.record is None:
                del self.topics[key]
            else:
                self.topics[key] = decision.record


def lived(history: list[Any]) -> tuple[World, Bridge]:
    world, bridge = World(), Bridge()
    for step in history:
        if isinstance(step, tuple):
            world.remove(step)
            bridge.remove(step)
        else:
            world.read(step)
            bridge.read(step)
        assert bridge.topics == world.truth()
    return world, bridge


@settings(max_examples=60, deadline=None)
@given(histories)
def test_after_every_step_the_topics_are_the_truth(history: list[Any]) -> None:
    _, bridge = lived(history)
    versions: dict[EntityKey, list[int]] = {}
    for decision in bridge.published:
        key = (decision.snapshot.model, decision.snapshot.remote_id)
        versions.setdefault(key, []).append(decision.snapshot.sequence)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


@settings(max_examples=60, deadline=None)
@given(histories)
def test_every_update_names_exactly_what_differs(history: list[Any]) -> None:
    _, bridge = lived(history)
    before: dict[EntityKey, Entity | None] = {}
    for decision in bridge.published:
        key = (decision.snapshot.model, decision.snapshot.remote_id)
        if decision.operation == "updated":
            fields = codec.field_names(STRUCTS[key[0]])
            differ = [n for n in fields if getattr(before[key], n) != getattr(decision.record, n)]
            assert list(decision.changed_fields) == differ != []
        before[key] = decision.record


@settings(max_examples=25, deadline=None)
@given(histories)
def test_reading_everything_again_publishes_nothing(history: list[Any]) -> None:
    world, bridge = lived(history)
    count = len(bridge.published)
    bridge.read(list(world._families.values()))
    assert len(bridge.published) == count


def test_the_histories_can_hold_every_model() -> None:
    whole = [
        user("1", "a"),
        status("1", "a", True),
        application("1", "HIRED"),
        candidate("1", "a", {"Java"}),
        job("1", "a", True, {("5", "4")}),
    ]
    _, bridge = lived([whole])
    assert {model for model, _ in bridge.topics} == EVERY
