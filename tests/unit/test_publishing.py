"""What decisions look like on the wire: events, kept values, identifiers of the deleted, dead letters."""

import base64
from typing import Any

import msgspec
import pytest
from trackerrms_contracts import codec, ids
from trackerrms_contracts.entities import STRUCTS, Entity, Model
from trackerrms_contracts.events import Event

from bridge.capture.diff import EntityChange
from bridge.capture.event_builder import EventBuilder, Identity, identifiers
from bridge.config import Secret
from bridge.sealing import Sealer
from bridge.store.outbox import OutboxRow
from bridge.store.stored_records import Snapshot
from tests.contracts import engines
from tests.unit.capture_records import IDS, NOON, REMOTE_IDS, differ, family, member, record, snapshot

SEALER = Sealer(Secret(base64.b64encode(b"k" * 32).decode()))
IDENTITY = Identity(integration_id="acme", topic_prefix="ats")


def publisher(*, keep_values: bool = False, max_message_bytes: int = 1_000_000) -> EventBuilder:
    return EventBuilder(IDENTITY, SEALER, keep_values=keep_values, max_message_bytes=max_message_bytes)


def created(entity: Entity, model: Model) -> EntityChange:
    """The decision on a record that was never seen."""
    return EntityChange(operation="created", snapshot=snapshot(model), before=None, record=entity)


def candidate(before: Snapshot | None, **fields: Any) -> EntityChange:
    """The decision on candidate 17 as just read."""
    made = member(Model.CANDIDATE, **fields)
    stored = {} if before is None else {(made.model, made.remote_id): before}
    return differ().families([family("candidates", "17", made)], stored, [])[0]


def published(row: OutboxRow | None) -> Event[Any]:
    """The event of an outbox row."""
    assert row is not None
    assert row.value is not None
    return codec.decode_event(row.value)


