"""Progress of one read of one list, and whether a page ends it. Pure.

A list ends with the page that says so, or else with the first page that brings nothing new. That is a natural
end if the page is empty or short, if all rows that the list counts have been seen, or if the account's
settings describe what follows the end. Otherwise the read ends with a flaw, as it may be incomplete.
"""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from pyroaring import BitMap64

from bridge.tracker.pages import Page
from bridge.tracker.schema import Resource

_MOST_ID = 2**63 - 1
_MOST_SHIFTED = 20
_SLACK_PAGES = 20
_SLACK_ROWS = 1_000
_SLACK_UNCOUNTED = 100_000
ROUND = frozenset({50, 80, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 2500, 5000, 10_000})
"""Row counts at which searches often stop; multiples of 10,000 are others."""
_FROM_1 = "this account counts its pages from 1; set first_page = 1 under [integrations.tracker]"
_ROUND_WHOLE = frozenset({10, 20, 25, 30, 40})


class Paging(Struct, frozen=True, kw_only=True):
    """Assumptions about an account's pages: the number of the first page, and the rows of a full one."""

    first_page: int
    page_size: int


class ListRead:
    """A read of one list, in order. ``before``: the number of its records known from earlier reads.

    ``seen`` holds the ids read so far. A read that a restart interrupted begins with those of the ledger.
    """

    def __init__(
        self,
        resource: Resource,
        paging: Paging,
        *,
        before: int = 0,
        seen: BitMap64 | None = None,
        pages: int = 0,
    ) -> None:
        self.seen = BitMap64() if seen is None else seen
        self.total: int | None = None
        self.short: Page | None = None
        self.last: Page | None = None
        self._resource = resource
        self._paging = paging
        self._before = before
        self._pages = pages
        self._listed = len(self.seen)
        self._first_total: int | None = None
        self._first_ids: frozenset[str] = frozenset()
        self._looked_at: tuple[Page, BitMap64] | None = None
        self._odd: set[frozenset[str]] = set()
        self._doubts: list[str] = []

    # --- what a page brings ---

    def is_new(self, page: Page) -> bool:
        """Report whether the page has a row that no earlier page had. A row without a usable id may be
        new."""
        ids = _ids(page)
        self._looked_at = page, ids
        if not ids.issubset(self.seen):
            return True
        return bool(page.bad_rows) and (not page.rows or page.row_ids not in self._odd)

    def is_cut(self, page: Page, size: int) -> bool:
        """Report whether the page has fewer rows than it should, according to the list's own count."""
        if page.says_more is False or page.row_count >= size or page.total_count is None:
            return False
        return self._listed + page.row_count < page.total_count

    def is_full(self, page: Page, size: int) -> bool:
        """Report whether the page has as many rows as a full one."""
        return page.row_count >= size

    def take(self, page: Page) -> None:
        """Record that a page was read."""
        looked_at = self._looked_at
        ids = looked_at[1] if looked_at is not None and looked_at[0] is page else _ids(page)
        self._pages += 1
        self._listed += page.row_count
        self.seen |= ids
        self.total = page.total_count
        self._first_total = page.total_count if self._first_total is None else self._first_total
        self.last = page
        if not self._first_ids and page.number == 1:
            self._first_ids = page.row_ids
        if page.bad_rows:
            self._odd.add(page.row_ids)

    def shifted_pages(self, page: Page, size: int) -> int:
        """Return how many pages may show only old rows, because new rows were inserted in front during the
        read."""
        if page.total_count is None or self._first_total is None:
            return 0
        return min(_MOST_SHIFTED, -(-max(0, page.total_count - self._first_total) // max(1, size)))

    def doubt_barren(self, page: Page) -> None:
        """Record a doubt: a page in the middle showed nothing new."""
        if page.number == 2 and self._paging.first_page == 0 and page.row_ids == self._first_ids:
            self.doubt(f"pages 0 and 1 are the same: {_FROM_1}")
        elif not page.row_count:
            self.doubt(f"page {page.number} was empty, and page {page.number + 1} is not")
        elif page.total_count is None:
            self.doubt(f"page {page.number} showed only rows of the pages before it")

    def may_begin_later(self, page: Page) -> bool:
        """Report whether an empty page 0 may precede the list's first page."""
        return (
            self._paging.first_page == 0 and self._resource.paged and page.number == 1 and not page.row_count
        )

    def begins_later(self) -> str:
        """Return why a list is not read further if its page 0 is empty and page 1 is not."""
        return f"page 0 is empty and page 1 is not: {_FROM_1}"

    def doubt(self, reason: str) -> None:
        """Record why the read may lack rows. Ignored if the list's own count proves that it is complete."""
        self._doubts.append(reason)

    @property
    def _last_ids(self) -> frozenset[str]:
        return frozenset() if self.last is None else self.last.row_ids

    # --- how it ends ---

    def ends_at(self, page: Page, size: int) -> bool:
        """Report whether a page that brings nothing new is the natural end."""
        if not page.row_count or self.short is not None or not self.is_full(page, size):
            return True
        if page.total_count is not None and len(self.seen) >= page.total_count:
            return True
        if self._resource.list_end == "repeats_last":
            return page.row_ids == self._last_ids
        return self._resource.list_end == "wraps" and page.row_ids == self._first_ids

    def repeats(self, page: Page) -> str:
        """Return the flaw of a read that ends with a page that brings nothing new, and what to set."""
        name, number = self._resource.name, page.number
        what = f"page {number} shows only rows of the pages before it"
        end = f'if that is how the list ends, set list_end.{name} = "repeats_last"'
        if page.row_ids == self._last_ids:
            what = f"page {number} repeats page {number - 1}"
        elif page.row_ids == self._first_ids:
            what, end = (
                f"page {number} is page 1 again",
                f'if that is how the list ends, set list_end.{name} = "wraps"',
            )
        if number == 2 and page.row_ids == self._last_ids:
            end = (
                f"if this list returns all rows at once, set paged.{name} = false; if its page parameter "
                "is not pageNumber, set page_number"
            )
        return f"{what} and says that there is more: {end} under [integrations.tracker]"

    def beyond_bounds(self, size: int) -> str | None:
        """Return why a list of such length is not believed, ``None`` while it may be."""
        rows, pages = len(self.seen), self._pages
        counted = max(self.total or 0, self._before)
        if pages > 3 * -(-max(rows, counted) // max(1, size)) + _SLACK_PAGES:
            return f"{pages} pages have shown {rows} rows: the list repeats rows over and over"
        most = 3 * counted + (_SLACK_UNCOUNTED if self.total is None else _SLACK_ROWS)
        if rows > most:
            said = "" if self.total is None else f", says that it has {self.total},"
            return f"the list had {self._before} rows before{said} and has shown {rows} without an end"
        return None

    def flaw(self) -> str | None:
        """Return why the complete read can't prove that a record is absent, ``None`` if it can."""
        name, last = self._resource.name, self.last
        if last is not None and not self._resource.paged:
            rows = last.row_count
            more = last.says_more or (last.total_count is not None and last.total_count > rows)
            # Lists without pages don't mention more rows, or say that there are none.
            if more:
                return (
                    f"the list says that it has more than the {rows} rows of its only page: set "
                    f"paged.{name} = true under [integrations.tracker]"
                )
        counts = self.total is not None and len(self.seen) >= self.total
        return self._doubts[0] if self._doubts and not counts else None

    def capped_at(self, size: int) -> int | None:
        """Return the number of rows if searches stop at it and the last page was full."""
        rows, last = len(self.seen), self.last
        if last is None or self._resource.name == "statuses":
            return None  # Statuses come with the account's other settings, not by a search.
        if self._resource.paged and not self.is_full(last, size) and rows % size:
            return None
        if rows in ROUND or (rows >= 10_000 and rows % 10_000 == 0):
            return rows
        return rows if not self._resource.paged and rows in _ROUND_WHOLE else None


def usual(sizes: Iterable[int], default: int) -> int:
    """Return the size of a full page: the most frequent size, the larger one in a tie."""
    counted = Counter(sizes)
    return max(counted, key=lambda size: (counted[size], size)) if counted else default


def _ids(page: Page) -> BitMap64:
    numbers = [int(row.remote_id) for row in page.rows]
    if numbers and max(numbers) > _MOST_ID:
        numbers = [number for number in numbers if number <= _MOST_ID]
    return BitMap64(numbers)
