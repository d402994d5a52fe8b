"""Learns an account's API by reading from it: the profile. Writes nothing to the account.

Each step decides assumptions (``docs/assumptions.md``) and applies what it found to the client, so that the
next step can build on it. Conclusive findings are adopted; others are questions for the operator. An error of
one resource leaves its assumptions open, and the others are learned; an error of the whole account
(credentials, host, throttling) is raised.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from trackerrms_contracts.profiles import AccountProfile

from bridge.errors import BridgeError, Throttled
from bridge.json_types import JsonObject
from bridge.tracker import (
    absence_facts,
    amount_facts,
    answer_facts,
    answers,
    date_facts,
    field_facts,
    html_texts,
    job_facts,
    layouts,
    list_facts,
    pages,
    presence,
    resources,
    status_facts,
    status_shapes,
    text_facts,
    token_facts,
)
from bridge.tracker.by_id_facts import ByIdFacts
from bridge.tracker.client import Client
from bridge.tracker.errors import (
    AccountFault,
    BadCharset,
    EmptyBody,
    NoRows,
    Refused,
    Unreachable,
    Unreadable,
    WrongHost,
)
from bridge.tracker.findings import Findings
from bridge.tracker.http import HttpResponse
from bridge.tracker.pages import Page, Row
from bridge.tracker.schema import Resource, ResourceName
from bridge.tracker.state_facts import RowsByState, StateFacts
from bridge.tracker.update_filter import UpdateFilter
from bridge.tracker.values import kind

_INSTEAD: Mapping[ResourceName, tuple[tuple[str, Any], ...]] = {
    "users": (
        ("paths.users", "POST /api/v1/User/Search"),
        ("paths.users", "GET /api/v1/User/List"),
        ("paths.users", "GET /api/v1/User"),
        ("users_from", "widget"),
    ),
    "statuses": (
        ("paths.statuses", "GET /api/v1/MetaData/OpportunityResourceStatuses"),
        ("paths.statuses", "GET /api/v1/OpportunityResource/Statuses"),
    ),
    "jobs": (("paths.jobs", "POST /api/v1/Opportunity/Search"),),
    "candidates": (("paths.candidates", "POST /api/v1/Resource/Search"),),
    "applications": (("paths.applications", "POST /api/v1/OpportunityResource/Search"),),
}


class RecordSample(Struct, frozen=True, kw_only=True):
    """The records of one resource read while learning: rows by the state they were listed in, and by-id
    records."""

    rows: Mapping[str | None, Sequence[Row]]
    details: Mapping[str, JsonObject]

    @property
    def all_rows(self) -> list[Row]:
        """Return every row, whatever its state."""
        return [row for rows in self.rows.values() for row in rows]

    def unescaped(self) -> "RecordSample":
        """Return the sample with every text unescaped from HTML."""
        rows = {state: [row.unescaped() for row in found] for state, found in self.rows.items()}
        details = {
            remote_id: pages.decode_leniently(html_texts.unescaped(msgspec.json.encode(record)))
            for remote_id, record in self.details.items()
        }
        return RecordSample(rows=rows, details=details)


class Learned(Struct, frozen=True, kw_only=True):
    """The profile, the records it was learned from, and the errors of resources that could not be learned."""

    profile: AccountProfile
    samples: Mapping[ResourceName, RecordSample]
    failures: Mapping[ResourceName, BridgeError]


class Learner:
    """Learns one account through ``client`` and applies the findings to it.

    Without ``adopting``, everything that is not as assumed is a question. Settings adopted by ``earlier``
    stay until another finding replaces them.
    """

    def __init__(
        self,
        client: Client,
        configured: Mapping[str, Any],
        where: str,
        *,
        adopting: bool = True,
        earlier: AccountProfile | None = None,
    ) -> None:
        self._client = client
        self._findings = Findings(
            client, configured, where, adopting=adopting, earlier=earlier.findings if earlier else ()
        )
        self._samples: dict[ResourceName, RecordSample] = {}
        self._times: dict[str, date_facts.Samples] = {}
        self._amounts: list[Any] = []
        self._asked: dict[ResourceName, tuple[int, str, HttpResponse]] = {}

    async def learn(self, names: Sequence[ResourceName], now: datetime) -> Learned:
        """Learn the profile from these resources.

        Raises ``AccountFault``, ``Throttled`` or ``Unreachable`` if it prevents reading all of them. The
        error of a single resource is in ``failures``.
        """
        before = self._client.requests
        failures: dict[ResourceName, BridgeError] = {}
        for name in names:
            try:
                await self._resource(name, now)
            except (Refused, Unreadable, AccountFault, Throttled, Unreachable) as error:
                failures[name] = error
                self._doubt(name, error)
                if isinstance(error, Throttled | WrongHost):
                    raise
        account = [e for e in failures.values() if isinstance(e, AccountFault | Unreachable)]
        if account and len(account) == len(names):
            raise account[0]
        await self._account(names, failures)
        profile = AccountProfile(
            learned_at=now,
            requests=self._client.requests - before,
            resources=tuple(name for name in names if name not in failures),
            findings=self._findings.all,
        )
        return Learned(profile=profile, samples=self._samples, failures=failures)

    def _doubt(self, name: ResourceName, error: BridgeError) -> None:
        """Refute the first undecided assumption of a list that can't be read."""
        if isinstance(error, Unreadable) or (isinstance(error, Refused) and error.status not in (401, 403)):
            keys = (f"paths.{name}", f"rows.{name}")
            wrong = next((key for key in keys if not self._findings.has(key)), None)
            if wrong is not None:
                self._findings.ask(wrong, str(error), wrong)

    async def _account(
        self, names: Sequence[ResourceName], failures: Mapping[ResourceName, BridgeError]
    ) -> None:
        """Decide the assumptions about the whole account, from what was read of its resources."""
        asked = {name: answer for name, (_, _, answer) in self._asked.items()}
        answer_facts.learn_answers(self._client, self._findings, asked, failures.values())
        amount_facts.learn_amounts(self._client, self._findings, self._amounts)
        readable = next((name for name in names if name in self._samples and name != "users"), None)
        if readable is not None:
            await token_facts.learn_tokens(self._client, self._findings, readable)

    async def _resource(self, name: ResourceName, now: datetime) -> None:
        await self._list(name)
        state = self._client.settings[name].states[0]
        await list_facts.learn_paging(self._client, self._findings, name, state, self._known_page(name))
        states = self._client.settings[name].states
        rows: RowsByState = {state: await self._first_page(name, state) for state in states}
        if name == "jobs":
            rows = await StateFacts(self._client, self._findings).learn(rows)
        listed = [row for found in rows.values() for row in found]
        details = await ByIdFacts(self._client, self._findings, name).learn(listed)
        if name == "jobs":
            job_facts.learn_job_states(self._client, self._findings, rows, details)
        await absence_facts.learn_absence(self._client, self._findings, name, listed, readable=bool(details))
        self._samples[name] = RecordSample(rows=rows, details=details)
        self._texts(name)
        sample = self._samples[name]
        details = dict(sample.details)
        found = [row.decode() for row in sample.all_rows]
        field_facts.learn_fields(self._client, self._findings, name, found, list(details.values()))
        fields = self._client.settings[name].fields
        self._times[name] = date_facts.date_samples(fields, found, list(details.values()))
        if name == "statuses":
            status_facts.learn_status_list(self._client, self._findings, found)
            if not self._findings.is_configured("status_order"):
                await self._order([row.remote_id for row in sample.all_rows])
        date_facts.learn_dates(self._client, self._findings, self._times, now)
        self._amounts += amount_facts.amount_samples(fields, found, list(details.values()))
        state = next((state for state, found in rows.items() if found), None)
        if self._client.settings[name].updated_after and state in rows:
            await UpdateFilter(self._client, self._findings, name).learn(rows[state], state, now)

    def _texts(self, name: ResourceName) -> None:
        """Learn how texts are written and what separates tags, and apply it to the records read so far."""
        sample = self._samples[name]
        records = [*(row.decode() for row in sample.all_rows), *sample.details.values()]
        if self._client.settings.texts == "auto" and text_facts.learn_texts(self._findings, records):
            self._samples = {one: before.unescaped() for one, before in self._samples.items()}
        if name == "users" and self._client.settings.blank_flag == "auto":
            self._blank_flags()
        reads = self._client.settings[name].fields.get("tags", ())
        if reads and self._client.settings.tag_separator == "auto":
            details = list(self._samples[name].details.values())
            text_facts.learn_tags(self._findings, date_facts.values_of(reads, [], details))

    def _blank_flags(self) -> None:
        places = self._client.settings["users"].fields["active"]
        rows = [row.decode() for row in self._samples["users"].all_rows]
        keys = [read.path[0] for read in places if any(read.path[0] in row for row in rows)]
        if keys:
            flags = [row.get(keys[0]) for row in rows if keys[0] in row]
            text_facts.learn_blank_flags(self._findings, flags)

    async def _list(self, name: ResourceName) -> None:
        """Find the list: its path, where its rows are, and how its keys are spelled."""
        answer = await self._answer(name)
        table = self._client.settings[name]
        every = layouts.find_row_lists(answer)
        if name == "statuses" and (held := status_shapes.rows_in(answer, table.rows)):
            # A list by id or by group is not a plain list, but is under its key as well.
            every = [layouts.RowsFound(path=table.rows, rows=held)]
        found = [one for one in every if not one.rows or _id_key(table, one)]
        with_rows = [one for one in found if one.rows]
        odd = [one for one in every if one not in found and (name == "statuses" or _is_home(table, one))]
        if odd and not any(_is_home(table, one) for one in with_rows):
            # A list beside it, whose keys are known, may be of something else.
            raise NoRows(_odd_rows(table, odd))
        at_home = [one for one in found if _is_home(table, one)]
        if at_home and not any(one.rows for one in at_home):
            self._empty(name, with_rows)
            return
        chosen = [one for one in at_home if one.rows] or with_rows
        if len(chosen) != 1:
            raise NoRows(f"{self._asked[name][1]}: {_no_rows(table, answer, len(chosen))}")
        (rows,) = chosen
        self._spelling(name, rows.rows)
        if rows.path in ("", self._client.settings[name].rows):
            where = "the answer is a bare list" if not rows.path else f"rows are under {rows.path}"
            self._findings.prove(f"rows.{name}", where)
        else:
            evidence = f"rows are under {rows.path}, not under {table.rows}"
            self._findings.adopt(f"rows.{name}", evidence, f"rows.{name}", rows.path)

    def _empty(self, name: ResourceName, others: Sequence[layouts.RowsFound]) -> None:
        """Record an empty list at the assumed place. Rows elsewhere may belong to another list."""
        key = f"rows.{name}"
        if not others:
            self._findings.leave_open(key, "the list is empty", key)
            return
        places = ", ".join(one.path or "the answer itself" for one in others)
        self._findings.ask(key, f"the list is empty, but rows with an id are under {places}", key)

    async def _answer(self, name: ResourceName) -> Any:
        """Return the decoded first answer of the list, from another path if the assumed one does
        not exist."""
        state = self._client.settings[name].states[0]
        assumption = f"paths.{name}"
        try:
            call, answer = await self._client.list_answer(name, state=state)
            decoded = self._decoded(name, call, answer)
        except (Refused, Unreadable) as error:
            return await self._elsewhere(name, state, error)
        self._findings.prove(assumption, f"{call} answers {answer.status}")
        self._asked[name] = (self._client.settings.first_page, call, answer)
        return decoded

    def _decoded(self, name: ResourceName, call: str, answer: HttpResponse) -> Any:
        """Decode the answer of a list. Raises ``BadJson`` or ``EmptyBody``, which say what to set."""
        cure = self._client.list_cure(name)
        if not answer.body.strip():
            raise EmptyBody(f"{call}: the answer's body is empty; {cure}")
        try:
            return pages.decode_leniently(answer.utf8)
        except BadCharset as error:
            raise BadCharset(f"{call}: {error}") from None
        except Unreadable as error:
            raise type(error)(f"{call}: {error}; {cure}") from None

    async def _elsewhere(self, name: ResourceName, state: str | None, error: Refused | Unreadable) -> Any:
        if isinstance(error, Refused) and error.status in (401, 403):
            raise error  # a permission is missing, but the path exists
        settings = self._client.settings
        for key, value in _INSTEAD[name]:
            self._client.adopt(self._findings.with_setting(key, value))
            try:
                call, answer = await self._client.list_answer(name, state=state)
                decoded = pages.decode_leniently(answer.utf8)
            except (Refused, Unreadable):
                self._client.adopt(settings)
                continue
            if any(one.rows and _id_key(settings[name], one) for one in layouts.find_row_lists(decoded)):
                evidence = f"{error}; {call} answers {answer.status} with rows"
                self._findings.adopt(f"paths.{name}", evidence, key, value)
                self._asked[name] = (self._client.settings.first_page, call, answer)
                return decoded
            self._client.adopt(settings)
        raise error

    def _spelling(self, name: ResourceName, rows: Sequence[JsonObject]) -> None:
        table = self._client.settings[name]
        if any(key in row for row in rows for key in table.id_keys):
            self._findings.prove(f"key_case.{name}", f"keys are in {self._client.settings.key_case} case")
            return
        case = layouts.detect_key_case(rows, layouts.row_keys(resources.DEFAULT[name].fields))
        if case is not None and case != self._client.settings.key_case:
            self._findings.adopt(f"key_case.{name}", f"keys are in {case} case", "key_case", case)

    def _known_page(self, name: ResourceName) -> dict[int, Page]:
        """Return the page that was requested to find the list, by its number."""
        number, call, answer = self._asked[name]
        return {number: self._client.page_of(name, call, answer, 1, one_page=False)}

    async def _first_page(
        self, name: ResourceName, state: str | None, *, again: bool = False
    ) -> Sequence[Row]:
        """Return the rows of a list's first page, without a request if it was read already."""
        first_page, call, answer = self._asked[name]
        known = state == self._client.settings[name].states[0]
        if known and not again and first_page == self._client.settings.first_page:
            return self._client.page_of(name, call, answer, 1).rows
        page = await self._client.pages(name, state=state)
        return page.rows

    async def _order(self, before: Sequence[str]) -> None:
        """Check if a second read lists the statuses in the same order."""
        now = [row.remote_id for row in await self._first_page("statuses", None, again=True)]
        if now == list(before):
            for assumption in ("status_order", "statuses.order"):
                self._findings.prove(assumption, "two reads list the statuses in the same order")
            return
        said = (
            "two reads list the statuses in different orders: their positions mean nothing and are left out"
        )
        self._findings.adopt("status_order", said, "status_order", "none")
        self._findings.ask("statuses.order", said, "status_order", "none")


