"""Search: pages of list rows, with TrackerRMS's quirks and the faults that touch pages."""

from typing import Any

from msgspec import Struct

from bridge.simulator.generate import EVERYTHING, Record
from bridge.simulator.local_time import search_key
from bridge.simulator.routing import Call, Invalid, Reply, reply
from bridge.simulator.site import Site
from bridge.simulator.tables import Table

#: Rows key of PagedSearch (guesses, but for ``opportunities``).
ROWS_KEYS = {
    "opportunity": "opportunities",
    "resource": "resources",
    "opportunity_resource": "opportunityResources",
    "user": "users",
}
STATES = ("open", "won", "closed")
_LARGEST_PAGE = 250
_STALE_CHANGES = 20


class Query(Struct, frozen=True, kw_only=True):
    """What a search asks for, after the quirks; ``part`` "-" finds nothing."""

    part: str
    after: str | None
    page: int
    size: int
    term: str = ""
    oldest_first: bool = False


async def paged(site: Site, call: Call, entity: str) -> Reply:
    """``PagedSearch``: an envelope around one page."""
    query = read_query(site, call, entity)
    rows, total = find(site, call, entity, query)
    pages = -(-total // query.size)
    envelope = {
        ROWS_KEYS[entity]: rows,
        "totalCount": total,
        "totalPages": pages,
        "pageNumber": query.page,
        "pageSize": query.size,
        "hasNextPage": query.page < pages,
    }
    return reply(envelope)


async def bare(site: Site, call: Call, entity: str) -> Reply:
    """``Search``: the same page as a bare array."""
    return reply(find(site, call, entity, read_query(site, call, entity))[0])


def read_query(site: Site, call: Call, entity: str) -> Query:
    """The query of a request's body. Unknown keys change nothing; raises Invalid for a bad page or date."""
    body = call.object()
    page, size = body.get("pageNumber") or 1, body.get("pageSize") or site.options.page_size
    if not isinstance(page, int) or not isinstance(size, int) or page < 1 or size < 1:
        raise Invalid("pageNumber and pageSize must be whole numbers from 1")
    filters = not site.quirks["ignored_sort_and_filters"]
    term = body.get("searchTerm") or body.get("keyword") or body.get("surname") or ""
    return Query(
        part=_part(site, body) if entity == "opportunity" else EVERYTHING,
        after=_after(site, body) if entity != "user" else None,
        page=page,
        size=site.options.page_size if site.quirks["fixed_page_size"] else min(size, _LARGEST_PAGE),
        term=str(term).lower() if filters else "",
        oldest_first=filters and str(body.get("sortDir", "")).lower() == "asc",
    )


def _part(site: Site, body: dict[str, Any]) -> str:
    state = body.get("state")
    if state is None:
        lost = body.get("updatedAfter") is not None and site.quirks["updated_after_needs_state"]
        return "-" if lost else EVERYTHING
    return (
        str(state).lower() if str(state).lower() in STATES else "-"
    )  # assumed: an unknown state has no jobs


def _after(site: Site, body: dict[str, Any]) -> str | None:
    text = body.get("updatedAfter")
    if text is None:
        return None
    try:
        # Assumed: strictly after. Compared with local digits even where times are shown in UTC.
        return search_key(str(text))
    except ValueError as error:
        raise Invalid("updatedAfter must be a date or a date and time") from error


def find(site: Site, call: Call, entity: str, query: Query) -> tuple[list[Any], int]:
    """Rows of one page and how many there are in all, with this request's fault."""
    table, fault = site.world.index.table(entity), call.fault
    kind = fault.kind if fault else None
    page = max(1, query.page - 1) if kind == "repeat_page" else query.page
    offset = (page - 1) * query.size + (fault.rows if fault and kind == "shift_page" else 0)
    ids, total = _ids(table, query, max(0, offset))
    versions = {record_id: table.get(record_id) for record_id in ids}
    if kind == "stale":
        versions = _stale(site, entity, versions, query)
    if fault and kind == "short_page":
        versions = dict(list(versions.items())[: max(0, len(versions) - fault.rows)])
    rows = [site.shapes.row(entity, n, record) for n, record in versions.items() if record is not None]
    return rows, total


def _ids(table: Table, query: Query, offset: int) -> tuple[list[int], int]:
    if not query.term and not query.oldest_first:
        return table.search(query.part, query.after, offset, query.size)
    # Only with the quirk off: reads every record.
    ids, total = table.search(query.part, query.after, 0, len(table))
    if query.term:
        ids = [n for n in ids if query.term in _words(table.get(n))]
        total = len(ids)
    ordered = ids[::-1] if query.oldest_first else ids
    return ordered[offset : offset + query.size], total


def _words(record: Record | None) -> str:
    keys = ("firstName", "surname", "jobTitle", "email", "opportunityName", "clientName")
    return " ".join(str(record[key]) for key in keys if record and record.get(key)).lower()


def _stale(site: Site, entity: str, page: dict[int, Record | None], query: Query) -> dict[int, Record | None]:
    """The page before the latest changes: old versions, new records missing, deleted ones still there."""
    earlier: dict[int, Record | None] = {}
    for changed, record_id, old in list(site.world.recent)[-_STALE_CHANGES:]:
        if changed == entity:
            earlier.setdefault(record_id, old)
    live = site.world.live[entity]
    gone = {n: old for n, old in earlier.items() if old is not None and n not in live}
    if query.part != EVERYTHING:
        gone = {n: old for n, old in gone.items() if site.world.part(entity, old) == query.part}
    shown = {n: earlier.get(n, record) for n, record in page.items()}
    if query.page == 1:
        shown = {**gone, **shown}
    existed = [(n, record) for n, record in shown.items() if record is not None]
    return dict(existed[: query.size])
