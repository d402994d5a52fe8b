"""Reading of pages with suspicion: pages that may be cut, empty or repeated by mistake are read again.

Lists have no reliable order and change while they are read, so a page proves only what it shows.
``bridge.capture.list_read`` decides whether a page ends its list.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime

from pyroaring import BitMap64

from bridge.capture.list_read import ListRead, Paging, usual
from bridge.capture.page_run import PageRun, Run
from bridge.errors import Permanent, Throttled, Transient
from bridge.json_types import JsonObject
from bridge.tracker.by_id import Detail, RecordGone
from bridge.tracker.client import Client
from bridge.tracker.errors import NoContent, OtherRecord, Refused, Unreadable
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.pages import Page
from bridge.tracker.paging_facts import BEYOND
from bridge.tracker.schema import Resource, ResourceName

_TRIES = 4
_SIZES_KEPT = 50
# After so many repeated requests in a row that did not help, they are suspended for a while.
_IN_VAIN = 2
_REST_SECONDS = 600.0


class Pages:
    """Reads the pages of one integration's lists, at most ``at_once`` per list in parallel."""

    def __init__(self, client: Client, *, at_once: int = 8) -> None:
        self._client = client
        self._at_once = at_once
        self._sizes: dict[str, deque[int]] = {}
        self._usual: dict[str, int] = {}
        """Size of a full page by resource, as long as all pages seen since had it."""
        self._in_vain: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}

    def begin(
        self, resource: Resource, *, before: int = 0, seen: BitMap64 | None = None, pages: int = 0
    ) -> ListRead:
        """Begin the read of a list, or continue one whose first ``pages`` pages showed ``seen``."""
        settings = self._client.settings
        paging = Paging(first_page=settings.first_page, page_size=settings.page_size)
        return ListRead(resource, paging, before=before, seen=seen, pages=pages)

    def page_size(self, resource: Resource, *more: int) -> int:
        """Return the number of rows of a full page, as seen so far. ``more``: sizes seen just now."""
        sizes = self._sizes.get(resource.name, ())
        if more or not sizes:
            return usual((*sizes, *more), self._client.settings.page_size)
        known = self._usual.get(resource.name)
        if known is None:
            known = self._usual[resource.name] = usual(sizes, 0)
        return known

    async def run(
        self,
        read: ListRead,
        resource: Resource,
        state: str | None,
        first: int,
        count: int,
        updated_after: datetime | None = None,
    ) -> Run:
        """Read pages ``first`` to ``first + count - 1`` in parallel, up to the last one of the list.

        Raises ``Unreadable`` if a page remains unreadable, and the client's other errors.
        """
        slots = asyncio.Semaphore(self._at_once)

        async def page(number: int) -> Page:
            async with slots:
                return await self._page(resource, state, updated_after, number)

        run = PageRun(self, resource, read, page, incremental=updated_after is not None)
        return await run.run(first, count)

    async def before_first(self, resource: Resource, state: str | None, seen: BitMap64) -> str | None:
        """Return a flaw if the page before the first has rows that a complete read did not see.

        Then the account counts pages from 0. Costs one request, and a second one if there is such a row.
        """
        first = self._client.settings.first_page
        if first == 0 or not resource.paged or self._by_widget(resource):
            return None
        try:
            page = await self._ask(resource, state, first - 1, None, asked=first - 1)
            new = _unseen(page, seen)
            if not new:
                return None
            # A record that was created just now is on both pages.
            new -= _unseen(await self._ask(resource, state, 1, None), BitMap64())
        except (Refused, Unreadable):
            return None
        if 2 * len(new) <= len(page.rows):
            return None
        return (
            f"page {first - 1} has {len(new)} rows that no other page has: this account counts its pages "
            f"from {first - 1}; set first_page = {first - 1} under [integrations.tracker]"
        )

    def states(self, name: ResourceName) -> tuple[str | None, ...]:
        """Return the states that a resource is listed by."""
        return self._client.settings[name].states

    async def is_named_there(self, application: str, name: ResourceName, field: str) -> bool:
        """Report whether the record that an application names in ``field`` can be read by id. Raises as
        ``detail`` does."""
        table = self._client.settings["applications"]
        found = await detail(self._client, "applications", application)
        if isinstance(found, RecordGone):
            return False
        try:
            remote_id = FieldReader(table.entity, table.fields, None, found.record).reference(field)
        except Permanent:
            return False
        return remote_id is not None and isinstance(await detail(self._client, name, remote_id), Detail)

    def note_size(self, resource: Resource, page: Page) -> None:
        """Remember the size of a page that is not its list's last."""
        self._sizes.setdefault(resource.name, deque(maxlen=_SIZES_KEPT)).append(page.row_count)
        if page.row_count != self._usual.get(resource.name):
            self._usual.pop(resource.name, None)

    def tries_again(self, resource: Resource) -> bool:
        """Report whether another request for a page of this resource may help, judging by earlier ones."""
        return time.monotonic() >= self._rests_until.get(resource.name, 0.0)

    def tried_again(self, resource: Resource, *, helped: bool) -> None:
        """Remember whether another request helped."""
        name = resource.name
        self._in_vain[name] = 0 if helped else self._in_vain.get(name, 0) + 1
        if self._in_vain[name] >= _IN_VAIN:
            self._rests_until[name] = time.monotonic() + _REST_SECONDS

    async def _page(
        self, resource: Resource, state: str | None, updated_after: datetime | None, number: int
    ) -> Page:
        """Read one page. A rejected page is an empty one if the list may end so.

        Raises ``Unreadable`` if it remains unreadable, and the client's other errors.
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
            raise AssertionError("every attempt returns or sets a problem")
        if isinstance(problem, NoContent):
            raise Unreadable(f"{problem}; {_set_refused(resource)}")
        raise problem

    def _beyond(self, resource: Resource, number: int, error: Refused) -> Page:
        if error.status not in BEYOND or number == 1:
            if number == 1 and self._client.settings.first_page == 0 and error.status in BEYOND:
                raise Refused(
                    f"{error}, requested page 0: if pages count from 1, set first_page = 1 under "
                    "[integrations.tracker]",
                    error.status,
                )
            raise error
        if resource.list_end == "refused":
            return _nothing(number)
        raise Refused(f"{error}, requested page {number}; {_set_refused(resource)}", error.status)

    async def _ask(
        self,
        resource: Resource,
        state: str | None,
        number: int,
        updated_after: datetime | None,
        asked: int | None = None,
    ) -> Page:
        if asked is None:
            return await self._client.pages(
                resource.name, state=state, updated_after=updated_after, number=number
            )
        return await self._client.pages(resource.name, state=state, number=number, asked=asked)

    def _by_widget(self, resource: Resource) -> bool:
        return resource.name == "users" and self._client.settings.users_from == "widget"


def _nothing(number: int) -> Page:
    return Page(
        rows=(), bad_rows=(), number=number, total_count=None, page_size=None, has_next=False, says_more=False
    )


def _set_refused(resource: Resource) -> str:
    return (
        f'if that is how the list ends, set list_end.{resource.name} = "refused" under [integrations.tracker]'
    )


def _unseen(page: Page, seen: BitMap64) -> BitMap64:
    return BitMap64(found for found in (int(row.remote_id) for row in page.rows) if found < 2**63) - seen


async def any_answers(client: Client, resource: ResourceName, row_ids: Iterable[int]) -> bool:
    """Report whether at least one of these existing records can be read by id.

    Raises the first failure if none can be read and not all are answered as absent.
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


async def record_if_readable(client: Client, resource: ResourceName, remote_id: str) -> JsonObject | None:
    """Return a record by id; ``None`` where it is gone or can't be read, which its own poll or sweep reports.

    Raises ``Throttled``.
    """
    try:
        answer = await detail(client, resource, remote_id)
    except Throttled:
        raise
    except (Transient, Permanent):
        return None
    return None if isinstance(answer, RecordGone) else answer.record


async def detail(client: Client, resource: ResourceName, remote_id: str) -> Detail | RecordGone:
    """Read a record by id. Repeat the request if a success has no content.

    Raises ``Unreadable`` if it remains empty, ``OtherRecord`` at once, and the client's other errors.
    """
    for _ in range(_TRIES - 1):
        try:
            return await client.detail(resource, remote_id)
        except OtherRecord:
            raise
        except Unreadable:
            continue
    return await client.detail(resource, remote_id)
