"""Decides the outcome of an attempt: delivered, retried, failed, or the end of the endpoint. Pure."""

from msgspec import Struct

from bridge.store.delivery import Delivered, DeliveryAttempt, EndpointGone, Failed, Retry

GONE = 410
TOO_MANY, UNAVAILABLE = 429, 503


class RetryTerms(Struct, frozen=True, kw_only=True):
    """The pauses before the second, third and later attempts; ``jitter`` is a share of each."""

    retry_seconds: tuple[float, ...]
    jitter: float = 0.2


def judge_attempt(
    attempt: DeliveryAttempt, number: int, terms: RetryTerms, chance: float
) -> Delivered | Retry | Failed | EndpointGone:
    """Return the outcome of the attempt with this number (from 1). ``chance`` is between -1 and 1.

    The jitter never shortens the pause of ``Retry-After``.
    """
    if attempt.error is None:
        return Delivered(attempt=attempt)
    if attempt.status == GONE:
        return EndpointGone(attempt=attempt)
    if number > len(terms.retry_seconds):
        return Failed(error=attempt.error, attempt=attempt)
    pause = terms.retry_seconds[number - 1] * (1 + terms.jitter * chance)
    asked = _asked(attempt)
    return Retry(attempt=attempt, after_seconds=max(pause, asked), hold_seconds=asked)


def name_failure(status: int) -> str | None:
    """Return the name of the failure; ``None`` if the status means success."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return "redirected"
    if status == GONE:
        return "gone"
    if status == TOO_MANY:
        return "throttled"
    return "client_error" if 400 <= status < 500 else "server_error"


def _asked(attempt: DeliveryAttempt) -> float:
    """Return the pause that the receiver asked for. ``Retry-After`` counts only with two statuses."""
    if attempt.status in (TOO_MANY, UNAVAILABLE):
        return attempt.retry_after_seconds or 0.0
    return 0.0
