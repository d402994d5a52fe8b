"""Moving an application to a stage, and rejecting it. Both set values: doing it twice is doing it once."""

from collections.abc import Awaitable, Callable

from bridge.commands.account import Account
from bridge.commands.failures import Failed, input_invalid
from bridge.commands.results import Done
from bridge.tracker import finding, writing
from bridge.tracker.finding import ApplicationFound
from bridge.tracker.problems import EffectUnknown, Refused, Unreadable
from bridge.tracker.writing import Written
from contracts.commands import MoveToStage, Reject
from contracts.entities import Model


async def move(account: Account, data: MoveToStage) -> tuple[str, Done]:
    """Returns the application's remote id, and the answer."""
    application = await account.remote_id(Model.APPLICATION, data.application_id, "application_id")
    stage = (await account.status(data.stage_id, "stage_id")).remote_id
    # The widget API's answer is documented; one of REST may mean that nothing was found.
    doubtful = account.client.settings.actions["move_stage"].via == "rest"

    async def write() -> Written:
        return await writing.move_stage(account.client, application, stage)

    await _set(account, application, stage, write, doubtful=doubtful)
    return application, Done(result={}, warnings=_ignored(data.remote_fields))


async def reject(account: Account, data: Reject) -> tuple[str, Done]:
    """Returns the application's remote id, and the answer. Without a note the reason's name is shown."""
    application = await account.remote_id(Model.APPLICATION, data.application_id, "application_id")
    reason = await account.status(data.rejection_reason_id, "rejection_reason_id", reason=True)
    note = (data.note or "").strip() or reason.name or ""

    async def write() -> Written:
        return await writing.reject(account.client, application, reason.remote_id, note)

    found = await _set(account, application, reason.remote_id, write, doubtful=True, note=note)
    warnings = list(_ignored(data.remote_fields))
    if found is not None and data.note and (found.rejection_reason or "").strip() != note:
        warnings.append(
            "note: TrackerRMS did not keep it, and shows the reason's name; tracker.fields.application."
            "rejection_reason says where it is read, bridge check --write tries it"
        )
    return application, Done(result={}, warnings=tuple(warnings))


async def _set(
    account: Account,
    application: str,
    stage: str,
    write: Callable[[], Awaitable[Written]],
    *,
    doubtful: bool,
    note: str | None = None,
) -> ApplicationFound | None:
    """Write, and look where the answer leaves a doubt: it was lost, was a refusal, or may mean nothing.

    ``note``: the reason to show, which tells a rejection whose answer was lost from an earlier one.
    """
    said = "the answer was lost"
    try:
        said = (await write()).said
        if not doubtful:
            return None
    except (EffectUnknown, Unreadable, Refused) as error:
        found = await finding.application(account.client, application)
        if found is None:
            raise _no_application(application) from error
        if isinstance(error, Refused) and error.status < 500:
            raise
        if found.stage != stage or (note is not None and (found.rejection_reason or "").strip() != note):
            # It is known now: it did not happen. Or the note is not kept, then doing it again does no harm.
            raise Failed("REMOTE.SERVICE_UNAVAILABLE", str(error), retryable=True) from error
        return found
    found = await finding.application(account.client, application)
    if found is None:
        raise _no_application(application)
    if found.stage != stage:
        raise Failed(
            "REMOTE.UNKNOWN_HTTP_ERROR",
            f"{said}, and application {application} is not read back at stage {stage}",
        )
    return found


def _no_application(application: str) -> Failed:
    return input_invalid(f"application_id: TrackerRMS has no application {application}")


def _ignored(remote_fields: object) -> tuple[str, ...]:
    return ("remote_fields: none are known for TrackerRMS; they were ignored",) if remote_fields else ()
