"""Why a command failed, in Kombo's codes: what a caller branches on, and what a person reads. Pure.

    Failed          the command can't be carried out; ``retryable``: not now
    └── Undetermined  nobody can tell yet whether a call took effect: look again, never repeat blindly

``failure_of`` makes one of these of what the door to TrackerRMS raises. Trouble with the store is not
among them: it is not the command's, and the stage starts again when the store is back.
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
    "PLATFORM.TASK_TIMED_OUT": "The command could not be finished in time.",
    "PLATFORM.UNKNOWN_ERROR": "Something unexpected went wrong in the bridge.",
    "INTEGRATION.AUTHENTICATION_INVALID": "TrackerRMS does not accept the integration's credentials.",
    "INTEGRATION.PERMISSION_MISSING": "The integration's credentials may not do this.",
    "INTEGRATION.SETUP_SYNC_PENDING": "The bridge has not read enough of the account yet.",
    "INTEGRATION.ACTION_NOT_AVAILABLE": "This account has no way to do this.",
    "REMOTE.SERVICE_UNAVAILABLE": "TrackerRMS can't be reached, or has trouble of its own.",
    "REMOTE.RATE_LIMIT_EXCEEDED": "TrackerRMS asks for patience.",
    "REMOTE.INPUT_INVALID": "TrackerRMS does not accept this input.",
    "REMOTE.UNKNOWN_HTTP_ERROR": "TrackerRMS gave an answer that the bridge does not understand.",
    "ATS.JOB_CLOSED": "The job is closed.",
    "ATS.APPLICATION_ALREADY_EXISTS": "Candidate has already applied to this job.",
}


class Failed(Permanent):
    """The command fails with this code, at once, or after its deadline where trying again may help."""

    def __init__(
        self, code: Code, message: str, *, retryable: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.failure = failure_of_code(code, message, retryable=retryable)
        self.retry_after_seconds = retry_after_seconds


class Undetermined(Failed):
    """Whether a call took effect is not known yet. Ends as ``unknown`` where it never becomes known."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(
            "PLATFORM.TASK_TIMED_OUT", message, retryable=True, retry_after_seconds=retry_after_seconds
        )


def failure_of_code(code: Code, message: str, *, retryable: bool = False) -> Failure:
    """The failure of that code."""
    return Failure(code=code, title=TITLES[code], message=message, retryable=retryable)


def input_invalid(message: str) -> Failed:
    """What was asked can't be meant."""
    return Failed("PLATFORM.INPUT_INVALID", message)


TROUBLE = (Permanent, AccountFault, EffectUnknown, Throttled, Unreachable, Unreadable)
"""What ends a try of a command; anything else is the store's trouble, or a bug."""


def failure_of(error: BridgeError) -> Failed:
    """The failure that an error of ``TROUBLE`` means."""
    message = str(error)
    match error:
        case Failed():
            return error
        case EffectUnknown():
            return Undetermined(message)
        case Throttled():
            return Failed(
                "REMOTE.RATE_LIMIT_EXCEEDED",
                message,
                retryable=True,
                retry_after_seconds=error.retry_after_seconds,
            )
        case AccountFault():
            return Failed("INTEGRATION.AUTHENTICATION_INVALID", message)
        case AnswerTooLarge():
            return Failed("REMOTE.UNKNOWN_HTTP_ERROR", message)
        case Refused():
            return _refused(error)
        case Unreachable() | Unreadable():
            return Failed("REMOTE.SERVICE_UNAVAILABLE", message, retryable=True)
        case Permanent():
            # A record of theirs that can't be read: a value of the wrong type.
            return Failed("REMOTE.UNKNOWN_HTTP_ERROR", message)
        case _:
            raise error


def _refused(error: Refused) -> Failed:
    message = str(error)
    if error.status >= 500 or error.status == 408:
        return Failed("REMOTE.SERVICE_UNAVAILABLE", message, retryable=True)
    match error.status:
        case 401 | 403:
            return Failed("INTEGRATION.PERMISSION_MISSING", message)
        case 400 | 409 | 422:
            return Failed("REMOTE.INPUT_INVALID", message)
        case 404 | 405:
            return Failed(
                "INTEGRATION.ACTION_NOT_AVAILABLE",
                f"{message}: bridge check tells which calls this account has, and "
                "integrations.tracker.actions and .paths choose others",
            )
        case _:
            return Failed("REMOTE.UNKNOWN_HTTP_ERROR", message)
