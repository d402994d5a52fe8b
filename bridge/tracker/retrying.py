"""Sends a call until its answer is final: charges the budget before each attempt and pauses between them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from bridge.errors import Throttled
from bridge.retry import http_date
from bridge.runtime.account_ports import Lane, RequestBudget
from bridge.tracker import throttling
from bridge.tracker.errors import EffectUnknown, Unreachable
from bridge.tracker.hosts import Generation, Hosts
from bridge.tracker.http import HttpResponse, HttpSession, NameUnknown, NotSent
from bridge.tracker.retry_policy import RetryPolicy
from bridge.tracker.schema import Resources
from bridge.tracker.throttling import Pause

_OURS = ("authorization", "host", "content-length", "transfer-encoding", "connection")


class Request(Struct, frozen=True, kw_only=True):
    """A call, ready to be sent.

    ``repeatable``: sending it twice is harmless (every read, no write). ``kept``: statuses of 500 and more
    that are final for this account instead of errors to retry. ``looked_at``: the caller examines the answer,
    so only a 401 counts as an invalid JWT.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    params: Mapping[str, str] | None = None
    lane: Lane = "poll"
    generation: Generation = "rest"
    repeatable: bool = True
    kept: frozenset[int] = frozenset()
    looked_at: bool = False

    @property
    def name(self) -> str:
        """Return the call, for messages."""
        return f"{self.method} {self.path}"


class RetryingCaller:
    """Sends requests to one account's hosts, with retries within ``RetryPolicy``.

    ``clock_skew_seconds`` is TrackerRMS's clock minus ours by the last answer's ``Date``, to the second;
    ``None`` before the first answer with a date.
    """

    def __init__(
        self,
        wire: HttpSession,
        budget: RequestBudget,
        hosts: Hosts,
        patience: RetryPolicy,
        clock: Callable[[], datetime],
        settings: Resources,
    ) -> None:
        self.clock_skew_seconds: float | None = None
        self._wire = wire
        self._budget = budget
        self._hosts = hosts
        self._patience = patience
        self._clock = clock
        self._settings = settings

    async def send(self, request: Request) -> HttpResponse:
        """Return the first final answer. The caller handles 401 and other 4xx.

        Raises ``Throttled`` (asked to wait beyond the deadline), ``Unreachable`` (no answer or 5xx until the
        end) or ``EffectUnknown`` (the answer to a write was lost). A 5xx for a write is returned.
        """
        spent = 0.0
        for attempt in range(1, self._patience.attempts + 1):
            await self._budget.acquire(request.lane)
            started = time.monotonic()
            outcome = await self._attempt(request)
            spent += time.monotonic() - started
            throttled = self._throttled(outcome, attempt)
            if throttled is not None:
                # All processes wait, including this one, in the next acquire.
                await self._budget.pause(throttled.seconds, f"{request.name} {throttled.why}")
            pause = self._pause_after(outcome, request, attempt, throttled)
            if pause is None:
                break
            spent += pause
            if spent > self._patience.deadline_seconds or attempt == self._patience.attempts:
                break
            if throttled is None:
                await asyncio.sleep(pause)
        return self._conclude(outcome, request, throttled)

    async def _attempt(self, request: Request) -> HttpResponse | Unreachable:
        url = self._hosts.url(request.generation, request.path)
        try:
            answer = await self._wire.send(
                request.method, url, headers=request.headers, body=request.body, params=request.params
            )
        except Unreachable as error:
            return error
        moment = http_date(answer.headers.get("Date", ""))
        if moment is not None:
            self.clock_skew_seconds = (moment - self._clock()).total_seconds()
        return answer

    def _throttled(self, outcome: HttpResponse | Unreachable, attempt: int) -> Pause | None:
        if not isinstance(outcome, HttpResponse):
            return None
        pause = throttling.requested_pause(
            outcome,
            self._settings,
            self._clock(),
            usual_seconds=self._patience.throttled_pause_seconds,
            least_seconds=self._patience.pause(attempt),
        )
        return pause and msgspec.structs.replace(pause, why=f"answered {outcome.status}: {pause.why}")

    def _pause_after(
        self, outcome: HttpResponse | Unreachable, request: Request, attempt: int, throttled: Pause | None
    ) -> float | None:
        """Return the seconds to wait before a retry; ``None`` if a retry is useless or harmful."""
        match outcome:
            case HttpResponse() if throttled is not None and _not_carried_out(outcome, request):
                return throttled.seconds
            case HttpResponse(status=status):
                failed = (status >= 500 or status == 408) and status not in request.kept
                return self._patience.pause(attempt) if failed and request.repeatable else None
            case NotSent():
                return self._patience.pause(attempt)
            case _:
                return self._patience.pause(attempt) if request.repeatable else None

    def _conclude(
        self, outcome: HttpResponse | Unreachable, request: Request, throttled: Pause | None
    ) -> HttpResponse:
        match outcome:
            case HttpResponse() if throttled is not None and _not_carried_out(outcome, request):
                raise Throttled(f"{request.name} at {self._hosts.where} {throttled.why}", throttled.seconds)
            case HttpResponse(status=status) if status in request.kept:
                return outcome
            case HttpResponse(status=status) if (status >= 500 or status == 408) and request.repeatable:
                said = f"{request.name} at {self._hosts.where} answered {status}"
                raise Unreachable(f"{said}: a temporary error of TrackerRMS", status)
            case HttpResponse():
                return outcome
            case NameUnknown():
                raise NameUnknown(
                    f"{request.name}: the name of {self._hosts.where} does not resolve: {self._hosts.advice}"
                ) from outcome
            case NotSent():
                raise outcome
            case _ if not request.repeatable:
                raise EffectUnknown(str(outcome)) from outcome
            case _:
                raise outcome


def _not_carried_out(answer: HttpResponse, request: Request) -> bool:
    """Return true if a throttled call may be repeated. A write with a 5xx may have been carried out."""
    return request.repeatable or answer.status < 500


def headers_of(given: Mapping[str, str] | None, body: bytes | None) -> dict[str, str]:
    """Return the headers of a call with that body. ``given`` ones can't replace the bridge's own."""
    theirs = {name: value for name, value in (given or {}).items() if name.lower() not in _OURS}
    found = {"Accept": "application/json", **theirs}
    if body is not None and not any(name.lower() == "content-type" for name in found):
        found["Content-Type"] = "application/json"
    return found
