"""Reading pages with suspicion: what may be cut, empty or repeated by a slip is asked for again.

Lists have no order that can be relied on and change while they are read, so a page proves only what
stands on it. Whether a page ends its list is for ``bridge.capture.list_read`` to say.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from pyroaring import BitMap64

from bridge.capture.list_read import ListRead, Paging, usual
from bridge.tracker.client import Client, Detail, Gone
from bridge.tracker.pages import Page
from bridge.tracker.paging_facts import BEYOND
from bridge.tracker.problems import NoContent, Refused, Unreadable
from bridge.tracker.shapes import Resource, ResourceName

_TRIES = 4
_SIZES_KEPT = 50
# Where asking again was of no use so often in a row, it is left off for a while.
_IN_VAIN = 2
_REST_SECONDS = 600.0


class Run(Struct, frozen=True, kw_only=True):
    """Consecutive pages of one list, ``first`` to ``last``. ``done``: the list ends there.

    ``pages`` leaves out one that ended the list without a row that was new, and may have one twice that was
    cut short at first. ``flaw`` says why these pages can't prove that a record is absent; ``None`` while they
    can. ``broken``: it is one for which the rest of the list was not read.
    """

    first: int
    last: int
    pages: tuple[Page, ...]
    done: bool
    flaw: str | None = None
    broken: bool = False
    total_count: int | None = None
    """How many rows the list says it has, by the last page read."""


class Pages:
    """Reads the pages of one integration's lists, at most ``at_once`` side by side."""

    def __init__(self, client: Client, *, at_once: int = 8) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(at_once)
        self._sizes: dict[str, deque[int]] = {}
        self._in_vain: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}

    def begin(
        self, resource: Resource, *, before: int = 0, seen: BitMap64 | None = None, pages: int = 0
    ) -> ListRead:
        """Return the read of a list that begins now, or goes on where ``pages`` had shown ``seen``."""
        settings = self._client.settings
        paging = Paging(first_page=settings.first_page, page_size=settings.page_size)
        return ListRead(resource, paging, before=before, seen=seen, pages=pages)

    def page_size(self, resource: Resource, *more: int) -> int:
        """How many rows a full page of this resource has, as far as seen; ``more``: sizes seen just now."""
        seen = (*self._sizes.get(resource.name, ()), *more)
        return usual(seen, self._client.settings.page_size)

    async def run(
        self,
        read: ListRead,
        resource: Resource,
        state: str | None,
        first: int,
        count: int,
        updated_after: datetime | None = None,
    ) -> Run:
        """Read pages ``first`` to ``first + count - 1``, side by side, up to the last of the list.

        Raises ``Unreadable`` when a page stays unreadable, and the client's other errors.
        """
        reading = _Reading(self, resource, state, updated_after, read)
        return await reading.run(first, count)

    async def before_first(self, resource: Resource, state: str | None, seen: BitMap64) -> str | None:
        """Return a flaw where the page before the first has rows that a whole read did not see.

        Then the account counts pages from 0. Costs a request, and a second one where there is such a row.
        """
        first = self._client.settings.first_page
        if first == 0 or not resource.paged or self._by_widget(resource):
            return None
        try:
            page = await self._ask(resource, state, first - 1, None, asked=first - 1)
            new = _unseen(page, seen)
            if not new:
                return None
            # What was made a moment ago stands on both.
            new -= _unseen(await self._ask(resource, state, 1, None), BitMap64())
        except (Refused, Unreadable):
            return None
        if 2 * len(new) <= len(page.rows):
            return None
        return (
            f"page {first - 1} has {len(new)} rows that no other page has: this account counts its pages "
            f"from {first - 1}; set first_page = {first - 1} under [integrations.tracker]"
        )

    def note_size(self, resource: Resource, page: Page) -> None:
        """Remember the size of a page that is not its list's last."""
        self._sizes.setdefault(resource.name, deque(maxlen=_SIZES_KEPT)).append(page.row_count)

    def tries_again(self, resource: Resource) -> bool:
        """Whether asking for a page of this resource again may help, by how it went before."""
        return time.monotonic() >= self._rests_until.get(resource.name, 0.0)

    def tried_again(self, resource: Resource, *, helped: bool) -> None:
        """Remember whether asking again helped."""
        name = resource.name
        self._in_vain[name] = 0 if helped else self._in_vain.get(name, 0) + 1
        if self._in_vain[name] >= _IN_VAIN:
            self._rests_until[name] = time.monotonic() + _REST_SECONDS

    async def page(
        self, resource: Resource, state: str | None, number: int, updated_after: datetime | None
    ) -> Page:
        """Read one page; one that is refused where the list may end so is an empty one.

        Raises ``Unreadable`` when it stays unreadable, and the client's other errors.
        """
        problem: Unreadable | None = None
        for _ in range(_TRIES):
            try:
                return await self._ask(resource, state, number, updated_after)
            except NoContent as error:
                if resource.list_end == "refused":
                    return _nothing(number)
                problem = error
            except Unreadable as error:
                problem = error
            except Refused as error:
                return self._beyond(resource, number, error)
        if problem is None:
            raise AssertionError("a page is read or it raises")
        if isinstance(problem, NoContent):
            raise Unreadable(f"{problem}; {_set_refused(resource)}")
        raise problem

    def _beyond(self, resource: Resource, number: int, error: Refused) -> Page:
        if error.status not in BEYOND or number == 1:
            if number == 1 and self._client.settings.first_page == 0 and error.status in BEYOND:
                raise Refused(
                    f"{error}, asked for page 0: if pages count from 1, set first_page = 1 under "
                    "[integrations.tracker]",
                    error.status,
                )
            raise error
        if resource.list_end == "refused":
            return _nothing(number)
        raise Refused(f"{error}, asked for page {number}; {_set_refused(resource)}", error.status)

    async def _ask(
        self,
        resource: Resource,
        state: str | None,
        number: int,
        updated_after: datetime | None,
        asked: int | None = None,
    ) -> Page:
        async with self._slots:
            if asked is None:
                return await self._client.pages(
                    resource.name, state=state, updated_after=updated_after, number=number
                )
            return await self._client.pages(resource.name, state=state, number=number, asked=asked)

    def _by_widget(self, resource: Resource) -> bool:
        return resource.name == "users" and self._client.settings.users_from == "widget"


