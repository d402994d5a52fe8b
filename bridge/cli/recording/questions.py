"""Asks the questions that a recording needs beyond the check: read-only requests for the remaining switches.

Each question is about one switch. If it is refused or not answered, only that switch remains unknown.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from bridge.cli.recording.detectors import dates, filters, paths, statuses, tokens, writes
from bridge.cli.recording.exchanges import Tape
from bridge.cli.recording.seen import (
    BY_ID,
    NAMES,
    Filtered,
    ListAnswer,
    SeenAccount,
    gaps,
    is_good,
    normalize_keys,
    own_id,
    unwrapped_row,
)
from bridge.config import Secret
from bridge.errors import BridgeError, Fatal, Throttled
from bridge.json_types import JsonObject
from bridge.tracker.client import Client
from bridge.tracker.schema import CallSpec, ResourceName

_PAGES: Final = 4
_WHOLE_PAGES: Final = 8
_BY_ID: Final = 16
_RECENT: Final = 4
_GAPS: Final = 3
_FAR: Final = 1_000_000
_ODD_SIZE: Final = 6
_CAP: Final = 100
_ADDRESS: Final = re.compile(r"[^\s<>:;,\"'\ufeff\u200b]+@[^\s<>:;,\"'\u200b]+")
_WRONG: Final = "bridge-check"
_KEPT: Final = frozenset(range(500, 600))
_ELSEWHERE: Final[Mapping[ResourceName, tuple[tuple[str, str], ...]]] = {
    "users": (("GET", "/api/v1/Users"), ("POST", "/api/v1/User/List"), ("GET", "/api/v1/MetaData")),
    "applications": (("POST", "/api/v1/Placement/PagedSearch"),),
}
_HOUR, _MINUTE, _DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


class Questions:
    """Queries one account through ``client`` while ``tape`` records. ``bearer`` is the account's
    own token."""

    def __init__(self, client: Client, tape: Tape, bearer: Secret | None) -> None:
        self._bearer = bearer
        self.filtered: Filtered | None = None
        self._client = client
        self._tape = tape

    async def ask(self) -> None:
        """Ask all questions. Raises only ``Fatal``."""
        if not self._seen.of("POST", self._client.settings.exchange.path) or await self._is_closed():
            await self._attempt(self._exchange_paths)
            return
        for step in (self._states, self._missing_paths, self._path_case, self._lists, self._page_keys):
            await self._attempt(step)
        for name in BY_ID:
            await self._attempt(partial(self._records, name))
        for step in (
            self._times,
            self._statuses,
            self._documents,
            self._people,
            self._shortlist,
            self._tokens,
        ):
            await self._attempt(step)

    @property
    def _seen(self) -> SeenAccount:
        return SeenAccount(self._tape.exchanges, self._client.settings)

    async def _is_closed(self) -> bool:
        """Return true if no exchange of the credential succeeded, so that nothing else would be answered."""
        return tokens.token_answer(self._seen) is None

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except (Fatal, Throttled):
            raise
        except BridgeError:
            return  # the requests made so far are on the tape

    async def _ask(self, method: str, path: str, *, data: Any = None) -> None:
        """Ask one question. The tape records the answer."""
        get = method == "GET"
        params = {key: str(value) for key, value in data.items()} if get and data else None
        await self._client.request(
            method, path, data=None if get else data, params=params,
            repeatable=True, kept=_KEPT, looked_at=True,
        )  # fmt: skip

    async def _list(self, name: ResourceName, **asked: Any) -> ListAnswer:
        """Query a list, by default its first page."""
        settings = self._client.settings
        call = settings[name].list
        paged = {} if {settings.page_number, "page", "pageIndex"} & asked.keys() else self._page(1)
        await self._ask(call.method, call.path, data={**(call.body or {}), **paged, **asked})
        return self._seen.answer_of(name, self._tape.exchanges[-1])

    def _page(self, number: int) -> dict[str, int]:
        """Return the key and number of a page, counted from 1."""
        settings = self._client.settings
        return {settings.page_number: number - 1 + settings.first_page}

    def _listed(self) -> Iterator[ResourceName]:
        """Yield the lists that answer with rows and are not read by the widget API."""
        for name in NAMES:
            by_widget = name == "users" and self._client.settings.users_from == "widget"
            if not by_widget and any(one.rows for one in self._seen.answers[name]):
                yield name

    async def _exchange_paths(self) -> None:
        """Find out if the exchange has another path, without sending the credential there. If the path is
        right but the credential is refused, find out if another form is accepted."""
        path = self._client.settings.exchange.path
        if all(one.status in (404, 405) for one in self._seen.of("POST", path)):
            for other in tokens.EXCHANGES:
                await self._client.try_bearer(None, "POST", other, data={})
        elif self._bearer is not None:
            for key in tokens.OTHER_FORMS:
                data = {} if key == tokens.HEADER else {key: self._bearer.reveal()}
                sent = self._bearer if key == tokens.HEADER else None
                await self._client.try_bearer(sent, "POST", path, data=data)

    async def _missing_paths(self) -> None:
        """Find the path of a list that is not where it was expected."""
        for name, calls in _ELSEWHERE.items():
            if not any(one.rows for one in self._seen.answers[name]):
                for method, path in calls:
                    await self._ask(method, path, data={} if method == "POST" else None)
        if not statuses.status_lists(self._seen):
            for path in statuses.PATHS:
                await self._ask("GET", path)

    async def _path_case(self) -> None:
        """Find out if an existing path also exists in lower case."""
        for name in self._listed():
            call = self._client.settings[name].list
            if call.path != call.path.lower():
                await self._ask(call.method, call.path.lower(), data=dict(call.body or {}))
                self._tape.put_aside(paths.LOWER_PATH)
                return

    async def _lists(self) -> None:
        """Read some pages, one far beyond the end, one of another size, and one list to its end."""
        for name in self._listed():
            await self._pages(name)
        for name in self._listed():
            if name != "jobs":
                await self._list(name, **{"pageSize": _ODD_SIZE, **self._page(1)})
                break

    async def _pages(self, name: ResourceName) -> None:
        most = _WHOLE_PAGES if name == "users" else _PAGES
        size, total = 0, 0
        for number in range(1, most + 1):
            answer = await self._list(name, **self._page(number))
            size = max(size, len(answer.rows))
            total = max([total, *(int(n) for n in answer.numbers.values() if str(n).isdecimal())])
            if not answer.rows or len(answer.rows) < size:
                break
        for number in (_FAR, _FAR + 1):
            await self._list(name, **self._page(number))
        if total > _CAP and size > 1:
            await self._list(name, **self._page(_CAP // size + 1))

    async def _page_keys(self) -> None:
        """Find the key that selects the page, if it is not the assumed one."""
        for name in self._listed():
            pages = self._seen.heads(name)
            if len(pages) > 1 and len({one.ids for one in pages.values() if one.rows}) == 1:
                for key in ("page", "pageIndex"):
                    for number in (1, 2):
                        await self._list(name, **{key: number})

    async def _states(self) -> None:
        """Find out which words of state find jobs, and if two words find the same ones."""
        if not self._seen.answers["jobs"]:
            return
        await self._list("jobs")
        for word in (*filters.WORDS, filters.NO_WORD):
            for number in range(1, _PAGES + 1):
                answer = await self._list("jobs", state=word, **self._page(number))
                if not answer.rows:
                    break

    async def _records(self, name: ResourceName) -> None:
        """Read by-id records: of neighbors, again after an odd answer, and of ids that a list leaves out."""
        listed = list(dict.fromkeys(i for one in self._seen.answers[name] for i in one.ids if i.isdecimal()))
        if name == "applications" and listed:
            await self._ask("GET", f"/api/v1/Placement/{listed[0]}")
        recent = [i for one in self._seen.answers[name] if "updatedAfter" in one.asked for i in one.ids]
        chosen = list(dict.fromkeys([*listed[:_BY_ID], *dict.fromkeys(recent)]))[: _BY_ID + _RECENT]
        for record_id in chosen:
            await self._by_id(name, record_id)
        well = {one.asked for one in self._seen.by_id[name] if is_good(name, one)}
        if not well:
            return
        for record_id in [one for one in chosen if one not in well][:_GAPS]:
            for _ in range(2):
                await self._by_id(name, record_id)
        for number in gaps(self._seen, name)[:_GAPS]:
            await self._by_id(name, str(number))

    async def _by_id(self, name: ResourceName, record_id: str) -> None:
        call = self._client.settings[name].by_id
        if call is not None:
            await self._ask(call.method, call.filled(id=record_id))

    async def _times(self) -> None:
        """Find out what ``updatedAfter`` does around the last update of one record."""
        for name in BY_ID:
            if name in self._listed():
                state = self._client.settings[name].states[0]
                more = {} if state is None else {"state": self._client.settings.states.get(state, state)}
                await self._list(name, updatedAfter=f"{filters.FUTURE}T00:00:00", **more)
        for name in ("candidates", "applications"):
            found = newest_record(self._seen, name)
            if found is not None:
                self.filtered = await self._filtered(name, *found)
                return

    async def _filtered(
        self, name: ResourceName, record_id: str, at: datetime, with_seconds: bool
    ) -> Filtered:
        offset = at.replace(tzinfo=self._client.zone).utcoffset() or timedelta()
        moments = {
            "-1": at - _MINUTE, "0": at, "+1": at + _MINUTE,
            "day+": at.replace(hour=23, minute=59, second=58), "far": at + 3 * _DAY,
            "day_before": at - _DAY, "old": at - 3 * _DAY, "very_old": at - 4000 * _DAY,
        }  # fmt: skip
        if offset:
            for mark, moment in (("ahead", at + offset), ("behind", at - offset)):
                moments |= {f"{mark}-1": moment - _MINUTE, f"{mark}+1": moment + _MINUTE}
        found = {
            mark: await self._finds(name, record_id, moment.isoformat(timespec="seconds"))
            for mark, moment in moments.items()
        }
        for mark in ("-1", "+1"):
            text = moments[mark].isoformat(timespec="seconds")
            found[f"z{mark}"] = await self._finds(name, record_id, f"{text}Z")
        for mark, moment in (("date", at), ("far_date", at + 3 * _DAY)):
            found[mark] = await self._finds(name, record_id, f"{moment:%Y-%m-%d}")
        found |= await self._by_creation(name)
        return Filtered(found=found, has_seconds=with_seconds, offset_seconds=offset.total_seconds())

    async def _by_creation(self, name: ResourceName) -> dict[str, bool | None]:
        """Query around the creation of a record that was updated long after it."""
        for row in (*self._seen.rows(name), *self._seen.records(name)):
            record_id, made, updated = (
                own_id(name, row),
                _time(row, "creat"),
                _time(row, "lastupdated", "modif"),
            )
            if record_id is None or made is None or updated is None or updated - made < _HOUR:
                continue
            return {
                f"created{mark}": await self._finds(name, record_id, moment.isoformat(timespec="seconds"))
                for mark, moment in (("-", made - _MINUTE), ("+", made + _MINUTE))
            }
        return {}

    async def _finds(self, name: ResourceName, record_id: str, after: str) -> bool | None:
        """Return true if a record is listed as updated after a time; ``None`` if the time is refused."""
        for number in range(1, _WHOLE_PAGES + 1):
            answer = await self._list(name, updatedAfter=after, **self._page(number))
            if answer.exchange.status == 400:
                return None
            if record_id in answer.ids:
                return True
            if len(answer.rows) < 2 or len(answer.rows) < _usual(self._seen, name):
                return False
        return False

    async def _statuses(self) -> None:
        """Read the list of statuses again."""
        call = self._client.settings["statuses"].list
        await self._ask(call.method, call.path)

    async def _documents(self) -> None:
        """Read the documents of a few candidates, and one document."""
        for number in list(self._seen.records_by_id("candidates"))[:_GAPS]:
            path = f"/api/v1/Resource/{number}"
            await self._ask("GET", f"{path}/Documents")
            said = self._tape.exchanges[-1].said
            found = [row for row in said if isinstance(row, dict)] if isinstance(said, list) else []
            for row in found[:1]:
                key = next((value for key, value in normalize_keys(row).items() if key.endswith("id")), None)
                if key is not None:
                    await self._ask("GET", f"{path}/Document/{key}")
                    return

    async def _people(self) -> None:
        """Find a person with the widget API by a candidate's address, and see how it refuses an
        invalid call."""
        call = self._client.settings.actions["find_person"].call
        if call is None:
            return
        address = next(iter(_addresses(self._seen.records("candidates"))), None)
        if address is not None:
            await self._find_person(call, {"email": address})
        await self._find_person(call, _WRONG)
        self._tape.put_aside(writes.INVALID)

    async def _find_person(self, call: CallSpec, details: Any) -> None:
        data = {"trackerrms": {call.path.rpartition("/")[2]: {"details": details}}}
        await self._client.request(
            call.method, call.path, data=data, repeatable=True, generation="widget", kept=_KEPT
        )

    async def _shortlist(self) -> None:
        """Find out if REST's path for adding to a job exists."""
        call = self._client.settings.actions["add_to_job"].rest
        if call is not None:
            await self._ask("OPTIONS", call.filled(job="0", candidate="0"))

    async def _tokens(self) -> None:
        """See how invalid tokens are answered, and if a JWT stays valid after a newer one."""
        settings = self._client.settings
        call = settings["statuses"].list
        wrong = Secret(_WRONG)
        await self._client.try_bearer(wrong, call.method, call.path)
        self._tape.put_aside(tokens.WRONG_JWT)
        exchange = settings.exchange
        await self._client.try_bearer(wrong, "POST", exchange.path, data={"bearerToken": _WRONG})
        self._tape.put_aside(tokens.WRONG_BEARER)
        jwt = next((tokens.jwt_of(one) for one in reversed(self._seen.of("POST", exchange.path))), None)
        await self._client.exchange()
        if jwt is not None:
            await self._client.try_bearer(Secret(jwt.removeprefix("Bearer ")), call.method, call.path)
            self._tape.put_aside(tokens.OLD_JWT)


