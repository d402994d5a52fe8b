"""Sends calls with the JWT, and renews it after a refusal, with a brake against useless exchanges.

An expired JWT is answered 401 (observed). Other accounts may answer 403 or redirect to a login page: then the
JWT is renewed once, and if that did not help, calls to the same place do not renew it for a while, because
each exchange ends the JWT of every other program.
"""

import asyncio
import math
import re
import time
from collections.abc import Callable

import msgspec

from bridge.retry import Backoff
from bridge.runtime.account_ports import TrackerToken
from bridge.tracker.auth import Authenticator
from bridge.tracker.errors import CredentialsRefused
from bridge.tracker.hosts import Hosts
from bridge.tracker.http import HttpResponse
from bridge.tracker.retrying import Request, RetryingCaller
from bridge.tracker.schema import Resources

FIRST_BRAKE_SECONDS = 60.0
LONGEST_BRAKE_SECONDS = 6 * 3600.0
_MOST_PLACES = 1000
_LOGIN = re.compile(r"log-?_?[io]n|sign-?_?in|oauth", re.IGNORECASE)


class _Brake:
    """The pause before a path may renew the JWT again. It gets longer after each futile renewal."""

    def __init__(self) -> None:
        self.until = -math.inf
        self._backoff = Backoff(FIRST_BRAKE_SECONDS, LONGEST_BRAKE_SECONDS, jitter=0)
        self._seconds = 0.0

    def pull(self, now: float) -> None:
        """Start a pause; a pause that is not over starts again with the same length."""
        if now >= self.until:
            self._seconds = self._backoff.next()
        self.until = now + self._seconds


class Authorized:
    """Sends requests with the account's JWT. ``timer`` returns monotonic seconds."""

    def __init__(
        self,
        auth: Authenticator,
        caller: RetryingCaller,
        settings: Resources,
        hosts: Hosts,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._auth = auth
        self._caller = caller
        self._settings = settings
        self._hosts = hosts
        self._timer = timer
        self._brakes: dict[str, _Brake] = {}

    def adopt(self, settings: Resources) -> None:
        """Use these settings from now on."""
        self._settings = settings

    async def send(self, request: Request, renewals: int, pause_seconds: float) -> HttpResponse:
        """Return the answer to a call with a valid JWT, or a refusal that a new JWT did not cure.

        A call answered 401 is repeated after each of up to ``renewals`` renewals, any other refusal after
        one. Raises ``CredentialsRefused`` if the last answer is 401.
        """
        token = await self._auth.token(request.lane)
        place = f"{request.method} {re.sub('[0-9]+', '#', request.path)}"
        free = self._is_free(place)
        most = renewals if free else min(renewals, 1)
        for renewal in range(most + 1):
            answer = await self._attempt(request, token)
            if answer.status != 401:
                break
            if renewal < most:
                await asyncio.sleep(pause_seconds * renewal)
                token = await self._auth.renew(token, request.lane)
        else:
            self._brake(place)
            raise CredentialsRefused(
                f"{request.name} at {self._hosts.where} answered 401 to {most + 1} JWTs in a row: either "
                "this account may not make this call, or another program, or another integration of this "
                "bridge, keeps exchanging the same credential; give the bridge its own (bearer_token)"
            )
        if not self._may_be_refused(request, answer):
            self._brakes.pop(place, None)
            return answer
        return await self._renewed_once(request, token, answer, place, free=free)

    def is_refusal(self, request: Request, answer: HttpResponse) -> bool:
        """Return true if an answer means that the JWT is no longer valid, so that it must be renewed."""
        return answer.status == 401 or self._may_be_refused(request, answer)

    async def _renewed_once(
        self, request: Request, token: TrackerToken, answer: HttpResponse, place: str, *, free: bool
    ) -> HttpResponse:
        newer = await self._auth.renew(token, request.lane) if free else await self._auth.newer(token)
        if newer is None:
            return answer
        again = await self._attempt(request, newer)
        if again.status == 401 or self._may_be_refused(request, again):
            self._brake(place)
        else:
            self._brakes.pop(place, None)
        return again

    async def _attempt(self, request: Request, token: TrackerToken) -> HttpResponse:
        headers = {**request.headers, "Authorization": f"Bearer {token.jwt.reveal()}"}
        return await self._caller.send(msgspec.structs.replace(request, headers=headers))

    def _may_be_refused(self, request: Request, answer: HttpResponse) -> bool:
        """Return true if an answer may mean that the JWT is no longer valid. Only a refused call may be
        repeated."""
        if request.looked_at:
            return False
        if answer.status in self._settings.token.refused:
            return True
        if 300 <= answer.status < 400:
            return bool(_LOGIN.search(answer.headers.get("Location", "")))
        if "html" in self._settings.absence.bodies:
            return False  # this account answers absent ids with a web page
        # A web page instead of a write's answer does not prove that nothing was written.
        return answer.status == 200 and answer.is_html and request.repeatable and _is_api(request.path)

    def _is_free(self, place: str) -> bool:
        brake = self._brakes.get(place)
        return brake is None or self._timer() >= brake.until

    def _brake(self, place: str) -> None:
        # Put back last, so that the place refused longest ago is the first to be forgotten.
        brake = self._brakes[place] = self._brakes.pop(place, _Brake())
        brake.pull(self._timer())
        if len(self._brakes) > _MOST_PLACES:
            self._brakes.pop(next(iter(self._brakes)))


def _is_api(path: str) -> bool:
    return path.casefold().startswith("/api")