class _Reading:
    """The next pages of one list: what was asked for, and what came."""

    def __init__(
        self,
        pages: Pages,
        resource: Resource,
        state: str | None,
        updated_after: datetime | None,
        read: ListRead,
    ) -> None:
        self._pages = pages
        self._resource = resource
        self._state = state
        self._updated_after = updated_after
        self._read = read
        self._kept: list[Page] = []

    async def run(self, first: int, count: int) -> Run:
        """As ``Pages.run``."""
        found = deque(await self._side_by_side(range(first, first + count)))
        last = first
        while found:
            page = found.popleft()
            last = page.number
            ended = await self._take(page, found)
            if ended is not None:
                return self._as_run(first, last, done=True, broken=ended)
            beyond = self._read.beyond_bounds(self._size)
            if beyond is not None:
                return self._as_run(first, last, done=True, broken=beyond)
        return self._as_run(first, last, done=False, broken="")

    def _as_run(self, first: int, last: int, *, done: bool, broken: str) -> Run:
        flaw = broken or self._bad_row() or (self._read.flaw() if done else None)
        return Run(
            first=first,
            last=last,
            pages=tuple(self._kept),
            done=done,
            flaw=flaw or None,
            broken=bool(broken),
            total_count=self._read.total,
        )

    def _bad_row(self) -> str:
        # By id, what such a row may be is found to exist; where there is no by-id read, nothing is proved.
        if self._resource.by_id is None:
            for page in self._kept:
                if page.bad_rows:
                    return f"page {page.number} has a row without a usable id"
        return ""

    @property
    def _size(self) -> int:
        return self._pages.page_size(self._resource)

    async def _take(self, page: Page, ahead: deque[Page]) -> str | None:
        """Take one page; ``None`` while the list goes on, else the flaw it ends with, ``""`` without one."""
        read = self._read
        if not read.is_new(page):
            return await self._barren(page, ahead)
        if read.last is not None:
            await self._fill_the_short_one(page)
            self._pages.note_size(self._resource, read.last)
        if read.is_cut(page, self._size):
            page = await self._again(page, lambda other: not read.is_cut(other, self._size))
            if read.is_cut(page, self._size):
                read.doubt(_cut_short(page, self._size))
        self._keep(page)
        if not page.has_next:
            return ""
        read.short = page if page.total_count is None and not read.is_full(page, self._size) else None
        return None

    async def _barren(self, page: Page, ahead: deque[Page]) -> str | None:
        """Tell the end of the list from a page that shows old rows, or none, by a slip."""
        read = self._read
        if read.may_begin_later(page) and self._updated_after is None:
            after = await self._page(2)
            return read.begins_later() if after.row_count else self._end(page)
        natural = read.ends_at(page, self._size)
        counted = page.total_count is not None
        missing = page.total_count is not None and len(read.seen) < page.total_count
        if natural and not missing and (page.row_count or counted or not page.says_more):
            return self._end(page)
        if missing or not natural:
            page = await self._again(page, read.is_new)
            if read.is_new(page):
                return await self._take(page, ahead)
        if page.says_more is not False:
            return await self._look_on(page, ahead, natural=natural)
        if not natural and not missing:
            read.doubt(f"page {page.number}, the last, shows no row that the pages before it did not")
        return self._end(page)

    def _end(self, page: Page) -> str:
        """End the list at a page that shows nothing new; an empty list has such a page alone."""
        if self._read.last is None:
            self._keep(page)
        return ""

    async def _look_on(self, page: Page, ahead: deque[Page], *, natural: bool) -> str | None:
        """Decide by the page after it: with new rows on it, the list goes on."""
        read = self._read
        after = ahead[0] if ahead else await self._page(page.number + 1)
        if not read.is_new(after):
            return self._end(page) if natural else read.repeats(page)
        if not page.row_count:
            page = await self._again(page, read.is_new)
        if read.is_new(page):
            self._keep(page)
        else:
            read.doubt_barren(page)
            read.take(page)
        if not ahead:
            ahead.append(after)
        return None

    async def _fill_the_short_one(self, after: Page) -> None:
        """Ask again for a short page that turns out not to be the last: ``after`` follows it."""
        short, self._read.short = self._read.short, None
        if short is None:
            return
        size = self._pages.page_size(self._resource, short.row_count, after.row_count)
        if self._read.is_full(short, size):
            return
        page = await self._again(short, lambda other: self._read.is_full(other, size))
        if not self._read.is_full(page, size):
            self._read.doubt(_cut_short(short, size))
        elif self._read.is_new(page):
            self._keep(page)

    async def _again(self, page: Page, better: "Better") -> Page:
        """Ask for a page again until it is better, or three times; not at all where that never helps."""
        if not self._pages.tries_again(self._resource):
            return page
        for _ in range(_TRIES - 1):
            page = await self._page(page.number)
            if better(page):
                self._pages.tried_again(self._resource, helped=True)
                return page
        self._pages.tried_again(self._resource, helped=False)
        return page

    def _keep(self, page: Page) -> None:
        self._read.take(page)
        self._kept.append(page)

    async def _page(self, number: int) -> Page:
        return await self._pages.page(self._resource, self._state, number, self._updated_after)

    async def _side_by_side(self, numbers: range) -> Sequence[Page]:
        reads = [asyncio.ensure_future(self._page(number)) for number in numbers]
        try:
            return await asyncio.gather(*reads)
        finally:
            # One failed read fails the run; the others must not go on spending the budget.
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)


class Better(Protocol):
    """Whether a page asked for again is what was missing."""

    def __call__(self, page: Page, /) -> bool: ...


def _nothing(number: int) -> Page:
    return Page(
        rows=(), bad_rows=(), number=number, total_count=None, page_size=None, has_next=False, says_more=False
    )


def _set_refused(resource: Resource) -> str:
    return f'if the list ends so, set list_end.{resource.name} = "refused" under [integrations.tracker]'


def _cut_short(page: Page, size: int) -> str:
    return f"page {page.number} was cut short: {page.row_count} of {size} rows"


def _unseen(page: Page, seen: BitMap64) -> BitMap64:
    return BitMap64(found for found in (int(row.remote_id) for row in page.rows) if found < 2**63) - seen


async def detail(client: Client, resource: ResourceName, remote_id: str) -> Detail | Gone:
    """A record by id; asked again where the answer is a success with nothing in it.

    Raises ``Unreadable`` when that goes on, and the client's other errors.
    """
    for _ in range(_TRIES - 1):
        try:
            return await client.detail(resource, remote_id)
        except Unreadable:
            continue
    return await client.detail(resource, remote_id)
