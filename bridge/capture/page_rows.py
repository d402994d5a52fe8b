"""Rows of pages by id, and the number of pages that one step may read. Pure."""

from collections.abc import Collection, Sequence

from bridge.capture.observations import Trouble
from bridge.tracker.pages import Page, Row
from bridge.tracker.schema import Resource

_MAX_ROW_ID = 2**63 - 1


def rows_by_id(resource: Resource, pages: Sequence[Page]) -> tuple[dict[int, Row], list[Trouble]]:
    """Return the rows by id (the later one of two), and the rows without a usable id."""
    rows: dict[int, Row] = {}
    troubles = []
    for page in pages:
        for row in page.rows:
            row_id = int(row.remote_id)
            if row_id <= _MAX_ROW_ID:
                rows[row_id] = row
            else:
                troubles.append(_anonymous(resource, page, row.place, "its id is out of range"))
        troubles += [_anonymous(resource, page, bad.place, bad.reason) for bad in page.bad_rows]
    return rows, troubles


def pages_covered(resource: Resource, pages: Sequence[Page], moved: Collection[int], most: int | None) -> int:
    """Return how many pages, at least one, can be read with ``most`` by-id reads of ``moved`` rows."""
    if most is None or resource.by_id is None or resource.details == "never" or len(moved) <= most:
        return len(pages)
    ids = {str(row_id) for row_id in moved}
    reads = 0
    for number, page in enumerate(pages):
        reads += len(page.row_ids & ids)
        if reads > most and number:
            return number
    return len(pages)


def _anonymous(resource: Resource, page: Page, place: int, reason: str) -> Trouble:
    return Trouble(
        reason=f"{resource.entity} row: {reason}", path=f"{resource.list.path}#page={page.number},row={place}"
    )
