"""Reading pages with suspicion: cut, empty and repeated ones are asked for again, then reported.

Lists have no order that can be relied on and change while they are read, so a page proves only what
stands on it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from bridge.tracker.client import Client, Detail, Gone
from bridge.tracker.pages import Page
from bridge.tracker.problems import OtherRecord, Refused, Unreadable
from bridge.tracker.shapes import Resource, ResourceName

_TRIES = 4


class Run(Struct, frozen=True, kw_only=True):
    """Consecutive pages of one list. ``done``: the last of them is the list's last.

    ``flaw`` says why these pages can't prove that a record is absent; ``None`` when they can.
    """

    pages: tuple[Page, ...]
    done: bool
    flaw: str | None = None

    @property
    def total_count(self) -> int | None:
        """How many rows the list says it has, by the last page read."""
        return self.pages[-1].total_count if self.pages else None


class Pages:
    """Reads the pages of one integration's lists."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._page_sizes: dict[str, int] = {}

    def page_size(self, resource: Resource) -> int | None:
        """How many rows a full page of this resource has, as far as seen."""
        return self._page_sizes.get(resource.name)

    async def run(
        self,
        resource: Resource,
        state: str | None,
        first: int,
        count: int,
        updated_after: datetime | None = None,
    ) -> Run:
        """Pages ``first`` to ``first + count - 1``, side by side, up to the last of the list.

        Raises ``Unreadable`` when a page stays unreadable, and the client's other errors.
        """
        numbers = range(first, first + count)
        reads = [asyncio.ensure_future(self._page(resource, state, n, updated_after)) for n in numbers]
        try:
            pages = await asyncio.gather(*reads)
        finally:
            # One failed read fails the run; the others must not go on spending the budget.
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
        return self._run(resource, pages)

    def _run(self, resource: Resource, pages: Sequence[Page]) -> Run:
        kept: list[Page] = []
        flaw: str | None = None
        for page in pages:
            kept.append(page)
            flaw = flaw or self._flaw(resource, page)
            if not page.has_next:
                return Run(pages=tuple(kept), done=True, flaw=flaw)
        return Run(pages=tuple(kept), done=False, flaw=flaw)

    async def _page(
        self, resource: Resource, state: str | None, number: int, updated_after: datetime | None
    ) -> Page:
        problem: Unreadable | None = None
        page: Page | None = None
        for _ in range(_TRIES):
            try:
                page = await self._client.pages(
                    resource.name, state=state, updated_after=updated_after, number=number
                )
            except Unreadable as error:
                problem = error
                continue
            if self._flaw(resource, page) is None:
                return page
        if page is not None:
            return page
        if problem is None:
            raise AssertionError("a page is read or it raises")
        raise problem

    def _flaw(self, resource: Resource, page: Page) -> str | None:
        rows = len(page.rows) + len(page.bad_rows)
        size = max(self._page_sizes.get(resource.name, 0), rows)
        self._page_sizes[resource.name] = size
        # By id, what such a row may be is found to exist; where there is no by-id read, nothing is proved.
        if page.bad_rows and resource.by_id is None:
            return f"page {page.number} has a row without a usable id"
        if page.has_next and rows < size:
            return f"page {page.number} was cut short: {rows} of {size} rows"
        return None


async def any_answers(client: Client, resource: ResourceName, row_ids: Iterable[int]) -> bool:
    """Whether one of these records, which exist, is answered by id with its record.

    Raises the first failure where none is, and not all are answered as not there.
    """
    failure: Unreadable | Refused | None = None
    for row_id in row_ids:
        try:
            if isinstance(await detail(client, resource, str(row_id)), Detail):
                return True
        except (Unreadable, Refused) as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return False


async def detail(client: Client, resource: ResourceName, remote_id: str) -> Detail | Gone:
    """A record by id; asked again where the answer is a success with nothing in it.

    Raises ``Unreadable`` when that goes on, ``OtherRecord`` at once, and the client's other errors.
    """
    for _ in range(_TRIES - 1):
        try:
            return await client.detail(resource, remote_id)
        except OtherRecord:
            raise
        except Unreadable:
            continue
    return await client.detail(resource, remote_id)
