"""Results of commands: the envelope, and the data in the form of Kombo's answers. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from trackerrms_contracts import codec, commands, events, ids, topics
from trackerrms_contracts.commands import Failure, Notice
from trackerrms_contracts.entities import Application, Candidate, Tag

from bridge.clock import utc_now, whole_milliseconds
from bridge.store.outbox import OutboxRow


class Done(Struct, frozen=True, kw_only=True):
    """The answer of a command that succeeded."""

    result: Any
    warnings: tuple[str, ...] = ()


class ApplicationStageResult(Struct, frozen=True, kw_only=True):
    """The stage of an application in Kombo's form; ``index`` is the stage's position among all stages."""

    id: str
    name: str | None
    remote_id: str
    index: int | None


class JobName(Struct, frozen=True, kw_only=True):
    """The job of an application in Kombo's form."""

    id: str
    name: str | None
    remote_id: str


def build_envelope(
    integration_id: str,
    command_id: str,
    kind: str,
    ending: str,
    *,
    done: Done | None = None,
    failure: Failure | None = None,
    variant: str = "",
    now: datetime | None = None,
) -> commands.Result:
    """Build a command's result; ``variant`` as in ``ids.result_id``."""
    moment = now or utc_now()
    warnings = done.warnings if done else ()
    return commands.Result(
        id=ids.result_id(integration_id, command_id, variant),
        source=f"trackerrms/{integration_id}",
        type=f"{kind}.{ending}",
        subject=command_id,
        time=whole_milliseconds(moment),
        dataschema=commands.DATA_SCHEMA,
        integrationid=integration_id,
        data=commands.Outcome(
            command_id=command_id,
            result=done.result if done else None,
            warnings=tuple(Notice(message=message) for message in warnings),
            error=failure,
        ),
    )


def row(topic_prefix: str, result: commands.Result) -> OutboxRow:
    """Build the message that carries a result. Its key is the command's id."""
    return stored_row(
        topic_prefix, result.id, result.type, result.integrationid, result.subject, codec.encode(result)
    )


def stored_row(
    topic_prefix: str, result_id: str, kind: str, integration_id: str, command_id: str, value: bytes
) -> OutboxRow:
    """Build the message of a result that is encoded already."""
    return OutboxRow(
        topic=topics.command_results(topic_prefix),
        key=command_id.encode(),
        value=value,
        headers=events.headers(result_id, kind, integration_id),
    )


def candidate_created(
    candidate: Candidate,
    tags: Sequence[Tag],
    application: Application,
    stage: ApplicationStageResult | None,
    job: JobName,
    now: datetime,
) -> dict[str, Any]:
    """Build the data of Kombo's answer to "create candidate": the candidate, its tags, and the
    application."""
    return _candidate(candidate, tags, now) | {
        "applications": [
            {
                "id": application.id,
                "remote_id": application.remote_id,
                "outcome": application.outcome,
                "rejection_reason_name": application.rejection_reason_name,
                "rejected_at": application.rejected_at,
                "remote_url": application.remote_url,
                "changed_at": now,
                "remote_created_at": application.remote_created_at,
                "remote_updated_at": application.remote_updated_at,
                "current_stage": stage,
                "job": job,
            }
        ]
    }


def application_created(
    candidate: Candidate,
    tags: Sequence[Tag],
    application: Application,
    stage: ApplicationStageResult | None,
    job: JobName,
    now: datetime,
) -> dict[str, Any]:
    """Build the data of Kombo's answer to "create application": the application with its candidate."""
    made: dict[str, Any] = _plain(application)
    for name in ("interviews", "offers", "remote_data", "integration_fields"):
        made.pop(name)
    nested = _candidate(candidate, tags, now)
    nested.pop("applications")
    return made | {"changed_at": now, "candidate": nested, "current_stage": stage, "job": job}


def _candidate(candidate: Candidate, tags: Sequence[Tag], now: datetime) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(candidate)
    for name in ("remote_data", "integration_fields"):
        plain.pop(name)
    named = [{"id": tag.id, "name": tag.name, "remote_id": tag.remote_id} for tag in tags]
    return plain | {"changed_at": now, "tags": named}


def _plain(struct: Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
