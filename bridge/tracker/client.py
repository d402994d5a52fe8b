"""The TrackerRMS client: pages, single records and plain calls, within one account's budget.

Every attempt is charged to the budget before it is sent. A refused JWT is renewed, 429 is waited out by
every process, 5xx and broken connections are tried again with a jittered back-off, until the call's
attempts or its deadline are used up.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from bridge.config import IntegrationConfig, Secret
from bridge.credentials import Budget, KnownAccount, Lane, TokenVault
from bridge.tracker import account_guard, hosts, local_time, pages, resources, values, widget
from bridge.tracker.attempts import Patience
from bridge.tracker.auth import Authenticator
from bridge.tracker.calling import Caller, Request
from bridge.tracker.hosts import Generation
from bridge.tracker.pages import Page, PageDecoder
from bridge.tracker.problems import (
    EmptyBody,
    NoCredentials,
    NoRows,
    Refused,
    Unreadable,
)
from bridge.tracker.renewing import Authorised
from bridge.tracker.shapes import Call, Resource, ResourceName, Resources
from bridge.tracker.wire import Answer, Wire

_SUCCESS = (200, 201, 202, 203)
_OURS = ("authorization", "host", "content-length", "transfer-encoding", "connection")


class Gone(Struct, frozen=True, kw_only=True):
    """The record does not exist: answered with one of the statuses that say so (204 and 404, unless set)."""

    status: int


class Detail(Struct, frozen=True, kw_only=True):
    """A record read by id; ``record`` is the decoded object."""

    record: dict[str, Any]


def utc_now() -> datetime:
    """The moment, aware UTC."""
    return datetime.now(UTC)


class Client:
    """One integration's TrackerRMS. Use as ``async with Client(…) as client``.

    ``clock`` gives aware UTC; it dates tokens and ``updatedAfter``, it times nothing. ``lane`` is the
    budget's lane of every call that names none itself. With ``known``, a credential is refused that opens
    another account.
    """

    def __init__(
        self,
        config: IntegrationConfig,
        budget: Budget,
        vault: TokenVault,
        *,
        settings: Resources | None = None,
        clock: Callable[[], datetime] = utc_now,
        patience: Patience | None = None,
        lane: Lane = "poll",
        known: KnownAccount | None = None,
    ) -> None:
        where = f"integrations.{config.id}.tracker"
        self.settings = resources.configure(config.tracker, where) if settings is None else settings
        self.hosts = hosts.of(config)
        self.patience = patience or Patience()
        self.zone = ZoneInfo(config.time_zone)
        self._lane = lane
        self._known = known
        self._confirming = asyncio.Lock()
        self._bare: Callable[[], Client] = partial(
            Client, config, budget, vault, settings=self.settings, clock=clock, patience=patience, lane=lane
        )
        self._credentials = widget.credentials(config)
        self._clock = clock
        self._wire = Wire(self.patience)
        self._caller = Caller(self._wire, budget, self.hosts, self.patience, clock, self.settings)
        self._auth = Authenticator(config, self.settings, self.hosts, vault, self._caller, clock, self.zone)
        self._authorised = Authorised(self._auth, self._caller, self.settings, self.hosts)
        self._decoders = {
            name: PageDecoder(table.rows, table.id_keys, f"{table.entity} id")
            for name, table in self.settings.resources.items()
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    @property
    def clock_skew_seconds(self) -> float | None:
        """TrackerRMS's clock minus ours by the last answer's ``Date``; ``None`` before the first."""
        return self._caller.clock_skew_seconds

    async def pages(
        self,
        resource: ResourceName,
        *,
        state: str | None = None,
        updated_after: datetime | None = None,
        number: int = 1,
        lane: Lane | None = None,
    ) -> Page:
        """One page of a list, from 1. ``updated_after`` is aware UTC; ``None`` lists everything.

        Raises ``Unreadable`` (``EmptyBody``, ``BadJson``, ``NoRows``), ``Refused``, ``AccountFault``,
        ``Unreachable`` or ``Throttled``.
        """
        table = self.settings[resource]
        call = self.settings.users_widget if self._by_widget(resource) else table.list
        generation: Generation = "widget" if self._by_widget(resource) else "rest"
        body = call.body
        if generation == "rest" and table.paged:
            body = {**(call.body or {}), **self._search(table, state, updated_after), "pageNumber": number}
        get = call.method == "GET"
        answer = await self.request(
            call.method,
            call.path,
            data=None if get else body,
            params={key: str(value) for key, value in (body or {}).items()} if get else None,
            lane=lane,
            repeatable=True,
            generation=generation,
        )
        name = f"{call.method} {call.path}"
        _check(name, answer)
        try:
            page = self._decoders[resource].decode(answer.body, number)
        except Unreadable as error:
            if generation == "widget":
                self._widget_reply(name, answer)
            raise type(error)(f"{name}: {error}") from None
        whole = generation == "widget" or not table.paged
        return msgspec.structs.replace(page, has_next=False) if whole else page

    async def statuses(self, lane: Lane | None = None) -> Page:
        """Every placement status in order, as one page; ``Row.place`` is its place."""
        return await self.pages("statuses", lane=lane)

    async def detail(
        self, resource: ResourceName, remote_id: str, *, lane: Lane | None = None
    ) -> Detail | Gone:
        """One record by id, live. An empty 200 is an ``EmptyBody``, never ``Gone``."""
        call = self.settings[resource].by_id
        if call is None:
            raise Refused(f"{resource} can't be read by id", 405)
        path = call.filled(id=remote_id)
        record = await self.read(call.method, path, lane=lane)
        if isinstance(record, Gone):
            return record
        if not isinstance(record, dict):
            raise NoRows(f"{call.method} {path}: the answer is {values.kind(record)}, expected an object")
        return Detail(record=record)

    async def read(self, method: str, path: str, *, lane: Lane | None = None) -> Any | Gone:
        """What one reading call answered, decoded; ``Gone`` where it says that nothing is there."""
        answer = await self.request(method, path, lane=lane, repeatable=True)
        if answer.status in self.settings.gone_statuses:
            return Gone(status=answer.status)
        name = f"{method} {path}"
        _check(name, answer)
        if not answer.body.strip():
            raise EmptyBody(f"{name}: the answer's body is empty")
        try:
            return pages.decode(answer.body)
        except Unreadable as error:
            raise type(error)(f"{name}: {error}") from None

    async def call_widget(
        self, call: Call, inner: Mapping[str, Any], *, action: str | None = None, repeatable: bool = False
    ) -> widget.Reply:
        """One call of the widget API by document: envelope and credentials around ``inner``.

        ``action`` is the one that REST could carry out instead, for the message. Raises what ``request``
        and ``widget.reply`` raise.
        """
        answer = await self.request(
            call.method,
            call.path,
            data=widget.envelope(call.path, inner),
            repeatable=repeatable,
            generation="widget",
        )
        return self._widget_reply(f"{call.method} {call.path}", answer, action, inner)

    async def request(
        self,
        method: str,
        path: str,
        *,
        data: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        lane: Lane | None = None,
        repeatable: bool = False,
        generation: Generation = "rest",
    ) -> Answer:
        """One authorised call, whatever the answer's status but 401, 429 and 5xx, which are retried.

        ``data``: bytes are sent as they are, anything else as JSON. ``headers`` can't replace the
        authorisation nor what frames the request. A call that is not ``repeatable`` (a
        write) is sent once more only where it can't have been carried out; a lost answer is
        ``EffectUnknown``, and a 5xx is the caller's to read. The widget API's envelope is given the
        configured credentials; where none are, the Authorization header carries the token.
        """
        if not path.startswith("/"):
            # Joined to the host's name, anything else could name another host, and it would get the token.
            raise Refused("a path must start with /", 400)
        complete = widget.with_credentials(data, self._credentials) if generation == "widget" else None
        whole = data if complete is None else complete
        body = whole if whole is None or isinstance(whole, bytes) else msgspec.json.encode(whole)
        request = Request(
            method=method,
            path=path,
            headers=_headers(headers, body),
            body=body,
            params=params,
            lane=lane or self._lane,
            generation=generation,
            repeatable=repeatable,
        )
        await self._confirm_account()
        if complete is not None:
            return await self._caller.send(request)
        if generation == "widget":
            return await self._attempt(request, await self._auth.widget_token(request.lane))
        patience = self.patience
        return await self._authorised.send(request, patience.renewals, patience.renewal_pause_seconds)

    async def _confirm_account(self) -> None:
        """Raise ``AnotherAccount`` for a credential that was not used before and opens another account."""
        async with self._confirming:
            if self._known is None:
                return
            if self.settings.account_change == "refuse" and not await self._known.is_confirmed(
                self._auth.origin
            ):
                async with self._bare() as bare:

                    async def read(resource: ResourceName) -> list[dict[str, Any]]:
                        state = bare.settings[resource].states[0]
                        return [row.decode() for row in (await bare.pages(resource, state=state)).rows]

                    await account_guard.check(self._known, read, self.hosts.where)
            await self._known.confirm(self._auth.origin)
            self._known = None

    async def exchange(self) -> datetime | None:
        """Exchange the configured credential, even where a good JWT is stored; return when the new one ends,
        where anything tells. Raises ``AccountFault``, ``Unreadable``, ``Unreachable`` or ``Throttled``."""
        return (await self._auth.exchange(self._lane)).expires_at

    async def _attempt(self, request: Request, bearer: Secret) -> Answer:
        headers = {**request.headers, "Authorization": f"Bearer {bearer.reveal()}"}
        return await self._caller.send(msgspec.structs.replace(request, headers=headers))

    def _widget_reply(
        self, name: str, answer: Answer, action: str | None = None, sent: Any = None
    ) -> widget.Reply:
        try:
            return widget.reply(name, answer, self.hosts.where, action, sent)
        except NoCredentials:
            # Should it have been a token that ended early: the next call asks for another.
            self._auth.forget_access()
            raise

    def _by_widget(self, resource: ResourceName) -> bool:
        return resource == "users" and self.settings.users_from == "widget"

    def _search(self, table: Resource, state: str | None, updated_after: datetime | None) -> dict[str, str]:
        found = {}
        if state is not None:
            found["state"] = state
        if updated_after is not None and table.updated_after:
            found["updatedAfter"] = self.format_updated_after(updated_after)
        return found

    def format_updated_after(self, moment: datetime) -> str:
        """``updatedAfter`` for an aware UTC moment, as this account compares it."""
        if self.settings.updated_after_zone == "utc":
            return local_time.updated_after_utc(moment)
        return local_time.updated_after(moment, self._clock(), self.zone)


def _headers(given: Mapping[str, str] | None, body: bytes | None) -> dict[str, str]:
    theirs = {name: value for name, value in (given or {}).items() if name.lower() not in _OURS}
    found = {"Accept": "application/json", **theirs}
    if body is not None and not any(name.lower() == "content-type" for name in found):
        found["Content-Type"] = "application/json"
    return found


def _check(name: str, answer: Answer) -> None:
    """Raise unless the answer is a success."""
    if answer.status == 204:
        raise EmptyBody(f"{name} answered 204, without a body")
    if answer.status not in _SUCCESS:
        raise Refused(f"{name} answered {answer.status}", answer.status)
