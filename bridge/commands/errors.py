"""Errors of commands, in Kombo's codes: for callers to branch on and for people to read. Pure.

    Failed          the command can't be executed; ``retryable``: not now
    └── Undetermined  it is unknown yet whether a call took effect: check again, never repeat blindly

``failure_of`` maps the tracker's errors to these. Errors of the store are not among them: they are not the
command's, and the stage restarts when the store is back.
"""

from typing import Literal

from trackerrms_contracts.commands import Failure

from bridge.errors import BridgeError, Permanent, Throttled
from bridge.tracker.errors import (
    AccountFault,
    AnswerTooLarge,
    EffectUnknown,
    Refused,
    Unreachable,
    Unreadable,
)

Code = Literal[
    "PLATFORM.INPUT_INVALID",
    "PLATFORM.INTEGRATION_NOT_FOUND",
    "PLATFORM.TASK_TIMED_OUT",
    "PLATFORM.UNKNOWN_ERROR",
    "INTEGRATION.AUTHENTICATION_INVALID",
    "INTEGRATION.PERMISSION_MISSING",
    "INTEGRATION.SETUP_SYNC_PENDING",
    "INTEGRATION.ACTION_NOT_AVAILABLE",
    "REMOTE.SERVICE_UNAVAILABLE",
    "REMOTE.RATE_LIMIT_EXCEEDED",
    "REMOTE.INPUT_INVALID",
    "REMOTE.UNKNOWN_HTTP_ERROR",
    "ATS.JOB_CLOSED",
    "ATS.APPLICATION_ALREADY_EXISTS",
]
TITLES: dict[Code, str] = {
    "PLATFORM.INPUT_INVALID": "The command's input is not valid.",
    "PLATFORM.INTEGRATION_NOT_FOUND": "There is no such integration.",
    "PLATFORM.TASK_TIMED_OUT": "The command did not finish in time.",
    "PLATFORM.UNKNOWN_ERROR": "An unexpected error occurred in the bridge.",
    "INTEGRATION.AUTHENTICATION_INVALID": "TrackerRMS does not accept the integration's credentials.",
    "INTEGRATION.PERMISSION_MISSING": "The integration's credentials do not permit this.",
    "INTEGRATION.SETUP_SYNC_PENDING": "The bridge has not read enough of the account yet.",
    "INTEGRATION.ACTION_NOT_AVAILABLE": "This account has no way to do this.",
    "REMOTE.SERVICE_UNAVAILABLE": "TrackerRMS is unreachable or not working.",
    "REMOTE.RATE_LIMIT_EXCEEDED": "TrackerRMS's rate limit is exceeded.",
    "REMOTE.INPUT_INVALID": "TrackerRMS does not accept this input.",
    "REMOTE.UNKNOWN_HTTP_ERROR": "TrackerRMS gave an answer that the bridge does not understand.",
    "ATS.JOB_CLOSED": "The job is closed.",
    "ATS.APPLICATION_ALREADY_EXISTS": "Candidate has already applied to this job.",
}


class CommandFailed(Permanent):
    """The failure of a command with this code: at once, or after its deadline if a retry may help."""

    def __init__(
        self, code: Code, message: str, *, retryable: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.failure = failure_of_code(code, message, retryable=retryable)
        self.retry_after_seconds = retry_after_seconds


class Undetermined(CommandFailed):
    """A call whose effect is not known yet. The command ends as ``unknown`` if it never becomes known."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(
            "PLATFORM.TASK_TIMED_OUT", message, retryable=True, retry_after_seconds=retry_after_seconds
        )


def failure_of_code(code: Code, message: str, *, retryable: bool = False) -> Failure:
    """Build the failure of that code."""
    return Failure(code=code, title=TITLES[code], message=message, retryable=retryable)


def input_invalid(message: str) -> CommandFailed:
    """Build the failure of a command with invalid input."""
    return CommandFailed("PLATFORM.INPUT_INVALID", message)


def vanished(entity: str, remote_id: str) -> CommandFailed:
    """Return the error for a record that this command just wrote or read, and that is answered as gone."""
    return CommandFailed(
        "REMOTE.SERVICE_UNAVAILABLE",
        f"{entity} {remote_id} existed a moment ago, but is now answered as gone",
        retryable=True,
    )


TROUBLE = (Permanent, AccountFault, EffectUnknown, Throttled, Unreachable, Unreadable)
"""Errors that end one try of a command; any other is the store's, or a bug."""


def failure_of(error: BridgeError) -> CommandFailed:
    """Map an error of ``TROUBLE`` to a failure."""
    message = str(error)
    match error:
        case CommandFailed():
            return error
        case EffectUnknown():
            return Undetermined(message)
        case Throttled():
            return CommandFailed(
                "REMOTE.RATE_LIMIT_EXCEEDED",
                message,
                retryable=True,
                retry_after_seconds=error.retry_after_seconds,
            )
        case AccountFault():
            return CommandFailed("INTEGRATION.AUTHENTICATION_INVALID", message)
        case AnswerTooLarge():
            return CommandFailed("REMOTE.UNKNOWN_HTTP_ERROR", message)
        case Refused():
            return _refused(error)
        case Unreachable() | Unreadable():
            return CommandFailed("REMOTE.SERVICE_UNAVAILABLE", message, retryable=True)
        case Permanent():
            # A record of TrackerRMS that can't be read: a value of the wrong type.
            return CommandFailed("REMOTE.UNKNOWN_HTTP_ERROR", message)
        case _:
            raise error


def _refused(error: Refused) -> CommandFailed:
    message = str(error)
    if error.status >= 500 or error.status == 408:
        return CommandFailed("REMOTE.SERVICE_UNAVAILABLE", message, retryable=True)
    match error.status:
        case 401 | 403:
            return CommandFailed("INTEGRATION.PERMISSION_MISSING", message)
        case 400 | 409 | 422:
            return CommandFailed("REMOTE.INPUT_INVALID", message)
        case 404 | 405:
            return CommandFailed(
                "INTEGRATION.ACTION_NOT_AVAILABLE",
                f"{message}: bridge check shows which calls this account has; "
                "integrations.tracker.actions and .paths select others",
            )
        case _:
            return CommandFailed("REMOTE.UNKNOWN_HTTP_ERROR", message)
