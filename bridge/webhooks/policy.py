"""What an attempt led to: delivered, tried again and when, given up, or the endpoint's end. Pure."""

from typing import TypeAlias

from msgspec import Struct

GONE = 410
TOO_MANY, UNAVAILABLE = 429, 503


class RetryTerms(Struct, frozen=True, kw_only=True):
    """The pauses before the second attempt, the third and so on; ``jitter`` is a share of each."""

    retry_seconds: tuple[float, ...]
    jitter: float = 0.2


class AttemptResult(Struct, frozen=True, kw_only=True):
    """What came of an attempt: a status, or the kind of failure that there is none for."""

    status: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None


class Delivered(Struct, frozen=True, kw_only=True):
    """The receiver has it."""


class Again(Struct, frozen=True, kw_only=True):
    """Not yet. ``hold_seconds``: nothing else is to be sent to the endpoint for so long, since it asked."""

    after_seconds: float
    error: str
    hold_seconds: float = 0.0


class GivenUp(Struct, frozen=True, kw_only=True):
    """The schedule is at its end."""

    error: str


class EndpointGone(Struct, frozen=True, kw_only=True):
    """The endpoint asks not to be called any more (410)."""

    error: str = "gone"


AttemptVerdict: TypeAlias = Delivered | Again | GivenUp | EndpointGone


def judge_attempt(seen: AttemptResult, attempt: int, terms: RetryTerms, chance: float) -> AttemptVerdict:
    """What the ``attempt``-th attempt (from 1) leads to; ``chance`` lies between -1 and 1.

    The jitter never shortens what ``Retry-After`` asked for.
    """
    error = failure_name(seen)
    if error is None:
        return Delivered()
    if seen.status == GONE:
        return EndpointGone()
    if attempt > len(terms.retry_seconds):
        return GivenUp(error=error)
    pause = terms.retry_seconds[attempt - 1] * (1 + terms.jitter * chance)
    asked = _asked(seen)
    return Again(after_seconds=max(pause, asked), error=error, hold_seconds=asked)


def failure_name(seen: AttemptResult) -> str | None:
    """The name of what went wrong; ``None`` of a success."""
    status = seen.status
    if status is None:
        return seen.error or "unknown"
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return "redirected"
    if status == GONE:
        return "gone"
    if status == TOO_MANY:
        return "throttled"
    return "client_error" if 400 <= status < 500 else "server_error"


def _asked(seen: AttemptResult) -> float:
    """What the receiver asked for; other statuses' ``Retry-After`` is not about the next attempt."""
    if seen.status in (TOO_MANY, UNAVAILABLE):
        return seen.retry_after_seconds or 0.0
    return 0.0
