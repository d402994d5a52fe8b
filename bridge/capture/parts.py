"""Pages in parts: a list that answers with all its rows at once is read and committed in steps too. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import structs

from bridge.tracker.pages import Page

_ROWS = 50


def in_parts(pages: Iterable[Page]) -> list[Page]:
    """Return the pages, those with many rows as several with the same number."""
    return [part for page in pages for part in _parts(page)]


def complete_before(parts: Sequence[Page], covered: int) -> int:
    """Return the number of the last page whose parts are all among the first ``covered`` ones, and of those
    before it."""
    if covered < len(parts):
        return min(part.number for part in parts[covered:]) - 1
    return max(part.number for part in parts) if parts else 0


def _parts(page: Page) -> list[Page]:
    if len(page.rows) <= _ROWS:
        return [page]
    return [
        structs.replace(
            page, rows=page.rows[start : start + _ROWS], bad_rows=page.bad_rows if start == 0 else ()
        )
        for start in range(0, len(page.rows), _ROWS)
    ]
