"""Runs of consecutive pages of one list. Pages that may be cut, empty or repeated by mistake are read again.

``bridge.capture.list_read`` decides whether a page ends its list; ``bridge.capture.paging`` requests pages.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from bridge.capture.list_read import ListRead
from bridge.tasks import cancel_and_wait
from bridge.tracker.pages import Page
from bridge.tracker.schema import Resource

_TRIES_AGAIN = 3


class Run(Struct, frozen=True, kw_only=True):
    """Consecutive pages of one list, ``first`` to ``last``. ``done``: the list ends there.

    ``pages`` omits a page that ended the list without a new row, and may have a page twice that was cut short
    at first. ``flaw`` says why these pages can't prove that a record is absent; ``None`` if they can.
    ``broken``: because of that flaw the rest of the list was not read.
    """

    first: int
    last: int
    pages: tuple[Page, ...]
    done: bool
    flaw: str | None = None
    broken: bool = False
    total_count: int | None = None
    """Number of rows that the list has, according to the last page read."""


class PageSizes(Protocol):
    """Statistics on the pages of an integration's lists."""

    def page_size(self, resource: Resource, *more: int) -> int:
        """Return the number of rows of a full page."""

    def note_size(self, resource: Resource, page: Page) -> None:
        """Remember the size of a page that is not its list's last."""

    def tries_again(self, resource: Resource) -> bool:
        """Report whether another request for a page may help."""

    def tried_again(self, resource: Resource, *, helped: bool) -> None:
        """Remember whether another request helped."""


class PageRun:
    """A run of pages. ``page`` requests one; ``incremental``: the list shows only what changed."""

    def __init__(
        self,
        sizes: PageSizes,
        resource: Resource,
        read: ListRead,
        page: Callable[[int], Awaitable[Page]],
        *,
        incremental: bool,
    ) -> None:
        self._pages = sizes
        self._resource = resource
        self._read = read
        self._page = page
        self._incremental = incremental
        self._kept: list[Page] = []

    async def run(self, first: int, count: int) -> Run:
        """Read pages ``first`` to ``first + count - 1`` in parallel, up to the last one of the list."""
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
        # Reads by id show which record such a row is; without by-id reads, nothing can be proved.
        if self._resource.by_id is None:
            for page in self._kept:
                if page.bad_rows:
                    said = f"page {page.number} has a row without a usable id: {page.bad_rows[0].reason}"
                    return f"{said}; correct fields.{self._resource.entity}.id"
        return ""

    @property
    def _size(self) -> int:
        return self._pages.page_size(self._resource)

    async def _take(self, page: Page, ahead: deque[Page]) -> str | None:
        """Take one page. Return ``None`` while the list continues, else its flaw, or ``""`` without one."""
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
        """Distinguish the end of the list from a page that is empty or repeated by mistake."""
        read = self._read
        if read.may_begin_later(page) and not self._incremental:
            after = await self._page(2)
            return read.begins_later() if after.row_count else self._end(page)
        natural = read.ends_at(page, self._size)
        counted = page.total_count is not None
        missing = page.total_count is not None and len(read.seen) < page.total_count
        if natural and not missing and (page.row_count or counted or not page.says_more):
            return self._end(page)
        if (missing or not natural) and not read.shifted_pages(page, self._size):
            page = await self._again(page, read.is_new)
            if read.is_new(page):
                return await self._take(page, ahead)
        if page.says_more is not False:
            return await self._look_on(page, ahead, natural=natural)
        if not natural and not missing:
            read.doubt(f"page {page.number}, the last, shows only rows of the pages before it")
        return self._end(page)

    def _end(self, page: Page) -> str:
        """End the list at a page that shows nothing new. An empty list has only such a page."""
        if self._read.last is None:
            self._keep(page)
        return ""

    async def _look_on(self, page: Page, ahead: deque[Page], *, natural: bool) -> str | None:
        """Decide by the following pages: if one has new rows, the list continues."""
        read, barren = self._read, [page]
        for _ in range(1 + read.shifted_pages(page, self._size)):
            after = ahead.popleft() if ahead else await self._page(barren[-1].number + 1)
            if read.is_new(after):
                ahead.appendleft(after)
                await self._pass_over(barren)
                return None
            barren.append(after)
        return self._end(page) if natural else read.repeats(page)

    async def _pass_over(self, barren: Sequence[Page]) -> None:
        """Continue after pages that showed nothing new."""
        for page in barren:
            found = page if page.row_count else await self._again(page, self._read.is_new)
            if self._read.is_new(found):
                self._keep(found)
            else:
                self._read.doubt_barren(found)
                self._read.take(found)

    async def _fill_the_short_one(self, after: Page) -> None:
        """Read a short page again that was not the last one: ``after`` follows it."""
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

    async def _again(self, page: Page, better: Callable[[Page], bool]) -> Page:
        """Request a page up to three more times until it is better, unless that has not helped lately."""
        if not self._pages.tries_again(self._resource):
            return page
        for _ in range(_TRIES_AGAIN):
            page = await self._page(page.number)
            if better(page):
                self._pages.tried_again(self._resource, helped=True)
                return page
        self._pages.tried_again(self._resource, helped=False)
        return page

    def _keep(self, page: Page) -> None:
        self._read.take(page)
        self._kept.append(page)

    async def _side_by_side(self, numbers: range) -> Sequence[Page]:
        reads = [asyncio.ensure_future(self._page(number)) for number in numbers]
        try:
            return await asyncio.gather(*reads)
        finally:
            # One failed read fails the run. The others must not spend more of the budget.
            await cancel_and_wait(*reads)


def _cut_short(page: Page, size: int) -> str:
    return f"page {page.number} was cut short: {page.row_count} of {size} rows"
