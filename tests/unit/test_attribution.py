"""Whose doing a record's latest state is, as long as the command that did it has not ended."""

from typing import Any

import pytest
from trackerrms_contracts.entities import EmailAddress, Model

from bridge.capture.attribution import Attribution
from bridge.store.attempts import ADDING, CREATING, AttemptProgress
from bridge.store.in_progress import CommandInProgress, ReadByCommand
from bridge.tracker.entity_set import EntityMember, EntitySet
from tests.unit.capture_records import HASHER, IDS, record

ADDRESS = "Ada@Example.org"
SUBJECT = f"address:{HASHER.address(ADDRESS).hex()}"
RESOURCES = {Model.CANDIDATE: "candidates", Model.APPLICATION: "applications", Model.JOB: "jobs"}


def _family(model: Model, remote_id: str = "17", **fields: Any) -> EntitySet:
    member = EntityMember(
        model=model, remote_id=remote_id, parent=remote_id, record=record(model, remote_id, **fields)
    )
    return EntitySet(resource=RESOURCES[model], remote_id=remote_id, members=(member,))


def _candidate(remote_id: str = "17", *mails: str) -> EntitySet:
    held = tuple(EmailAddress(email_address=mail) for mail in mails)
    return _family(Model.CANDIDATE, remote_id, email_addresses=held)


def _application(remote_id: str = "17", **fields: Any) -> EntitySet:
    whose = {"candidate_id": IDS.of(Model.CANDIDATE, "17"), "job_id": IDS.of(Model.JOB, "5")}
    return _family(Model.APPLICATION, remote_id, **(whose | fields))


def _creating(**progress: Any) -> CommandInProgress:
    return _doing(SUBJECT, "candidate.create", job_id=5, progress=AttemptProgress(**progress))


def _doing(subject: str, kind: str, **more: Any) -> CommandInProgress:
    given: dict[str, Any] = {"target": None, "job_id": None, "progress": None} | more
    return CommandInProgress(command_id="cmd", type=kind, subject=subject, **given)


def _whose(family: EntitySet, *doing: CommandInProgress, told: tuple[ReadByCommand, ...] = ()) -> str | None:
    return Attribution("acme", HASHER, doing, told).of(family)


def test_without_commands_nothing_is_anybodys() -> None:
    assert not Attribution("acme", HASHER, [], [])
    assert _whose(_candidate()) is None


def test_what_a_command_that_ended_wants_read_is_its_doing() -> None:
    told = (ReadByCommand(command_id="cmd", resource="applications", row_id=17),)
    assert _whose(_application(), told=told) == "cmd"
    assert _whose(_application("18"), told=told) is None
    assert _whose(_candidate(), told=told) is None


@pytest.mark.parametrize(("mail", "whose"), [(" ada@example.ORG", "cmd"), ("bob@example.org", None)])
def test_a_candidate_whose_call_is_out_is_known_by_the_address(mail: str, whose: str | None) -> None:
    assert _whose(_candidate("17", "other@example.org", mail), _creating(started=CREATING)) == whose


def test_a_candidate_that_a_call_is_not_out_for_is_somebody_elses() -> None:
    assert _whose(_candidate("17", ADDRESS), _creating()) is None
    assert _whose(_candidate("17", ADDRESS), _doing(SUBJECT, "candidate.create")) is None


def test_a_candidate_that_the_command_works_on_is_known_by_its_id() -> None:
    assert _whose(_candidate("17"), _creating(candidate="17")) == "cmd"
    assert _whose(_candidate("18", ADDRESS), _creating(candidate="17")) is None


def test_an_application_whose_call_is_out_is_known_by_candidate_and_job() -> None:
    adding = _creating(candidate="17", started=ADDING)
    assert _whose(_application(), adding) == "cmd"
    assert _whose(_application(job_id=IDS.of(Model.JOB, "6")), adding) is None
    assert _whose(_application(), _creating(candidate="17")) is None


def test_an_application_that_the_command_works_on_is_known_by_its_id() -> None:
    assert _whose(_application("9"), _creating(candidate="17", application="9")) == "cmd"


def test_a_move_is_known_by_the_stage_it_sets() -> None:
    stage = IDS.of(Model.APPLICATION_STAGE, "5")
    moving = _doing(
        f"application:{IDS.of(Model.APPLICATION, '17')}", "application.move_to_stage", target=stage
    )
    assert _whose(_application(current_stage_id=stage), moving) == "cmd"
    assert _whose(_application(current_stage_id=IDS.of(Model.APPLICATION_STAGE, "4")), moving) is None
    assert _whose(_application("18", current_stage_id=stage), moving) is None


def test_of_two_moves_each_is_known_by_its_own_stage() -> None:
    stages = [IDS.of(Model.APPLICATION_STAGE, number) for number in ("4", "5")]
    subject = f"application:{IDS.of(Model.APPLICATION, '17')}"
    first, second = (_doing(subject, "application.move_to_stage", target=stage) for stage in stages)
    found = Attribution(
        "acme", HASHER, [first, CommandInProgress(**_fields(second) | {"command_id": "second"})], []
    )
    assert [found.of(_application(current_stage_id=stage)) for stage in stages] == ["cmd", "second"]


def _fields(doing: CommandInProgress) -> dict[str, Any]:
    return {name: getattr(doing, name) for name in doing.__struct_fields__}


@pytest.mark.parametrize(("outcome", "whose"), [("DECLINED", "cmd"), ("PENDING", None)])
def test_a_rejection_is_known_by_the_outcome(outcome: str, whose: str | None) -> None:
    rejecting = _doing(f"application:{IDS.of(Model.APPLICATION, '17')}", "application.reject")
    assert _whose(_application(outcome=outcome), rejecting) == whose


def test_a_job_is_no_commands_doing() -> None:
    told = (ReadByCommand(command_id="cmd", resource="candidates", row_id=17),)
    assert _whose(_family(Model.JOB), told=told) is None