def newest_record(seen: SeenAccount, name: ResourceName) -> tuple[str, datetime, bool] | None:
    """Return the listed record with the latest update: its id, the digits as shown, and true if they have
    seconds.

    Returns ``None`` if no record has a time of day.
    """
    listed = {record_id for answer in seen.answers[name] for record_id in answer.ids}
    found: dict[str, datetime] = {}
    for row in (*seen.records(name), *(normalize_keys(unwrapped_row(row)) for row in seen.raw_rows(name))):
        record_id, at = own_id(name, row), _time(row, "lastupdated", "modif")
        if record_id in listed and record_id is not None and at is not None:
            found[record_id] = at
    if not found or not any(at.time() != datetime.min.time() for at in found.values()):
        return None
    record_id = max(found, key=lambda one: found[one])
    return record_id, found[record_id], any(at.second for at in found.values())


def _time(row: JsonObject, *begins: str) -> datetime | None:
    """Return the digits of a time in a plain record, whose key begins with one of these."""
    for key, value in row.items():
        if key.startswith(begins) or (begins == ("creat",) and key == "datecreated"):
            written = dates.written_of(value)
            if written is not None:
                return written.digits.replace(microsecond=0)
    return None


def _usual(seen: SeenAccount, name: ResourceName) -> int:
    """Return the number of rows of a usual page. A page with fewer ends a list."""
    return max((len(one.rows) for one in seen.answers[name] if one.is_whole), default=0) - 2


def _addresses(records: Iterable[JsonObject]) -> Iterator[str]:
    for record in records:
        for held in (record.get("contactdetails"), record.get("contact"), record.get("contactinfo"), record):
            for key, value in held.items() if isinstance(held, dict) else ():
                found = _ADDRESS.search(value) if "email" in key and isinstance(value, str) else None
                if found is not None:
                    yield found[0]
