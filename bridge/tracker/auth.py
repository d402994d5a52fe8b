"""One JWT per account, exchanged by one process at a time and shared through the vault.

Exchanging again kills the JWT before it (observed), so whoever is refused first looks whether another
process has exchanged already, and only then takes a turn. A stored JWT counts only for the credential and
the host that it came from: with another credential it is exchanged at once. Source: the vendor's lesson on
API access, and clients that share one JWT.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import msgspec

from bridge.config import IntegrationConfig, Secret
from bridge.credentials import Lane, TokenVault, TrackerToken
from bridge.errors import LeaseLost
from bridge.tracker import answers, pages, token_answer, values
from bridge.tracker.errors import BadJson, CredentialsRefused, EmptyBody, Unreachable, Unreadable, WrongHost
from bridge.tracker.hosts import Generation, Hosts
from bridge.tracker.http import HttpResponse, NameUnknown
from bridge.tracker.retrying import Request, RetryingCaller
from bridge.tracker.schema import CallSpec, Resources

RENEW_BEFORE = timedelta(hours=1)
IN_HEADER = "header"
"""A bearer token is given in the Authorization header, instead of under a key of the request's body."""
_LONGEST_ACCESS_SECONDS = 24 * 3600
SHORT_LIFE = timedelta(minutes=10)