def test_an_event_is_what_the_contract_says(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            event = published(publisher().event(created(record(model), model), "initial"))
            assert event.type == f"{model}.created"
            assert event.id == ids.event_id(event.subject, 1)
            assert (event.sequence, event.data.cause) == ("0000000001", "initial")
            message = msgspec.json.decode(codec.encode(event))
            assert engines.verdicts(engines.event_schema(model), message) == (True, True)


def test_an_event_goes_to_its_models_topic_under_its_entitys_id() -> None:
    row = publisher().event(candidate(None, first_name="Ada"), "poll")
    event = published(row)
    assert row is not None
    assert (row.topic, row.key) == ("ats.candidates.v1", event.subject.encode())
    assert dict(row.headers)["ce_id"] == event.id.encode()
    assert (event.source, event.integrationid, event.time) == ("trackerrms/acme", "acme", NOON)
    assert event.data.record.changed_at == NOON


def test_the_same_decision_makes_the_same_bytes() -> None:
    decision = candidate(None, first_name="Ada")
    assert publisher().event(decision, "poll") == publisher().event(decision, "poll")


def test_a_commands_event_names_the_command() -> None:
    event = published(publisher().event(candidate(None), "command", "order-4711"))
    assert (event.data.cause, event.data.command_id) == ("command", "order-4711")


def test_a_decision_with_nothing_to_publish_is_a_bug() -> None:
    moved = EntityChange(
        operation=None, snapshot=snapshot(Model.USER), before=None, record=record(Model.USER)
    )
    with pytest.raises(ValueError, match="nothing to publish"):
        publisher().event(moved, "poll")


# --- the deleted --------------------------------------------------------------------------------------------


def test_identifiers_are_those_of_the_living_record(subtests: pytest.Subtests) -> None:
    for model, struct in STRUCTS.items():
        with subtests.test(str(model)):
            alive, left = record(model), identifiers("acme", model, REMOTE_IDS[model], NOON)
            names = [n for n in struct.__struct_fields__ if n in ("id", "remote_id") or getattr(alive, n)]
            assert {n: getattr(left, n) for n in names} == {n: getattr(alive, n) for n in names}
            assert left.changed_at == left.remote_deleted_at == NOON


def test_a_deletion_says_who_and_when_and_nothing_else(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            event = published(publisher().event(differ().deleted(snapshot(model)), "sweep"))
            assert event.type == f"{model}.deleted"
            assert event.data.record == identifiers("acme", model, REMOTE_IDS[model], NOON)
            message = msgspec.json.decode(codec.encode(event))
            assert engines.verdicts(engines.event_schema(model), message) == (True, True)


def test_a_deletion_carries_the_last_record_where_values_are_kept() -> None:
    keeping = publisher(keep_values=True)
    kept = keeping.kept(candidate(None, first_name="Ada"))
    event = published(keeping.event(differ().deleted(kept), "sweep"))
    assert event.data.record.first_name == "Ada"
    assert event.data.record.remote_deleted_at == event.data.record.changed_at == NOON


def test_what_is_deleted_is_kept_no_longer() -> None:
    keeping = publisher(keep_values=True)
    gone = differ().deleted(keeping.kept(candidate(None, first_name="Ada")))
    assert keeping.kept(gone).last is None


# --- kept values --------------------------------------------------------------------------------------------


def test_kept_values_come_back_as_they_were(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            keeping, entity = publisher(keep_values=True), record(model)
            kept = keeping.kept(created(entity, model))
            event = published(keeping.event(differ().deleted(kept), "sweep"))
            remembered = msgspec.structs.replace(entity, changed_at=NOON, remote_deleted_at=NOON)
            assert event.data.record == remembered


def test_an_update_tells_the_old_values_of_what_changed() -> None:
    keeping = publisher(keep_values=True)
    kept = keeping.kept(candidate(None, first_name="Ada", title="Cook"))
    event = published(keeping.event(candidate(kept, first_name="Ada", title="Chef"), "poll"))
    assert event.data.changed_fields == ("title",)
    assert event.data.previous == {"title": "Cook"}


@pytest.mark.parametrize("keep_values", [False, True])
def test_without_a_kept_record_there_are_no_old_values(keep_values: bool) -> None:
    event = published(
        publisher(keep_values=keep_values).event(candidate(snapshot(Model.CANDIDATE), title="Chef"), "poll")
    )
    assert event.data.previous is msgspec.UNSET


def test_values_kept_once_are_not_told_where_they_are_no_longer_to_be() -> None:
    kept = publisher(keep_values=True).kept(candidate(None, title="Cook"))
    event = published(publisher().event(candidate(kept, title="Chef"), "poll"))
    assert event.data.previous is msgspec.UNSET


def test_nothing_is_kept_unless_asked() -> None:
    assert publisher().kept(candidate(None, first_name="Ada")).last is None


def test_what_is_kept_cannot_be_read_without_the_key() -> None:
    last = publisher(keep_values=True).kept(candidate(None, first_name="Adelheid")).last
    assert last is not None
    assert b"Adelheid" not in last


# --- too large ----------------------------------------------------------------------------------------------


def test_a_record_larger_than_kafka_takes_makes_no_event() -> None:
    assert publisher(max_message_bytes=2_000).event(candidate(None, title="x" * 2_000), "poll") is None


def test_an_event_is_published_up_to_the_limit_with_some_room_for_what_kafka_adds() -> None:
    decision = candidate(None, title="x" * 2_000)
    row = publisher().event(decision, "poll")
    assert row is not None
    size = len(row.value or b"")
    assert publisher(max_message_bytes=size + 2_000).event(decision, "poll") == row
    assert publisher(max_message_bytes=size + 100).event(decision, "poll") is None


def test_old_values_are_left_out_rather_than_the_event() -> None:
    keeping = publisher(keep_values=True, max_message_bytes=4_500)
    kept = keeping.kept(candidate(None, title="x" * 2_000))
    event = published(keeping.event(candidate(kept, title="y" * 2_000), "poll"))
    assert event.data.record.title == "y" * 2_000
    assert event.data.previous is msgspec.UNSET


def test_a_deletion_is_published_whatever_its_last_values_weigh() -> None:
    kept = publisher(keep_values=True).kept(candidate(None, title="x" * 2_000))
    small = publisher(keep_values=True, max_message_bytes=2_000)
    event = published(small.event(differ().deleted(kept), "sweep"))
    assert event.data.record == identifiers("acme", Model.CANDIDATE, "17", NOON)


# --- dead letters -------------------------------------------------------------------------------------------


def test_a_dead_letter_says_where_the_record_is_and_why_it_was_parked() -> None:
    row = publisher().dead_letter(
        "jobs", 17, "Opportunity 17: dateOpened is no date", "/api/v1/Opportunity/17", NOON
    )
    letter = msgspec.json.decode(row.value or b"")
    assert engines.verdicts("dead-letter.v1.json", letter) == (True, True)
    assert (row.topic, row.key, letter["subject"]) == ("ats.dead-letter.v1", b"acme:jobs:17", "jobs:17")
    assert letter["data"] == {
        "kind": "record",
        "reason": "Opportunity 17: dateOpened is no date",
        "resource": "jobs",
        "remote_id": "17",
        "path": "/api/v1/Opportunity/17",
    }


def test_a_row_without_an_id_has_a_dead_letter_too() -> None:
    letter = msgspec.json.decode(
        publisher().dead_letter("jobs", None, "no id", "list#row=3", NOON).value or b""
    )
    assert (letter["subject"], letter["data"]["remote_id"]) == ("jobs:?", None)


def test_the_source_names_the_integration() -> None:
    assert IDENTITY.source == f"trackerrms/{IDS.integration_id}"
