"""Manages the JWT of an account, which one process at a time exchanges and all share through the vault.

An exchange invalidates the previous JWT (observed). A process whose JWT is refused therefore first looks for
a newer one from another process, and only then takes a turn to exchange. A stored JWT is used only with the
credential and the host that it came from; another credential is exchanged at once. Source: the vendor's
lesson on API access, and clients that share one JWT.
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
from bridge.errors import LeaseLost
from bridge.runtime.account_ports import Lane, TokenVault, TrackerToken
from bridge.tracker import answers, pages, token_answer, values
from bridge.tracker.errors import BadJson, CredentialsRefused, EmptyBody, Unreachable, Unreadable, WrongHost
from bridge.tracker.hosts import Generation, Hosts
from bridge.tracker.http import HttpResponse, NameUnknown
from bridge.tracker.retrying import Request, RetryingCaller
from bridge.tracker.schema import CallSpec, Resources

RENEW_BEFORE = timedelta(hours=1)
IN_HEADER = "header"
"""Send the bearer token in the Authorization header instead of the request's body."""
_LONGEST_ACCESS_SECONDS = 24 * 3600
SHORT_LIFE = timedelta(minutes=10)


class Authenticator:
    """Provides the JWT to use, and a newer one after a refusal. ``origin`` identifies the credential."""

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
        """Return when the JWT in use expires, if known."""
        return None if self._known is None else self._known.expires_at

    async def token(self, lane: Lane) -> TrackerToken:
        """Return a JWT that should still be valid. Exchange if there is none or it expires within
        the hour."""
        if self._known is None:
            self._known = await self._stored()
        if self._known is not None and not self._ends_soon(self._known):
            return self._known
        return await self.renew(self._known, lane)

    async def renew(self, refused: TrackerToken | None, lane: Lane) -> TrackerToken:
        """Return a newer JWT than ``refused``: from another process if there is one, else by an exchange.

        Raises ``CredentialsRefused`` or ``WrongHost`` if a person has to act.
        """
        generation = refused.generation if refused else 0
        async with self._turn:
            # Callers of this process queue here. Later ones find the first one's result.
            if self._known is not None and self._known.generation > generation:
                return self._known
            stored = await self._stored()
            if stored is None or stored.generation <= generation:
                async with self._exchange_turn():
                    stored = await self._exchange_unless_done(generation, lane)
            self._known = stored
            return stored

    async def newer(self, refused: TrackerToken) -> TrackerToken | None:
        """Return a newer JWT than ``refused`` if one is stored already; never exchange."""
        if self._known is None or self._known.generation <= refused.generation:
            stored = await self._stored()
            self._known = stored or self._known
        known = self._known
        return known if known is not None and known.generation > refused.generation else None

    async def exchange(self, lane: Lane) -> TrackerToken:
        """Exchange the configured credential even if a valid JWT is stored. The new JWT replaces it for all
        processes. Raises what ``renew`` raises."""
        async with self._turn, self._exchange_turn():
            stored = await self._vault.load()
            self._known = await self._exchanged(stored.generation if stored else 0, lane)
            return self._known

    async def widget_token(self, lane: Lane) -> Secret:
        """Return the credential for the widget API: an OAuth2 access token, as the vendor documents, or the
        bearer token. The widget API does not accept the JWT."""
        if self._config.oauth_refresh_token is None and self._config.bearer_token is not None:
            return self._config.bearer_token
        async with self._turn:
            if self._access is not None and self._clock() < self._access_ends_at:
                return self._access
            async with self._exchange_turn():
                return await self._access_token(lane)

    def forget_access(self) -> None:
        """Forget a refused access token, so that the next call requests another."""
        self._access = None

    @contextlib.asynccontextmanager
    async def _exchange_turn(self) -> AsyncIterator[None]:
        # Page readers take LeaseLost to mean that another process reads them now, so it must not escape here.
        try:
            async with self._vault.exchange_turn():
                yield
        except LeaseLost as error:
            raise Unreachable("the turn to exchange the bearer token was lost to another process") from error

    def _ends_soon(self, token: TrackerToken) -> bool:
        return token.expires_at is not None and token.expires_at - self._clock() <= RENEW_BEFORE

    async def _stored(self) -> TrackerToken | None:
        """Return the stored token if it came from the configured credential."""
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
            # The turn expired while TrackerRMS was slow; a later exchange by another process has invalidated
            # this JWT.
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
                f"{call.method} {call.path} at {self._hosts.where} answered {answer.status}: TrackerRMS "
                "rejects the bearer token. Copy or generate one under Tools & Settings | Security Settings "
                f"| API (generating ends the old one), set it as bearer_token, and {self._hosts.advice}. If "
                "the token is right, set token.sent_as under [integrations.tracker] to the key that takes "
                f'it (now {sent_as}), such as "token", or to "{IN_HEADER}"'
            )
        what = self._taken(call, answer)
        now = self._clock()
        try:
            found = token_answer.parse_token_answer(answer.utf8, self._settings.token, now, self._zone)
        except Unreadable as error:
            raise type(error)(f"{what}: {error}; {self._cure(call)}") from None
        # A JWT that seems to expire within the hour (a wrong clock, a short life) would be exchanged before
        # every call, and each exchange invalidates the JWT of every other process.
        ends = None if found.expires_at is None else max(found.expires_at, now + RENEW_BEFORE + SHORT_LIFE)
        return TrackerToken(
            jwt=Secret(found.token), expires_at=ends, generation=generation, origin=self.origin
        )

    async def _access_token(self, lane: Lane) -> Secret:
        """Exchange the OAuth2 refresh token for an access token. Save a rotated refresh token first."""
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
            f"POST {self._settings.oauth_token.path} at {self._hosts.where}: TrackerRMS rejects the OAuth2 "
            "refresh token; authorize the bridge again and set oauth_refresh_token (check oauth_client_id "
            f"and oauth_client_secret too), and {self._hosts.advice}"
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
        """Return a description of the call. Raises if the answer is not a successful one from TrackerRMS."""
        what = f"{call.method} {call.path} at {self._hosts.where}"
        said = f"{what} {answers.describe_answer(answer)}"
        if answer.status == 404 or answers.is_page(answer) or 300 <= answer.status < 400:
            raise WrongHost(
                f"{said}: there is no TrackerRMS API at this address; {self._hosts.advice}; "
                f"{self._cure(call)}"
            )
        if answer.status not in (200, 201):
            raise Unreadable(f"{said}; {self._cure(call)}")
        if not answer.body.strip():
            raise EmptyBody(f"{said}: the answer's body is empty; {self._cure(call)}")
        return what

    def _cure(self, call: CallSpec) -> str:
        key = "exchange" if call == self._settings.exchange else "oauth_token"
        return f"set paths.{key} in [integrations.tracker] if the path differs"

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