class Authenticator:
    """Gives the JWT to use, and a newer one when that was refused. ``origin`` stands for the credential."""

    def __init__(
        self,
        config: IntegrationConfig,
        settings: Resources,
        hosts: Hosts,
        vault: TokenVault,
        caller: RetryingCaller,
        clock: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        self._config = config
        self._settings = settings
        self._hosts = hosts
        self._vault = vault
        self._caller = caller
        self._clock = clock
        self._zone = zone
        self.origin = _origin(config, settings, hosts, vault)
        self._known: TrackerToken | None = None
        self._turn = asyncio.Lock()
        self._access: Secret | None = None
        self._access_ends_at = datetime.min.replace(tzinfo=UTC)

    @property
    def ends_at(self) -> datetime | None:
        """When the JWT in use ends, where anything tells."""
        return None if self._known is None else self._known.expires_at

    async def token(self, lane: Lane) -> TrackerToken:
        """A JWT that should still be good; exchanges when there is none or it ends within the hour."""
        if self._known is None:
            self._known = await self._stored()
        if self._known is not None and not self._ends_soon(self._known):
            return self._known
        return await self.renew(self._known, lane)

    async def renew(self, refused: TrackerToken | None, lane: Lane) -> TrackerToken:
        """A newer JWT than ``refused``: another process's where there is one, else exchanged here.

        Raises ``CredentialsRefused`` or ``WrongHost`` when a person has to act.
        """
        generation = refused.generation if refused else 0
        async with self._turn:
            # Callers of this process queue here; those after the first find its result.
            if self._known is not None and self._known.generation > generation:
                return self._known
            stored = await self._stored()
            if stored is None or stored.generation <= generation:
                async with self._exchange_turn():
                    stored = await self._exchange_unless_done(generation, lane)
            self._known = stored
            return stored

    async def newer(self, refused: TrackerToken) -> TrackerToken | None:
        """A newer JWT than ``refused`` that is there already; never exchanges."""
        if self._known is None or self._known.generation <= refused.generation:
            stored = await self._stored()
            self._known = stored or self._known
        known = self._known
        return known if known is not None and known.generation > refused.generation else None

    async def exchange(self, lane: Lane) -> TrackerToken:
        """A JWT for the configured credential, even where a good one is stored; the new one replaces it for
        every process. Raises as ``renew`` does."""
        async with self._turn, self._exchange_turn():
            stored = await self._vault.load()
            self._known = await self._exchanged(stored.generation if stored else 0, lane)
            return self._known

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

    def _ends_soon(self, token: TrackerToken) -> bool:
        return token.expires_at is not None and token.expires_at - self._clock() <= RENEW_BEFORE

    async def _stored(self) -> TrackerToken | None:
        """The stored token, if it came from the configured credential."""
        stored = await self._vault.load()
        return stored if stored is not None and stored.origin == self.origin else None

    async def _exchange_unless_done(self, generation: int, lane: Lane) -> TrackerToken:
        stored = await self._stored()
        if stored is not None and stored.generation > generation:
            return stored
        newest = await self._vault.load()
        return await self._exchanged(max(generation, newest.generation if newest else 0), lane)

    async def _exchanged(self, newest: int, lane: Lane) -> TrackerToken:
        token = await self._exchange(newest + 1, lane)
        try:
            await self._vault.save(token)
        except LeaseLost:
            # The turn ran out while TrackerRMS was slow: whoever exchanged since has ended this JWT.
            stored = await self._stored()
            if stored is None or stored.generation <= newest:
                raise
            return stored
        return token

    async def _exchange(self, generation: int, lane: Lane) -> TrackerToken:
        bearer = self._config.bearer_token or await self._access_token(lane)
        call, sent_as = self._settings.exchange, self._settings.token.sent_as
        given = {} if sent_as == IN_HEADER else {sent_as: bearer.reveal()}
        more = {} if given else {"Authorization": f"Bearer {bearer.reveal()}"}
        answer = await self._ask("rest", call, "application/json", msgspec.json.encode(given), lane, more)
        if answer.status in (400, 401, 403):
            raise CredentialsRefused(
                f"{call.method} {call.path} at {self._hosts.where} answered {answer.status}: TrackerRMS does "
                "not accept the bearer token; copy or generate one under Tools & Settings | Security "
                "Settings | API (generating ends the old one), set it as bearer_token, and "
                f"{self._hosts.advice}. If the token is right, set token.sent_as under [integrations.tracker]"
                f' to the key that takes it (now {sent_as}), such as "token", or to "{IN_HEADER}"'
            )
        what = self._taken(call, answer)
        now = self._clock()
        try:
            found = token_answer.parse_token_answer(answer.utf8, self._settings.token, now, self._zone)
        except Unreadable as error:
            raise type(error)(f"{what}: {error}; {self._cure(call)}") from None
        # A JWT that seems to end within the hour (a clock that is off, a short life) would be exchanged
        # again before every call, and each exchange ends the JWT of every other process.
        ends = None if found.expires_at is None else max(found.expires_at, now + RENEW_BEFORE + SHORT_LIFE)
        return TrackerToken(
            jwt=Secret(found.token), expires_at=ends, generation=generation, origin=self.origin
        )

    async def _access_token(self, lane: Lane) -> Secret:
        """OAuth2: a refresh token -> an access token. A rotated refresh token is saved before all else."""
        stored = await self._vault.load_refresh_token(self.origin)
        configured = self._config.oauth_refresh_token
        candidates = [token for token in (stored, configured) if token is not None]
        for refresh in dict.fromkeys(candidates):
            reply = await self._refresh(refresh, lane)
            if reply is None:
                continue
            rotated = reply.get("refresh_token")
            if isinstance(rotated, str) and rotated and rotated != refresh.reveal():
                await self._vault.save_refresh_token(Secret(rotated), self.origin)
            access = reply.get("access_token")
            if not isinstance(access, str) or not access:
                call = self._settings.oauth_token
                said = f"{call.method} {call.path}: the answer has no access_token; its keys: "
                raise Unreadable(f"{said}{answers.describe_keys(reply)}; {self._cure(call)}")
            self._keep(Secret(access), reply.get("expires_in"))
            return Secret(access)
        raise CredentialsRefused(
            f"POST {self._settings.oauth_token.path} at {self._hosts.where}: TrackerRMS does not accept the "
            "OAuth2 refresh token; authorize the bridge again and set oauth_refresh_token (check "
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
        self,
        generation: Generation,
        call: CallSpec,
        content_type: str,
        body: bytes,
        lane: Lane,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> HttpResponse:
        headers = {"Content-Type": content_type, "Accept": "application/json", **more}
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

    def _taken(self, call: CallSpec, answer: HttpResponse) -> str:
        """The call in words, if it met TrackerRMS and was not refused."""
        what = f"{call.method} {call.path} at {self._hosts.where}"
        said = f"{what} {answers.describe_answer(answer)}"
        if answer.status == 404 or answers.is_page(answer) or 300 <= answer.status < 400:
            raise WrongHost(f"{said}: no TrackerRMS API is there; {self._hosts.advice}; {self._cure(call)}")
        if answer.status not in (200, 201):
            raise Unreadable(f"{said}; {self._cure(call)}")
        if not answer.body.strip():
            raise EmptyBody(f"{said}: the answer's body is empty; {self._cure(call)}")
        return what

    def _cure(self, call: CallSpec) -> str:
        key = "exchange" if call == self._settings.exchange else "oauth_token"
        return f"set paths.{key} in [integrations.tracker] if it is elsewhere"

    def _object(self, call: CallSpec, answer: HttpResponse) -> dict[str, Any]:
        what = self._taken(call, answer)
        try:
            reply = pages.decode_leniently(answer.utf8)
        except BadJson as error:
            raise BadJson(f"{what}: {error}; {self._cure(call)}") from None
        if not isinstance(reply, dict):
            raise Unreadable(
                f"{what}: the answer is {values.kind(reply)}, expected an object; {self._cure(call)}"
            )
        return reply


def _origin(config: IntegrationConfig, settings: Resources, hosts: Hosts, vault: TokenVault) -> bytes:
    where = (hosts.rest, settings.exchange.path)
    if config.bearer_token is not None:
        return vault.origin("bearer_token", *where, config.bearer_token.reveal())
    refresh = config.oauth_refresh_token
    return vault.origin(
        "oauth_refresh_token",
        *(*where, hosts.widget, config.oauth_client_id),
        refresh.reveal() if refresh else "",
    )
