"""``candidate.create`` and ``application.create``: from the input to the workflow, and to the answer."""

from collections.abc import Mapping

from msgspec import Struct
from trackerrms_contracts import entities, ids
from trackerrms_contracts.commands import CreateApplication, CreateCandidate
from trackerrms_contracts.entities import Model

from bridge.clock import event_time
from bridge.commands import candidate_fields, files, results
from bridge.commands.account import Account
from bridge.commands.candidate_workflow import CandidateWorkflow, WorkflowInput, WorkflowResult, check_job
from bridge.commands.completion import CommandLedger, Place
from bridge.commands.errors import CommandFailed, input_invalid, vanished
from bridge.commands.results import ApplicationStageResult, Done, JobName
from bridge.store.attempts import AttemptProgress
from bridge.tracker import record_lookups
from bridge.tracker.record_lookups import ApplicationFound, JobFound


class Created(Struct, frozen=True, kw_only=True):
    """The answer, the remote ids that it names, and the finished attempt."""

    done: Done
    candidate: str
    application: str
    place: Place
    progress: AttemptProgress


async def create_candidate_or_application(
    account: Account, ledger: CommandLedger, data: CreateCandidate | CreateApplication
) -> Created:
    """Find or create the candidate, fill it, add it to the job, move it, and attach the files.

    Raises as ``CandidateWorkflow.carry_out`` does.
    """
    job, stage_id = _job_and_stage(data)
    job_id = await account.remote_id(Model.JOB, job.value, job.key)
    stage = await account.status(stage_id.value, stage_id.key) if stage_id else None
    owner = None
    if data.sourced_by is not None:
        owner = await account.remote_id(Model.USER, data.sourced_by.user_id, "sourced_by.user_id")
    source = account.terms.integration.source
    person = candidate_fields.map_candidate(data, default_source=source, owner=owner)
    attached = await files.gather(data.attachments, account.outbound)
    place = Place(address=account.hasher.address(data.candidate.email_address), job_id=int(job_id))
    progress = await _progress(account, ledger, place)
    found = await record_lookups.read_job(account.client, job_id)
    if progress.application is None and progress.started is None:
        found = check_job(found, job_id, job.key)
    wanted = WorkflowInput(
        person=person,
        job=job_id,
        stage=None if stage is None else stage.remote_id,
        files=tuple(attached),
    )
    applied = await CandidateWorkflow(account, ledger, place, wanted, progress).carry_out()
    return await _answer(account, data, place, wanted, applied, found)


class _Reference(Struct, frozen=True, kw_only=True):
    """A reference in a command, and the key that it was sent under."""

    value: str
    key: str


def _job_and_stage(data: CreateCandidate | CreateApplication) -> tuple[_Reference, _Reference | None]:
    inner = data.application
    jobs = {"application.job_id": inner.job_id if inner else None}
    stages = {"application.stage_id": inner.stage_id if inner else None}
    if isinstance(data, CreateApplication):
        jobs["job_id"], stages["stage_id"] = data.job_id, data.stage_id
    job = _first(jobs)
    if job is None:
        raise input_invalid("application.job_id: is missing; give it or job_id")
    return job, _first(stages)


def _first(given: Mapping[str, str | None]) -> _Reference | None:
    return next((_Reference(value=value, key=key) for key, value in given.items() if value is not None), None)


async def _progress(account: Account, ledger: CommandLedger, place: Place) -> AttemptProgress:
    """Return where an earlier command for this person and job stopped.

    Raises ``CommandFailed`` if one succeeded.
    """
    attempt = await ledger.attempt(place)
    if attempt is None:
        return AttemptProgress()
    if not attempt.done:
        return attempt.progress
    application = attempt.progress.application
    if (
        application is not None
        and await record_lookups.read_application(account.client, application) is not None
    ):
        raise CommandFailed(
            "ATS.APPLICATION_ALREADY_EXISTS",
            f"command {attempt.command_id} created application {application} for this address on job "
            f"{place.job_id}",
        )
    # Deleted since: create a new application.
    return AttemptProgress()


async def _answer(
    account: Account,
    data: CreateCandidate | CreateApplication,
    place: Place,
    wanted: WorkflowInput,
    applied: WorkflowResult,
    job: JobFound | None,
) -> Created:
    application = applied.progress.application or ""
    found = await record_lookups.read_application(account.client, application)
    if found is None:
        raise vanished("application", application)
    warnings = [*whom_warnings(wanted), *applied.warnings]
    if wanted.stage is not None and found.stage != wanted.stage:
        warnings.append(
            f"application.stage_id: the application is at stage {found.stage}, not {wanted.stage}"
        )
    build = results.candidate_created if isinstance(data, CreateCandidate) else results.application_created
    family = account.normalizer.candidate(None, applied.candidate.record)
    record = next(m.record for m in family.of(Model.CANDIDATE))
    tags = [m.record for m in family.of(Model.TAG)]
    if not isinstance(record, entities.Candidate):
        raise AssertionError("a candidate's entity set has a candidate")
    return Created(
        done=Done(
            result=build(
                record,
                [tag for tag in tags if isinstance(tag, entities.Tag)],
                await _application(account, found),
                await _stage(account, found),
                _job_name(account, wanted.job, job),
                event_time(),
            ),
            warnings=tuple(dict.fromkeys(warnings)),
        ),
        candidate=applied.progress.candidate or "",
        application=application,
        place=place,
        progress=applied.progress,
    )


def whom_warnings(wanted: WorkflowInput) -> tuple[str, ...]:
    """Return the warnings about input that TrackerRMS can't store."""
    return wanted.person.ignored


async def _application(account: Account, found: ApplicationFound) -> entities.Application:
    statuses = await account.status_table(found.stage)
    record = account.normalizer.application(None, statuses, found.record).of(Model.APPLICATION)[0].record
    if not isinstance(record, entities.Application):
        raise AssertionError("an application's entity set has an application")
    return record


async def _stage(account: Account, found: ApplicationFound) -> ApplicationStageResult | None:
    if found.stage is None:
        return None
    status = (await account.statuses([found.stage])).get(found.stage)
    return ApplicationStageResult(
        id=ids.entity_id(account.id, Model.APPLICATION_STAGE, found.stage),
        name=status.name if status else None,
        remote_id=found.stage,
        index=status.place if status else None,
    )


def _job_name(account: Account, job: str, found: JobFound | None) -> JobName:
    return JobName(
        id=ids.entity_id(account.id, Model.JOB, job), name=found.name if found else None, remote_id=job
    )
