"""The TrackerRMS client: pages, single records and plain calls, within one account's budget.

Every attempt is charged to the budget before it is sent. A refused JWT is renewed, all processes wait after a
429, and 5xx and broken connections are retried with jittered back-off until the call's attempts or its
deadline are used up.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec

from bridge.clock import utc_now
from bridge.config import IntegrationConfig, Secret
from bridge.runtime.account_ports import KnownAccount, Lane, RequestBudget, TokenVault
from bridge.tracker import (
    account_guard,
    answers,
    cures,
    hosts,
    local_time,
    pages,
    resources,
    retrying,
    status_shapes,
    widget,
)
from bridge.tracker.answers import ByIdAnswer
from bridge.tracker.auth import Authenticator
from bridge.tracker.by_id import Detail, RecordGone
from bridge.tracker.errors import (
    EmptyBody,
    NoCredentials,
    NoRows,
    Refused,
    Unreadable,
)
from bridge.tracker.hosts import Generation
from bridge.tracker.http import HttpResponse, HttpSession, Observe
from bridge.tracker.normalize import Normalizer
from bridge.tracker.pages import Page, PageDecoder
from bridge.tracker.retry_policy import RetryPolicy
from bridge.tracker.retrying import Request, RetryingCaller
from bridge.tracker.schema import PLAIN_ABSENCE, CallSpec, Resource, ResourceName, Resources
from bridge.tracker.token_renewal import Authorized

_FAILURES = frozenset(range(500, 600))


class Client:
    """A client for one integration's TrackerRMS. Use it as ``async with Client(…) as client``.

    ``requests`` counts its calls. ``clock`` returns aware UTC for dating tokens and ``updatedAfter``; it
    measures no durations. ``lane`` is the default budget lane of its calls. With ``known``, a credential that
    opens another account is rejected. ``observe`` is called for every exchange.
    """

    def __init__(
        self,
        config: IntegrationConfig,
        budget: RequestBudget,
        vault: TokenVault,
        *,
        settings: Resources | None = None,
        clock: Callable[[], datetime] = utc_now,
        patience: RetryPolicy | None = None,
        lane: Lane = "poll",
        known: KnownAccount | None = None,
        observe: Observe | None = None,
    ) -> None:
        where = f"integrations.{config.id}.tracker"
        self.settings = resources.configure_resources(config.tracker, where) if settings is None else settings
        self._config = config
        self._normalizer: Normalizer | None = None
        self.hosts = hosts.hosts_of(config)
        self.patience = patience or RetryPolicy()
        self.zone = ZoneInfo(config.time_zone)
        self.requests = 0
        self._lane = lane
        self._known = known
        self._confirming = asyncio.Lock()
        self._bare: Callable[[Resources], Client] = lambda now: Client(
            config, budget, vault, settings=now, clock=clock, patience=patience, lane=lane
        )
        self._credentials = widget.credentials(config)
        self._clock = clock
        self._wire = HttpSession(self.patience, self.settings.charset, observe)
        self._wire.html_texts = self.settings.texts == "html"
        self._caller = RetryingCaller(self._wire, budget, self.hosts, self.patience, clock, self.settings)
        self._auth = Authenticator(config, self.settings, self.hosts, vault, self._caller, clock, self.zone)
        self._authorized = Authorized(self._auth, self._caller, self.settings, self.hosts)
        self._decoders = _decoders(self.settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    def adopt(self, settings: Resources) -> None:
        """Use these settings from now on."""
        self.settings = settings
        self._normalizer = None
        self._decoders = _decoders(settings)
        self._wire.html_texts = settings.texts == "html"
        self._authorized.adopt(settings)

    @property
    def normalizer(self) -> Normalizer:
        """Return the normalizer of the account, by the present settings."""
        if self._normalizer is None:
            self._normalizer = Normalizer(self._config.id, self.settings, self._config.time_zone)
        return self._normalizer

    @property
    def times(self) -> local_time.Clock:
        """Return the clock for reading the account's times."""
        return self.settings.clock(self.zone)

    @property
    def clock_skew_seconds(self) -> float | None:
        """Return TrackerRMS's clock minus ours by the last answer's ``Date``; ``None`` before the first."""
        return self._caller.clock_skew_seconds

    async def pages(
        self,
        resource: ResourceName,
        *,
        state: str | None = None,
        updated_after: datetime | None = None,
        number: int = 1,
        asked: int | None = None,
        lane: Lane | None = None,
    ) -> Page:
        """Read one page of a list, counted from 1. ``updated_after`` is aware UTC; ``None`` lists everything.

        ``asked`` is a page number to send unchanged, regardless of the settings for the first page and for
        lists that are not paged; it serves to learn those settings.

        Raises ``Unreadable`` (``EmptyBody``, ``BadJson``, ``NoRows``), ``Refused``, ``AccountFault``,
        ``Unreachable`` or ``Throttled``.
        """
        name, answer = await self.list_answer(
            resource, state=state, updated_after=updated_after, number=number, asked=asked, lane=lane
        )
        return self.page_of(resource, name, answer, number, one_page=asked is None)

    def page_of(
        self, resource: ResourceName, name: str, answer: HttpResponse, number: int, *, one_page: bool = True
    ) -> Page:
        """Decode the answer of ``list_answer``. With ``one_page``, a list that is not paged is complete.

        Raises ``Unreadable``.
        """
        by_widget, table = self._by_widget(resource), self.settings[resource]
        cure = self.list_cure(resource)
        try:
            page = self._decode(resource, answer.utf8, number)
        except NoRows as error:
            if by_widget:
                self._widget_reply(name, answer, cure)
            raise NoRows(
                f"{name}: {error}; set rows.{resource} in [integrations.tracker] to the key that holds the "
                f"rows, or {cure}"
            ) from None
        except Unreadable as error:
            raise type(error)(f"{name}: {error}; {cure}") from None
        whole = one_page and (by_widget or not table.paged)
        return msgspec.structs.replace(page, has_next=False) if whole else page

    async def list_answer(
        self,
        resource: ResourceName,
        *,
        state: str | None = None,
        updated_after: datetime | None = None,
        number: int = 1,
        asked: int | None = None,
        lane: Lane | None = None,
    ) -> tuple[str, HttpResponse]:
        """Request one page of a list, as ``pages`` does. Return the call's name and its successful answer.

        Raises what ``pages`` raises, except ``BadJson`` and ``NoRows``.
        """
        call = self.settings.users_widget if self._by_widget(resource) else self.settings[resource].list
        generation: Generation = "widget" if self._by_widget(resource) else "rest"
        body = call.body
        if generation == "rest":
            body = self._list_body(resource, state, updated_after, number, asked)
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
        cures.require_success(name, answer, cures.of_list(resource, generation))
        return name, answer

    def _list_body(
        self,
        resource: ResourceName,
        state: str | None,
        updated_after: datetime | None,
        number: int,
        asked: int | None,
    ) -> Any:
        table = self.settings[resource]
        if not (table.paged or table.updated_after or asked is not None):
            return table.list.body
        sent = number - 1 + self.settings.first_page if asked is None else asked
        page_of = {self.settings.page_number: sent} if table.paged or asked is not None else {}
        return {**(table.list.body or {}), **self._search(table, state, updated_after), **page_of}

    async def answer_to(self, bearer: Secret, resource: ResourceName) -> tuple[HttpResponse, bool]:
        """Request a list's first page with another JWT than the one in use. Return the answer, and true if it
        is a refusal. Raises ``Unreachable`` or ``Throttled``."""
        call = self.settings[resource].list
        body = self._list_body(resource, self.settings[resource].states[0], None, 1, None)
        data = None if call.method == "GET" else body
        request, answer = await self._tried(bearer, call.method, call.path, data)
        return answer, self._authorized.is_refusal(request, answer)

    @property
    def token_ends_at(self) -> datetime | None:
        """Return when the JWT in use expires, in aware UTC; ``None`` if unknown."""
        return self._auth.ends_at

    def _decode(self, resource: ResourceName, body: bytes, number: int) -> Page:
        decoder = self._decoders[resource]
        try:
            return decoder.decode(body, number)
        except NoRows:
            rows_key = self.settings[resource].rows
            rows = (
                status_shapes.rows_in(pages.decode_leniently(body), rows_key)
                if resource == "statuses"
                else None
            )
            if rows is None:
                raise
            return decoder.decode(msgspec.json.encode({rows_key: rows}), number)

    async def statuses(self, lane: Lane | None = None) -> Page:
        """Read every placement status in order, as one page. ``Row.place`` is its position."""
        return await self.pages("statuses", lane=lane)

    async def detail(
        self, resource: ResourceName, remote_id: str, *, lane: Lane | None = None
    ) -> Detail | RecordGone:
        """Read one record by id. The answer must have the requested id.

        Raises ``EmptyBody`` for an empty 200, ``OtherRecord`` for another record, and ``NotTheRecord`` for
        any other answer. Returns ``RecordGone`` only for the answers in ``tracker.absence``.
        """
        table, absence = self.settings[resource], self.settings.absence
        kept = absence.statuses & _FAILURES
        call, answer = await self._ask_by_id(resource, remote_id, lane, kept)
        if answer.status in absence.statuses:
            return RecordGone(status=answer.status, sure=answer.status in PLAIN_ABSENCE)
        name = f"{call.method} {call.filled(id=remote_id)}"
        cure = f"set paths.{resource}_by_id in [integrations.tracker] if the path differs"
        if answer.status not in answers.SUCCESS:
            cure += f"; if the account answers absent ids like this, add {answer.status} to absence.statuses"
        if answer.status not in answers.SUCCESS:
            cures.require_success(name, answer, cure)
        try:
            seen = answers.look(answer, table, remote_id)
        except Unreadable as error:
            raise type(error)(f"{name}: {error}; {cure}") from None
        if seen.record is not None:
            return Detail(record=seen.record) if seen.kind == "record" else _gone(seen, sure=True)
        if seen.kind in absence.bodies:
            return _gone(seen, sure=False)
        raise cures.record_refusal(name, seen, cure)

    async def look_by_id(
        self, resource: ResourceName, remote_id: str, *, lane: Lane | None = None
    ) -> ByIdAnswer:
        """Classify the answer to one by-id read, regardless of ``tracker.absence``, with a single attempt.

        Raises ``BadJson``, and what ``request`` raises.
        """
        _, answer = await self._ask_by_id(resource, remote_id, lane, _FAILURES, looked_at=True)
        return answers.look(answer, self.settings[resource], remote_id)

    async def _ask_by_id(
        self,
        resource: ResourceName,
        remote_id: str,
        lane: Lane | None,
        kept: frozenset[int],
        *,
        looked_at: bool = False,
    ) -> tuple[CallSpec, HttpResponse]:
        call = self.settings[resource].by_id
        if call is None:
            raise Refused(f"{resource} can't be read by id", 405)
        path = call.filled(id=remote_id)
        answer = await self.request(
            call.method, path, lane=lane, repeatable=True, kept=kept, looked_at=looked_at
        )
        return call, answer

    async def read(self, method: str, path: str, cure: str, *, lane: Lane | None = None) -> Any | RecordGone:
        """Send one reading call and return the decoded answer, or ``RecordGone`` if it says that there is
        nothing.

        ``cure`` says what to set if the path is wrong, for messages.
        """
        answer = await self.request(method, path, lane=lane, repeatable=True)
        # A web page is the answer for a path that does not exist.
        if answer.status in self.settings.absence.statuses & PLAIN_ABSENCE and not answers.is_page(answer):
            return RecordGone(status=answer.status)
        name = f"{method} {path}"
        cures.require_success(name, answer, cure)
        if not answer.body.strip():
            raise EmptyBody(f"{name}: the answer's body is empty; {cure}")
        try:
            return pages.decode_leniently(answer.utf8)
        except Unreadable as error:
            raise type(error)(f"{name}: {error}; {cure}") from None

    async def call_widget(
        self,
        call: CallSpec,
        inner: Mapping[str, Any],
        cure: str,
        *,
        action: str | None = None,
        repeatable: bool = False,
    ) -> widget.WidgetReply:
        """Make one documented call of the widget API, with envelope and credentials around ``inner``.

        ``cure`` says what to set if the call does not exist, and ``action`` names the action that REST could
        carry out instead, for messages. Raises what ``request`` and ``widget.read_widget_reply`` raise.
        """
        answer = await self.request(
            call.method,
            call.path,
            data=widget.wrap_in_envelope(call.path, inner),
            repeatable=repeatable,
            generation="widget",
        )
        return self._widget_reply(f"{call.method} {call.path}", answer, cure, action, inner)

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
        kept: frozenset[int] = frozenset(),
        looked_at: bool = False,
    ) -> HttpResponse:
        """Make one authorized call and return the answer, with any status except 401, 429 and 5xx, which are
        retried.

        A 5xx in ``kept`` is returned at once; with ``looked_at``, so is a refusal. ``data``: bytes are sent
        unchanged, anything else as JSON. ``headers`` can't replace the authorization or the framing. A call
        that is not ``repeatable`` (a write) is repeated only if it can't have been carried out; a lost answer
        raises ``EffectUnknown``, and a 5xx is returned to the caller. The envelope of the widget API gets the
        configured credentials; without any, the Authorization header carries the token.
        """
        if not path.startswith("/"):
            # Appended to the host's name, any other text could name another host, which would get the token.
            raise Refused("a path must start with /", 400)
        self.requests += 1
        complete = widget.with_credentials(data, self._credentials) if generation == "widget" else None
        whole = data if complete is None else complete
        body = whole if whole is None or isinstance(whole, bytes) else msgspec.json.encode(whole)
        request = Request(
            method=method,
            path=path,
            headers=retrying.headers_of(headers, body),
            body=body,
            params=params,
            lane=lane or self._lane,
            generation=generation,
            repeatable=repeatable,
            kept=kept,
            looked_at=looked_at,
        )
        await self._confirm_account()
        if complete is not None:
            return await self._caller.send(request)
        if generation == "widget":
            return await self._attempt(request, await self._auth.widget_token(request.lane))
        patience = self.patience
        return await self._authorized.send(request, patience.renewals, patience.renewal_pause_seconds)

    async def try_bearer(
        self, bearer: Secret | None, method: str, path: str, *, data: Any = None
    ) -> HttpResponse:
        """Make one call with another token than the account's, or without one. Return the answer with any
        status; a refusal does not renew the token. Raises ``Unreachable`` or ``Throttled``."""
        return (await self._tried(bearer, method, path, data))[1]

    async def _tried(
        self, bearer: Secret | None, method: str, path: str, data: Any
    ) -> tuple[Request, HttpResponse]:
        self.requests += 1
        body = None if data is None else msgspec.json.encode(data)
        headers = retrying.headers_of(None, body)
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.reveal()}"
        request = Request(
            method=method, path=path, headers=headers, body=body, lane=self._lane, kept=_FAILURES
        )
        return request, await self._caller.send(request)

    async def _confirm_account(self) -> None:
        """Raise ``AnotherAccount`` if the credential is new and opens another account."""
        async with self._confirming:
            if self._known is None:
                return
            if self.settings.account_change == "refuse" and not await self._known.is_confirmed(
                self._auth.origin
            ):
                async with self._bare(self.settings) as bare:

                    async def read(resource: ResourceName) -> list[dict[str, Any]]:
                        state = bare.settings[resource].states[0]
                        return [row.decode() for row in (await bare.pages(resource, state=state)).rows]

                    await account_guard.check_account(self._known, read, self.hosts.where)
            await self._known.confirm(self._auth.origin)
            self._known = None

    async def exchange(self) -> datetime | None:
        """Exchange the configured credential even if a valid JWT is stored. Return when the new one expires,
        if known. Raises ``AccountFault``, ``Unreadable``, ``Unreachable`` or ``Throttled``."""
        return (await self._auth.exchange(self._lane)).expires_at

    async def _attempt(self, request: Request, bearer: Secret) -> HttpResponse:
        headers = {**request.headers, "Authorization": f"Bearer {bearer.reveal()}"}
        return await self._caller.send(msgspec.structs.replace(request, headers=headers))

    def _widget_reply(
        self, name: str, answer: HttpResponse, cure: str, action: str | None = None, sent: Any = None
    ) -> widget.WidgetReply:
        try:
            return widget.read_widget_reply(name, answer, self.hosts.where, cure, action, sent)
        except NoCredentials:
            # The token may have ended early; the next call requests another.
            self._auth.forget_access()
            raise

    def list_cure(self, resource: ResourceName) -> str:
        """Return what to set if a list does not exist or its answer is not a list."""
        return cures.of_list(resource, "widget" if self._by_widget(resource) else "rest")

    def _by_widget(self, resource: ResourceName) -> bool:
        return resource == "users" and self.settings.users_from == "widget"

    def _search(self, table: Resource, state: str | None, updated_after: datetime | None) -> dict[str, str]:
        found = {}
        if state is not None:
            found["state"] = self.settings.states.get(state, state)
        if updated_after is not None and table.updated_after:
            found["updatedAfter"] = self.format_updated_after(updated_after)
        return found

    def format_updated_after(self, moment: datetime) -> str:
        """Format an aware UTC moment for ``updatedAfter``, as this account compares it."""
        if self.settings.updated_after_zone == "utc":
            return local_time.updated_after_utc(moment)
        return local_time.format_updated_after(moment, self._clock(), self.zone)


def _decoders(settings: Resources) -> dict[ResourceName, PageDecoder]:
    return {
        name: PageDecoder(table.rows, table.id_keys, f"{table.entity} id")
        for name, table in settings.resources.items()
    }


def _gone(seen: ByIdAnswer, *, sure: bool) -> RecordGone:
    return RecordGone(status=seen.status, kind=seen.kind, sure=sure)
