"""Answers that ask the bridge to wait: for how long, and how to report it. Pure.

429 is presumed; no one has seen TrackerRMS throttle. Gateways also send 503 or 403 with a ``Retry-After``.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from bridge.retry import parse_retry_after
from bridge.tracker.http import HttpResponse
from bridge.tracker.schema import Resources

_LONGEST = timedelta(days=3650)
_DATED = timedelta(hours=20)
_TO_THE_SECOND = timedelta(minutes=10)


class Pause(Struct, frozen=True, kw_only=True):
    """A pause of ``seconds`` before the next request to the account, and ``why`` in words, with the times."""

    seconds: float
    why: str


def requested_pause(
    answer: HttpResponse, settings: Resources, now: datetime, *, usual_seconds: float, least_seconds: float
) -> Pause | None:
    """Return the pause that an answer asks for; ``None`` if it asks for none.

    ``usual_seconds`` follow a 429 without a duration. No pause is below ``least_seconds`` or above
    ``patience_seconds``.
    """
    status = answer.status
    if status not in settings.throttled_statuses:
        return None
    wanted = parse_retry_after(answer.headers, now, _LONGEST.total_seconds())
    if status != 429 and not wanted:
        return None
    believed = min(usual_seconds if wanted is None else wanted, settings.patience_seconds)
    seconds = max(believed, least_seconds)
    return Pause(seconds=seconds, why=_why(answer, wanted, seconds, now) + _cure(status, wanted, seconds))


def _why(answer: HttpResponse, wanted: float | None, seconds: float, now: datetime) -> str:
    again = _moment(now + timedelta(seconds=seconds), now)
    if wanted is None:
        said = "a Retry-After that can't be read" if answer.headers.get("Retry-After") else "no Retry-After"
        return f"TrackerRMS asks the bridge to wait ({said}); the bridge tries again at {again}"
    until = _moment(now + timedelta(seconds=wanted), now)
    then = "then" if until == again else f"at {again}"
    return (
        f"TrackerRMS asks the bridge to wait until {until} (Retry-After {wanted:.15g} s); the bridge tries "
        f"again {then}"
    )


def _cure(status: int, wanted: float | None, seconds: float) -> str:
    if status != 429:
        return f"; if {status} does not mean throttling here, remove it from throttled_statuses"
    return "; patience_seconds limits the wait" if wanted and wanted > seconds else ""


def _moment(moment: datetime, now: datetime) -> str:
    away = moment - now
    if away >= _DATED:
        return moment.strftime("%Y-%m-%d %H:%M UTC")
    return moment.strftime("%H:%M:%S UTC" if away < _TO_THE_SECOND else "%H:%M UTC")
