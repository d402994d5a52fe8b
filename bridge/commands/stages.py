"""Moves and rejections of applications. Both set values: twice has the same effect as once."""

from collections.abc import Awaitable, Callable

import msgspec
from trackerrms_contracts.commands import MoveToStage, Reject
from trackerrms_contracts.entities import Model

from bridge.commands.account import Account
from bridge.commands.errors import CommandFailed, input_invalid
from bridge.commands.results import Done
from bridge.tracker import record_lookups, writes
from bridge.tracker.errors import EffectUnknown, Refused, Unreadable
from bridge.tracker.record_lookups import ApplicationFound
from bridge.tracker.writes import WriteReceipt


async def move_application(account: Account, data: MoveToStage) -> tuple[str, Done]:
    """Move an application to a stage. Return its remote id, and the answer."""
    application = await account.remote_id(Model.APPLICATION, data.application_id, "application_id")
    stage = (await account.status(data.stage_id, "stage_id")).remote_id
    # The widget API's answer is documented; an answer of REST may mean that nothing was found.
    doubtful = account.client.settings.actions["move_stage"].via == "rest"

    async def write() -> WriteReceipt:
        return await writes.move_stage(account.client, application, stage)

    await _set(account, application, stage, write, doubtful=doubtful)
    return application, Done(result={}, warnings=_ignored(data.remote_fields))


async def reject_application(account: Account, data: Reject) -> tuple[str, Done]:
    """Reject an application. Return its remote id, and the answer. Without a note the reason's name is
    shown."""
    application = await account.remote_id(Model.APPLICATION, data.application_id, "application_id")
    reason = await account.status(data.rejection_reason_id, "rejection_reason_id", reason=True)
    note = (data.note or "").strip() or reason.name or ""

    async def write() -> WriteReceipt:
        return await writes.reject(account.client, application, reason.remote_id, note)

    found, written = await _set(account, application, reason.remote_id, write, doubtful=True, note=note)
    warnings = [*_ignored(data.remote_fields), *_about_note(account, data.note, note, found, written)]
    return application, Done(result={}, warnings=tuple(warnings))


def _about_note(
    account: Account,
    given: str | None,
    note: str,
    found: ApplicationFound | None,
    written: WriteReceipt | None,
) -> list[str]:
    """Return warnings if the note, which is shown as the reason, was not stored."""
    key = writes.place_to_correct(writes.REASON)
    if written is not None and writes.REASON in written.refused:
        return [
            "note: TrackerRMS refused it, and the application was rejected without "
            f"({written.refused[writes.REASON]}); set {key} to the field of the reason, or to [] to "
            "leave it out"
        ]
    if found is None or not given or (found.rejection_reason or "").strip() == note:
        return []
    if not writes.can_write_reason(account.client):
        return [f"note: was not written, as {key} has no field for the call that rejects; set one"]
    return [
        "note: TrackerRMS did not keep it, and shows the reason's name; tracker.fields.application."
        f"rejection_reason is where it is read, {key} where it is written; bridge check --write tests both"
    ]


async def _set(
    account: Account,
    application: str,
    stage: str,
    write: Callable[[], Awaitable[WriteReceipt]],
    *,
    doubtful: bool,
    note: str | None = None,
) -> tuple[ApplicationFound | None, WriteReceipt | None]:
    """Write, and read back if the answer leaves a doubt: it was lost, was a refusal, or may mean nothing.

    ``note``: the reason to show. It distinguishes a rejection whose answer was lost from an earlier one.
    """
    try:
        written = await write()
        if not doubtful:
            return None, written
    except (EffectUnknown, Unreadable, Refused) as error:
        found = await record_lookups.read_application(account.client, application)
        if found is None:
            raise _no_application(application) from error
        if isinstance(error, Refused) and error.status < 500:
            raise
        if found.stage == stage and (note is None or _shows(account, found, note)):
            return found, None
        if note is None or not isinstance(error, Refused):
            # Now it is known not to have happened. Or the note is not stored; then a repetition does no harm.
            raise CommandFailed("REMOTE.SERVICE_UNAVAILABLE", str(error), retryable=True) from error
        written = await _one_by_one(account, application, stage, note, error)
    found = await record_lookups.read_application(account.client, application)
    if found is None:
        raise _no_application(application)
    if found.stage != stage:
        raise CommandFailed(
            "REMOTE.UNKNOWN_HTTP_ERROR",
            f"{written.said}, but application {application} is not read back at stage {stage}; correct "
            f"{writes.place_to_correct('stage')}, or select another call with integrations.tracker.actions",
        )
    return found, written


async def _one_by_one(
    account: Account, application: str, stage: str, note: str, error: Refused
) -> WriteReceipt:
    """Move, then write the note: a server may fail because the note has no field in that call.

    Both set values, so a repetition does no harm.
    """
    if not (writes.can_repeat(account.client, "reject") and writes.can_write_reason(account.client)):
        raise CommandFailed("REMOTE.SERVICE_UNAVAILABLE", str(error), retryable=True) from error
    moved = await writes.reject_without_reason(account.client, application, stage)
    try:
        noted = await writes.set_reason(account.client, application, note)
    except Refused as refused:
        return msgspec.structs.replace(moved, refused={writes.REASON: str(refused)})
    return msgspec.structs.replace(noted, stored=moved.stored | noted.stored)


def _shows(account: Account, found: ApplicationFound, note: str) -> bool:
    return not writes.can_write_reason(account.client) or (found.rejection_reason or "").strip() == note


def _no_application(application: str) -> CommandFailed:
    return input_invalid(f"application_id: TrackerRMS has no application {application}")


def _ignored(remote_fields: object) -> tuple[str, ...]:
    return ("remote_fields: none are known for TrackerRMS; they were ignored",) if remote_fields else ()
