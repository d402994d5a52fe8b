"""Finds out how a list is paged: the number of its first page, the rows per page, and what follows the last
page.

Makes at most five read-only requests of one list. Undetermined facts are ``None`` or ``unknown``: the caller
asks a person, or another list.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from bridge.tracker.client import Client
from bridge.tracker.errors import NoContent, Refused
from bridge.tracker.pages import Page
from bridge.tracker.schema import ListEnd, ResourceName

_FAR = 1_000_000
"""A page beyond the end of any list."""
BEYOND = (204, 400, 404, 416)
"""The statuses with which a list refuses a page that does not exist."""


class PagingFacts(Struct, frozen=True, kw_only=True):
    """The paging of a list, according to its answers.

    ``first_page`` is 0 or 1; ``page_size`` is the number of rows of a full page. ``None`` means undetermined,
    as for a list of a few rows. ``ignores_number``: all pages are the same, but the list counts more rows
    than one page has. ``evidence`` says what was seen, without a record's values.
    """

    first_page: int | None
    paged: bool | None
    page_size: int | None
    end: ListEnd | Literal["unknown"]
    evidence: str
    ignores_number: bool = False


async def find_out(
    client: Client, name: ResourceName, state: str | None = None, known: Mapping[int, Page] | None = None
) -> PagingFacts:
    """Request the pages 0, 1, 2 and one far beyond the end, and return what they show.

    ``known`` holds pages that were requested already, by the number sent. Raises the client's errors, except
    for a page that is refused (``BEYOND``).
    """
    ask = _Asking(client, name, state, known or {})
    if client.settings.users_from == "widget" and name == "users":
        return PagingFacts(
            first_page=None, paged=False, page_size=None, end="unknown", evidence="read by the widget API"
        )
    zero, one, two = await ask.page(0), await ask.page(1), await ask.page(2)
    first = _first_page(zero, one)
    # From here on, count pages from the first one.
    head, after = (zero, one) if first == 0 else (one, two)
    paged = _paged(head, after)
    end: ListEnd | Literal["unknown"] = "unknown"
    doubt = _contradiction(head, after)
    if paged is not False and not doubt:
        end = await _end(ask, head, after)
    return PagingFacts(
        first_page=first,
        paged=paged,
        page_size=_page_size(head, after),
        end=end,
        evidence="; ".join(ask.seen) + doubt,
        ignores_number=bool(doubt),
    )


class _Asking:
    """Pages of one list by the number sent. ``seen`` describes each answer."""

    def __init__(
        self, client: Client, name: ResourceName, state: str | None, known: Mapping[int, Page]
    ) -> None:
        self.seen: list[str] = []
        self._client = client
        self._name = name
        self._state = state
        self._known = known
        self._pages: dict[int, Page] = {}

    async def page(self, number: int) -> Page | None:
        """Return the page with that number; ``None`` if it is refused."""
        try:
            page = self._known.get(number) or await self._client.pages(
                self._name, state=self._state, asked=number
            )
        except (Refused, NoContent) as error:
            status = error.status if isinstance(error, Refused) else 204
            if status not in BEYOND:
                raise
            self.seen.append(f"page {number} is refused with {status}")
            return None
        self.seen.append(f"page {number} has {page.row_count} rows{self._like(page)}")
        self._pages[number] = page
        return page

    def _like(self, page: Page) -> str:
        for number, other in self._pages.items():
            if page.rows and page.row_ids == other.row_ids:
                return f", the same as on page {number}"
        return ""


def _first_page(zero: Page | None, one: Page | None) -> int | None:
    if zero is None or not zero.rows:
        return 1 if one is not None and one.rows else None
    if one is None or not one.rows:
        return 0
    if zero.row_ids == one.row_ids:
        return 1
    # Some rows in common: the list changed meanwhile, or it is unreliable.
    return None if zero.row_ids & one.row_ids else 0


def _paged(head: Page | None, after: Page | None) -> bool | None:
    if head is None or not head.rows or after is None or not after.rows:
        return None
    if head.row_ids != after.row_ids:
        return None if head.row_ids & after.row_ids else True
    if _says_more_than(head):
        return None
    # A list of a few rows that repeats its last page looks the same.
    return False if head.row_count >= _FEWEST_WHOLE else None


_FEWEST_WHOLE = 10


def _says_more_than(head: Page) -> bool:
    return head.total_count is not None and head.total_count > head.row_count


def _contradiction(head: Page | None, after: Page | None) -> str:
    if head is None or after is None or not head.rows or head.row_ids != after.row_ids:
        return ""
    if not _says_more_than(head):
        return ""
    return f"; but it counts {head.total_count} rows: page_number is not the key that selects the page"


def _page_size(head: Page | None, after: Page | None) -> int | None:
    if head is None or after is None or not after.rows or head.row_ids == after.row_ids:
        return None
    return max(head.row_count, after.row_count)


async def _end(ask: _Asking, head: Page | None, after: Page | None) -> ListEnd | Literal["unknown"]:
    far = await ask.page(_FAR)
    if far is None:
        return "refused"
    if not far.rows:
        return "empty"
    if head is not None and far.row_ids == head.row_ids:
        # For a list of one page, the last page is the first.
        single = after is None or not after.rows or after.row_ids == head.row_ids
        return "repeats_last" if single else "wraps"
    again = await ask.page(_FAR + 1)
    return "repeats_last" if again is not None and again.row_ids == far.row_ids else "unknown"
