"""Parts of pages: a list that returns all rows at once is also read and committed in steps. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import structs
from pyroaring import BitMap64

from bridge.tracker.pages import Page, Row

_ROWS = 50


def in_parts(pages: Iterable[Page]) -> list[Page]:
    """Split pages with many rows into several with the same number, and return all pages."""
    return [part for page in pages for part in _parts(page)]


def parts_without(parts: Iterable[Page], row_ids: BitMap64) -> tuple[list[Page], BitMap64]:
    """Return the parts without these rows, and the rows that were removed."""
    found = BitMap64()
    if not row_ids:
        return list(parts), found
    left = []
    for part in parts:
        rows = tuple(row for row in part.rows if not _is_among(row, row_ids))
        if len(rows) < len(part.rows):
            found |= BitMap64(int(row.remote_id) for row in part.rows if _is_among(row, row_ids))
            left.append(structs.replace(part, rows=rows))
        else:
            left.append(part)
    return left, found


def complete_before(parts: Sequence[Page], covered: int) -> int:
    """Return the number of the last page up to which all parts are among the first ``covered`` ones."""
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


def _is_among(row: Row, row_ids: BitMap64) -> bool:
    number = int(row.remote_id)
    return number < 2**63 and number in row_ids
