"""Examples of each kind of message on Kafka, for the AsyncAPI document and its page.

The people and the account, ``acme``, are fictitious. Messages of the bridge are built from its structs and
encoded by ``codec``, with the same keys and headers as the bridge's. A plain value is the example of its
field in ``entities.py``; ids, dates and nested objects are defined here.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from trackerrms_contracts import codec, commands, dead_letters, entities, events, ids, topics
from trackerrms_contracts.entities import Entity, Model
from trackerrms_contracts.events import Change, Event, Operation

from tools import field_docs

INTEGRATION = "acme"
SOURCE = f"trackerrms/{INTEGRATION}"
_NOW = datetime(2026, 11, 24, 9, 30, 12, 345000, UTC)
_OPENED = datetime(2026, 11, 2, 8, tzinfo=UTC)


class Example(Struct, frozen=True, kw_only=True):
    """A message: its key, headers and value as sent, and the name of the example."""

    name: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def _id(model: Model, remote_id: str) -> str:
    return ids.entity_id(INTEGRATION, model, remote_id)


def _records() -> Iterator[Entity]:
    def of(model: Model, remote_id: str) -> dict[str, Any]:
        documented = field_docs.read_examples(entities.STRUCTS[model])
        return {"id": _id(model, remote_id), "changed_at": _NOW, **documented}

    dated: dict[str, Any] = {"remote_created_at": _OPENED, "remote_updated_at": _NOW.replace(microsecond=0)}
    user, job, candidate = _id(Model.USER, "21"), _id(Model.JOB, "1001"), _id(Model.CANDIDATE, "131")
    yield entities.User(
        **of(Model.USER, "21"),
        remote_id="21",
    )
    yield entities.Job(
        **of(Model.JOB, "1001"),
        **dated,
        remote_id="1001",
        location=entities.Location(city="Leeds", raw="Leeds"),
        opened_at=_OPENED,
    )
    yield entities.JobPosting(
        **of(Model.JOB_POSTING, "1001"),
        **dated,
        remote_id="1001",
        job_id=job,
    )
    yield entities.Candidate(
        **of(Model.CANDIDATE, "131"),
        **dated,
        remote_id="131",
        phone_numbers=(entities.PhoneNumber(phone_number="+44 7700 900123", type="MOBILE"),),
        email_addresses=(entities.EmailAddress(email_address="grace@example.org"),),
        location=entities.Location(city="Leeds", country="GB", raw="Leeds, LS1 4AP, GB", zip_code="LS1 4AP"),
    )
    yield entities.ApplicationStage(**of(Model.APPLICATION_STAGE, "2"), remote_id="2")
    yield entities.Application(
        **of(Model.APPLICATION, "521"),
        remote_id="521",
        current_stage_id=_id(Model.APPLICATION_STAGE, "2"),
        job_id=job,
        candidate_id=candidate,
        remote_created_at=_OPENED,
    )
    yield entities.Tag(**of(Model.TAG, "radio"), remote_id="radio")
    yield entities.RejectionReason(**of(Model.REJECTION_REASON, "11"), remote_id="11")
    yield entities.Role(
        **of(Model.ROLE, "7"),
        remote_id="7",
    )
    yield entities.CandidateTag(
        **of(Model.CANDIDATE_TAG, "131:radio"), candidate_id=candidate, tag_id=_id(Model.TAG, "radio")
    )
    member = _id(Model.JOB_HIRING_TEAM_MEMBER, "1001:21")
    yield entities.JobUserRoleAssignment(
        **of(Model.JOB_USER_ROLE_ASSIGNMENT, "1001:21:7"), job_user_id=member, role_id=_id(Model.ROLE, "7")
    )
    yield entities.JobHiringTeamMember(
        **of(Model.JOB_HIRING_TEAM_MEMBER, "1001:21"), job_id=job, user_id=user, roles=("RECRUITER",)
    )


RECORDS: dict[Model, Entity] = {
    next(model for model, kind in entities.STRUCTS.items() if type(record) is kind): record
    for record in _records()
}
# Changes of an update, for each model that has updates; the others are only created and deleted.
_CHANGED: dict[Model, tuple[tuple[str, ...], dict[str, Any]]] = {
    Model.CANDIDATE: (("title", "remote_updated_at"), {"title": "Radio Engineer"}),
    Model.APPLICATION: (("current_stage_id",), {}),
    Model.JOB: (("salary_amount_to", "remote_updated_at"), {}),
}

# The fields of a deleted record whose values are not kept, besides its own id.
_IDENTIFIERS: dict[Model, tuple[str, ...]] = {
    Model.JOB_POSTING: ("remote_id", "job_id"),
    Model.CANDIDATE_TAG: ("candidate_id", "tag_id"),
    Model.JOB_USER_ROLE_ASSIGNMENT: ("job_user_id", "role_id"),
    Model.JOB_HIRING_TEAM_MEMBER: ("job_id", "user_id"),
}


def of_events(model: Model) -> list[Example]:
    """Return the events of a model: created, updated if the model has updates, and deleted."""
    record = RECORDS[model]
    made = [_event(model, "created", 1, Change(record=record, cause="initial"))]
    if model in _CHANGED:
        changed, previous = _CHANGED[model]
        by_command = model is Model.APPLICATION
        made.append(
            _event(
                model,
                "updated",
                2,
                Change(
                    record=record,
                    changed_fields=changed,
                    cause="command" if by_command else "poll",
                    command_id="agency-app-89" if by_command else UNSET,
                    previous=previous | {"remote_updated_at": _OPENED} if previous else UNSET,
                ),
            )
        )
    made.append(_event(model, "deleted", len(made) + 1, Change(record=_gone(model, record), cause="sweep")))
    return made


def _gone(model: Model, record: Entity) -> Entity:
    names = ("id", "changed_at", *_IDENTIFIERS.get(model, ("remote_id",)))
    known = {name: getattr(record, name) for name in names}
    return entities.STRUCTS[model](**known, remote_deleted_at=_NOW)


def _event(model: Model, operation: Operation, sequence: int, change: Change[Entity]) -> Example:
    subject, kind = change.record.id, events.event_type(model, operation)
    event = Event(
        id=ids.event_id(subject, sequence),
        source=SOURCE,
        type=kind,
        subject=subject,
        time=_NOW,
        dataschema=events.data_schema(model),
        integrationid=INTEGRATION,
        sequence=ids.format_sequence(sequence),
        data=change,
    )
    return _sent(kind, subject, event.id, kind, event)


def _sent(name: str, key: str, message_id: str, kind: str, message: Struct) -> Example:
    headers = events.headers(message_id, kind, INTEGRATION)
    return Example(name=name, key=key.encode(), headers=headers, value=codec.encode(message))


_PERSON = {"first_name": "Grace", "last_name": "Example", "email_address": "grace@example.org"}
_ASKED: dict[commands.CommandType, tuple[str, str, dict[str, Any]]] = {
    "candidate.create": (
        "careers-page-20931",
        "grace@example.org",
        {
            "candidate": {**_PERSON, "phone_number": "+44 7700 900123"},
            "application": {"job_id": "remote:1001"},
            "attachments": [
                {"name": "CV.txt", "type": "CV", "content_type": "text/plain", "data": "R3JhY2U="}
            ],
        },
    ),
    "application.create": (
        "agency-app-88",
        "grace@example.org",
        {"candidate": _PERSON, "job_id": "remote:1002"},
    ),
    "application.move_to_stage": (
        "agency-app-89",
        "remote:521",
        {"application_id": "remote:521", "stage_id": _id(Model.APPLICATION_STAGE, "2")},
    ),
    "application.reject": (
        "agency-app-90",
        "remote:521",
        {"application_id": "remote:521", "rejection_reason_id": "remote:11", "note": "Somebody signed"},
    ),
    "passthrough.request": (
        "agency-app-91",
        "reports",
        {"method": "GET", "path": "/api/v1/Resource/131/Documents"},
    ),
}


def of_command(kind: commands.CommandType) -> Example:
    """Return a command as a caller would write it, without optional fields and headers."""
    if kind not in _ASKED:
        raise LookupError(f"tools/examples.py: give an example of {kind} in _ASKED")
    command_id, key, data = _ASKED[kind]
    envelope = {"specversion": "1.0", "id": command_id, "source": "agency-app", "type": kind}
    value = msgspec.json.encode({**envelope, "integrationid": INTEGRATION, "data": data})
    codec.decode_command(value)
    return Example(name=kind, key=key.encode(), headers=(), value=value)


def of_results() -> list[Example]:
    """Return a result of each ending."""
    return [
        _result("application.move_to_stage.succeeded", "agency-app-89", result={}),
        _result(
            "application.reject.failed",
            "agency-app-90",
            error=commands.Failure(
                code="PLATFORM.INPUT_INVALID",
                title="The command's input is not valid.",
                message="application_id: TrackerRMS has no application 9999",
                retryable=False,
            ),
        ),
        _result(
            "passthrough.request.unknown",
            "agency-app-91",
            error=commands.Failure(
                code="REMOTE.UNKNOWN_HTTP_ERROR",
                title="TrackerRMS gave an answer that the bridge does not understand.",
                message="the request was sent and its answer was lost: check whether it took effect",
                retryable=False,
            ),
        ),
    ]


def _result(kind: str, command_id: str, **outcome: Any) -> Example:
    result = commands.Result(
        id=ids.result_id(INTEGRATION, command_id),
        source=SOURCE,
        type=kind,
        subject=command_id,
        time=_NOW,
        dataschema=commands.DATA_SCHEMA,
        integrationid=INTEGRATION,
        data=commands.Outcome(command_id=command_id, **outcome),
    )
    return _sent(kind, command_id, result.id, kind, result)


def of_dead_letters() -> list[Example]:
    """Return a dead letter of each kind."""
    place = f"{topics.commands()}/3/20931"
    parked = dead_letters.ParkedRecord(
        reason="candidate 131: firstname is a list, expected text",
        resource="candidates",
        remote_id="131",
        path="/api/v1/Resource/131",
    )
    refused = dead_letters.RefusedMessage(
        reason="PLATFORM.INPUT_INVALID: the message is empty; a command is a CloudEvent in JSON",
        topic=topics.commands(),
        partition=3,
        offset=20931,
    )
    return [
        _letter("record.parked", "candidates:131", f"{INTEGRATION}:candidates:131", parked),
        _letter("command.refused", place, place, refused),
    ]


def _letter(kind: Any, subject: str, key: str, data: Any) -> Example:
    letter = dead_letters.DeadLetter(
        id=ids.dead_letter_id(INTEGRATION, subject, data.reason, ""),
        source=SOURCE,
        type=kind,
        subject=subject,
        time=_NOW + timedelta(seconds=1),
        integrationid=INTEGRATION,
        data=data,
    )
    return _sent(kind, key, letter.id, kind, letter)


def everything() -> Iterable[Example]:
    """Yield every example."""
    for model in Model:
        yield from of_events(model)
    for kind in commands.INPUTS:
        yield of_command(kind)
    yield from of_results()
    yield from of_dead_letters()