def _is_home(table: Resource, found: layouts.RowsFound) -> bool:
    """Return true if the rows are at the assumed place of this list."""
    return not found.path or layouts.compared_key(found.path) == layouts.compared_key(table.rows)


def _odd_rows(table: Resource, odd: Sequence[layouts.RowsFound]) -> str:
    places = (
        f"under {one.path or 'the answer itself'} ({presence.describe_key_paths(one.rows)})" for one in odd
    )
    return (
        f"no row has the key {' or '.join(table.id_keys)}; rows are {', '.join(places)}: set "
        f"fields.{table.entity}.id and the other keys of fields.{table.entity}, or rows.{table.name}, under "
        "[integrations.tracker]"
    )


def _id_key(table: Resource, found: layouts.RowsFound) -> str | None:
    return layouts.id_key(found.rows, table.id_keys)


def _no_rows(table: Resource, answer: Any, candidates: int) -> str:
    if candidates:
        return (
            f"{candidates} lists in the answer have rows with an id; set rows.{table.name} to the right one"
        )
    said = (
        f"its keys: {answers.describe_keys(answer)}" if isinstance(answer, dict) else f"it is {kind(answer)}"
    )
    return (
        f"no list in the answer has rows with the key {' or '.join(table.id_keys)}; {said}; set "
        f"rows.{table.name} to the list, or fields.{table.entity}.id to the key"
    )
