"""One JWT per account, exchanged by one process at a time and shared through the vault.

Exchanging again kills the JWT before it (observed), so whoever is refused first looks whether another
process has exchanged already, and only then takes a turn. Source: the vendor's lesson on API access, and
clients that share one JWT.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from bridge.config import IntegrationConfig, Secret
from bridge.credentials import Lane, Token, TokenVault
from bridge.errors import LeaseLost
from bridge.tracker import pages
from bridge.tracker.calling import Caller, Request
from bridge.tracker.hosts import Generation, Hosts
from bridge.tracker.problems import BadJson, CredentialsRefused, Unreachable, Unreadable, WrongHost
from bridge.tracker.shapes import Call, Resources
from bridge.tracker.wire import Answer, NameUnknown

RENEW_BEFORE = timedelta(hours=1)
ASSUMED_LIFE = timedelta(days=6)
"""Of a JWT whose ``expiration`` is missing or unreadable: two clients state that it lives for 7 days."""
_LONGEST_ACCESS_SECONDS = 24 * 3600
SHORT_LIFE = timedelta(minutes=10)


class Authenticator:
    """Gives the JWT to use, and a newer one when that was refused."""

    def __init__(
        self,
        config: IntegrationConfig,
        settings: Resources,
        hosts: Hosts,
        vault: TokenVault,
        caller: Caller,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._settings = settings
        self._hosts = hosts
        self._vault = vault
        self._caller = caller
        self._clock = clock
        self._known: Token | None = None
        self._turn = asyncio.Lock()
        self._access: Secret | None = None
        self._access_ends_at = datetime.min.replace(tzinfo=UTC)

    async def token(self, lane: Lane) -> Token:
        """A JWT that should still be good; exchanges when there is none or it ends within the hour."""
        if self._known is None:
            self._known = await self._vault.load()
        if self._known is not None and not self._ends_soon(self._known):
            return self._known
        return await self.renew(self._known, lane)

    async def renew(self, refused: Token | None, lane: Lane) -> Token:
        """A newer JWT than ``refused``: another process's where there is one, else exchanged here.

        Raises ``CredentialsRefused`` or ``WrongHost`` when a person has to act.
        """
        generation = refused.generation if refused else 0
        async with self._turn:
            # Callers of this process queue here; those after the first find its result.
            if self._known is not None and self._known.generation > generation:
                return self._known
            stored = await self._vault.load()
            if stored is None or stored.generation <= generation:
                async with self._exchange_turn():
                    stored = await self._exchange_unless_done(generation, lane)
            self._known = stored
            return stored

    async def widget_token(self, lane: Lane) -> Secret:
        """What the widget API takes: an OAuth2 access token, which the vendor documents, else the bearer
        token itself; it does not know the JWT."""
        if self._config.oauth_refresh_token is None and self._config.bearer_token is not None:
            return self._config.bearer_token
        async with self._turn:
            if self._access is not None and self._clock() < self._access_ends_at:
                return self._access
            async with self._exchange_turn():
                return await self._access_token(lane)

    def forget_access(self) -> None:
        """The access token was refused: the next call asks for another."""
        self._access = None

    @contextlib.asynccontextmanager
    async def _exchange_turn(self) -> AsyncIterator[None]:
        # To whoever reads pages, LeaseLost means that another process reads them now; it is not that.
        try:
            async with self._vault.exchange_turn():
                yield
        except LeaseLost as error:
            raise Unreachable("the turn to exchange the bearer token was lost; another has it") from error

    def _ends_soon(self, token: Token) -> bool:
        return token.expires_at - self._clock() <= RENEW_BEFORE

    async def _exchange_unless_done(self, generation: int, lane: Lane) -> Token:
        stored = await self._vault.load()
        if stored is not None and stored.generation > generation:
            return stored
        newest = max(generation, stored.generation if stored else 0)
        token = await self._exchange(newest + 1, lane)
        try:
            await self._vault.save(token)
        except LeaseLost:
            # The turn ran out while TrackerRMS was slow: whoever exchanged since has ended this JWT.
            stored = await self._vault.load()
            if stored is None or stored.generation <= generation:
                raise
            return stored
        return token

    async def _exchange(self, generation: int, lane: Lane) -> Token:
        bearer = self._config.bearer_token or await self._access_token(lane)
        body = msgspec.json.encode({"bearerToken": bearer.reveal()})
        call = self._settings.exchange
        answer = await self._ask("rest", call, "application/json", body, lane)
        if answer.status in (400, 401, 403):
            raise CredentialsRefused(
                f"{call.method} {call.path} at {self._hosts.where} answered {answer.status}: TrackerRMS does "
                "not accept the bearer token; copy or generate one under Tools & Settings | Security "
                "Settings | API (generating ends the old one), set it as bearer_token, and "
                f"{self._hosts.advice}"
            )
        reply = self._object(call, answer)
        jwt = reply.get("token")
        if not isinstance(jwt, str) or not jwt:
            raise Unreadable(f"{call.method} {call.path}: the answer has no token")
        return Token(jwt=Secret(jwt), expires_at=self._expiry(reply.get("expiration")), generation=generation)

    async def _access_token(self, lane: Lane) -> Secret:
        """OAuth2: a refresh token -> an access token. A rotated refresh token is saved before all else."""
        stored = await self._vault.load_refresh_token()
        configured = self._config.oauth_refresh_token
        candidates = [token for token in (stored, configured) if token is not None]
        for refresh in dict.fromkeys(candidates):
            reply = await self._refresh(refresh, lane)
            if reply is None:
                continue
            rotated = reply.get("refresh_token")
            if isinstance(rotated, str) and rotated and rotated != refresh.reveal():
                await self._vault.save_refresh_token(Secret(rotated))
            access = reply.get("access_token")
            if not isinstance(access, str) or not access:
                raise Unreadable(f"POST {self._settings.oauth_token.path}: the answer has no access_token")
            self._keep(Secret(access), reply.get("expires_in"))
            return Secret(access)
        raise CredentialsRefused(
            f"POST {self._settings.oauth_token.path} at {self._hosts.where}: TrackerRMS does not accept the "
            "OAuth2 refresh token; authorise the bridge again and set oauth_refresh_token (check "
            f"oauth_client_id and oauth_client_secret too), and {self._hosts.advice}"
        )

    def _keep(self, access: Secret, expires_in: object) -> None:
        seconds = min(expires_in, _LONGEST_ACCESS_SECONDS) if isinstance(expires_in, int) else 0
        self._access = access
        self._access_ends_at = self._clock() + timedelta(seconds=max(0, seconds - 60))

    async def _refresh(self, refresh: Secret, lane: Lane) -> dict[str, Any] | None:
        secret = self._config.oauth_client_secret
        form = urlencode(
            {
                "client_id": self._config.oauth_client_id,
                "client_secret": secret.reveal() if secret else "",
                "grant_type": "refresh_token",
                "refresh_token": refresh.reveal(),
            }
        )
        call = self._settings.oauth_token
        answer = await self._ask("widget", call, "application/x-www-form-urlencoded", form.encode(), lane)
        return None if answer.status in (400, 401, 403) else self._object(call, answer)

    async def _ask(
        self, generation: Generation, call: Call, content_type: str, body: bytes, lane: Lane
    ) -> Answer:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        try:
            return await self._caller.send(
                Request(
                    method=call.method,
                    path=call.path,
                    headers=headers,
                    body=body,
                    lane=lane,
                    generation=generation,
                )
            )
        except NameUnknown as error:
            raise WrongHost(f"{error}; if the name is right, check this machine's DNS") from error

    def _object(self, call: Call, answer: Answer) -> dict[str, Any]:
        what = f"{call.method} {call.path} at {self._hosts.where}"
        if answer.status == 404 or answer.is_html or 300 <= answer.status < 400:
            found = "a web page" if answer.is_html else str(answer.status)
            raise WrongHost(f"{what} answered {found}: no TrackerRMS API is there; {self._hosts.advice}")
        if answer.status not in (200, 201):
            raise Unreadable(f"{what} answered {answer.status}")
        try:
            reply = pages.decode(answer.utf8)
        except BadJson as error:
            raise BadJson(f"{what}: {error}") from None
        if not isinstance(reply, dict):
            raise Unreadable(f"{what}: the answer is no object")
        return reply

    def _expiry(self, said: object) -> datetime:
        now = self._clock()
        try:
            moment = datetime.fromisoformat(said) if isinstance(said, str) else now + ASSUMED_LIFE
        except ValueError:
            moment = now + ASSUMED_LIFE
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        # A JWT that seems to end within the hour (a clock that is off, a short life) would be exchanged
        # again before every call, and each exchange ends the JWT of every other process.
        return max(moment, now + RENEW_BEFORE + SHORT_LIFE)
