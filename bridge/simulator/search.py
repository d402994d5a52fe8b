"""Search: pages of list rows, with TrackerRMS's quirks and the faults that affect pages."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from bridge.json_types import MutableObject
from bridge.simulator.dialects import Dialect, absence, filters, lists
from bridge.simulator.generate import EVERYTHING
from bridge.simulator.local_time import search_key
from bridge.simulator.routing import Invalid, Reply, SimulatedCall, json_reply, problem
from bridge.simulator.site import Site

#: Rows key of PagedSearch (guesses, except ``opportunities``).
ROWS_KEYS = {
    "opportunity": "opportunities",
    "resource": "resources",
    "opportunity_resource": "opportunityResources",
    "user": "users",
}
_LARGEST_PAGE = 250
_STALE_CHANGES = 20


class Query(Struct, frozen=True, kw_only=True):
    """The conditions of a search, after the quirks; without ``parts`` it finds nothing."""

    parts: tuple[str, ...]
    after: str | None
    page: int
    size: int
    term: str = ""
    oldest_first: bool = False


async def paged(site: Site, call: SimulatedCall, entity: str) -> Reply:
    """Answer ``PagedSearch``: an envelope around one page."""
    query = read_query(site, call, entity)
    if not site.dialect.plain:
        return _in_dialect(site, call, entity, query, lists.shape_envelope)
    rows, total = find_rows(site, call, entity, query)
    pages = -(-total // query.size)
    envelope = {
        ROWS_KEYS[entity]: rows,
        "totalCount": total,
        "totalPages": pages,
        "pageNumber": query.page,
        "pageSize": query.size,
        "hasNextPage": query.page < pages,
    }
    return json_reply(envelope)


async def bare(site: Site, call: SimulatedCall, entity: str) -> Reply:
    """Answer ``Search``: the same page as a bare array."""
    query = read_query(site, call, entity)
    if not site.dialect.plain:
        return _in_dialect(site, call, entity, query, lambda _, page: page.rows)
    return json_reply(find_rows(site, call, entity, query)[0])


async def all_users(site: Site, call: SimulatedCall, under: str | None) -> Reply:
    """Return every user in one answer, bare or under a key (assumed; only in a dialect)."""
    rows = every_user(site)
    return json_reply({under: rows} if under else rows)


def every_user(site: Site) -> list[Any]:
    """Return every user as a list shows it."""
    query = Query(parts=(EVERYTHING,), after=None, page=1, size=1)
    ids, _ = _whole(site, "user", query)
    found = ((n, _version(site, "user", n)) for n in ids)
    return [site.speech.row("user", n, record) for n, record in found if record is not None]


def _in_dialect(
    site: Site,
    call: SimulatedCall,
    entity: str,
    query: Query,
    form: Callable[[Dialect, lists.EnvelopePage], Any],
) -> Reply:
    dialect = site.dialect
    _, total = _ids(site, entity, query, 0)
    page = 1 if lists.is_unpaged(dialect, entity) else query.page
    asked = query.size
    size = lists.page_size_of(dialect, entity, site.options.page_size, asked, total)
    pages = -(-total // size)
    if page > max(1, pages) and dialect["past_end"].isdigit():
        status = int(dialect["past_end"])
        return Reply(status=204) if status == 204 else problem(status, "No such page")
    shown = msgspec.structs.replace(query, page=lists.shown_page(dialect, page, pages), size=size)
    rows, total = find_rows(site, call, entity, shown)
    made = lists.EnvelopePage(entity, lists.shortened(dialect, entity, rows), total, page, size)
    made.asked_size, made.unfiltered = asked, len(site.world.index.table(entity))
    return json_reply(form(dialect, made))


def read_query(site: Site, call: SimulatedCall, entity: str) -> Query:
    """Parse the query of a request's body. Unknown keys are ignored. Raises Invalid for a bad
    page or date."""
    body = call.object()
    page, size = lists.asked_page(site.dialect, body), body.get("pageSize") or site.options.page_size
    if not isinstance(page, int) or not isinstance(size, int) or page < 1 or size < 1:
        raise Invalid("pageNumber and pageSize must be whole numbers of at least 1")
    filters = not site.quirks["ignored_sort_and_filters"]
    term = body.get("searchTerm") or body.get("keyword") or body.get("surname") or ""
    return Query(
        parts=_parts(site, body) if entity == "opportunity" else (EVERYTHING,),
        after=_after(site, body, entity) if entity != "user" else None,
        page=page,
        size=_size(site, size),
        term=str(term).lower() if filters else "",
        oldest_first=filters and str(body.get("sortDir", "")).lower() == "asc",
    )


def _size(site: Site, asked: int) -> int:
    fixed = site.quirks["fixed_page_size"] and site.dialect["page_size"] != "asked"
    # The requested size may still be echoed: a dialect decides the size itself.
    return site.options.page_size if fixed and site.dialect.plain else min(asked, _LARGEST_PAGE)


def _parts(site: Site, body: dict[str, Any]) -> tuple[str, ...]:
    state = body.get("state")
    if state is not None:
        try:
            return filters.parts(site.dialect, state)  # assumed: an unknown state has no jobs
        except filters.NotAllowed as error:
            raise Invalid(str(error)) from error
    needed = site.quirks["updated_after_needs_state"] and not filters.needs_no_state(site.dialect)
    return () if needed and body.get("updatedAfter") is not None else (EVERYTHING,)


def _after(site: Site, body: dict[str, Any], entity: str) -> str | None:
    text = body.get("updatedAfter")
    if text is None:
        return None
    try:
        # Assumed: strictly after. Compared with local digits even if times are shown in UTC.
        digits = search_key(str(text))
    except ValueError as error:
        raise Invalid("updatedAfter must be a date or a date and time") from error
    if site.dialect.plain:
        return digits
    if filters.ignores_updated_after(site.dialect, entity, str(text)):
        return None
    try:
        return filters.lower_bound(site.dialect, str(text), digits, site.world.local.offset(digits))
    except filters.NotAllowed as error:
        raise Invalid(str(error)) from error


def find_rows(site: Site, call: SimulatedCall, entity: str, query: Query) -> tuple[list[Any], int]:
    """Return the rows of one page and the total, with this request's fault."""
    fault = call.fault
    kind = fault.kind if fault else None
    page = max(1, query.page - 1) if kind == "repeat_page" else query.page
    offset = (page - 1) * query.size + (fault.rows if fault and kind == "shift_page" else 0)
    ids, total = _ids(site, entity, query, max(0, offset))
    versions = {record_id: _version(site, entity, record_id) for record_id in ids}
    if kind == "stale":
        versions = _stale(site, entity, versions, query)
    if fault and kind == "short_page":
        versions = dict(list(versions.items())[: max(0, len(versions) - fault.rows)])
    rows = [site.speech.row(entity, n, record) for n, record in versions.items() if record is not None]
    return rows, total


def _version(site: Site, entity: str, record_id: int) -> MutableObject | None:
    record = site.world.index.table(entity).get(record_id)
    if record is None and absence.lists_deleted(site.dialect):
        return site.world.deleted_record(entity, record_id)
    return record


def _ids(site: Site, entity: str, query: Query, offset: int) -> tuple[list[int], int]:
    whole = query.term or query.oldest_first or site.dialect.any_set(*filters.REARRANGING)
    if not whole and len(query.parts) == 1:
        return site.world.index.table(entity).search(query.parts[0], query.after, offset, query.size)
    # Only in a dialect, or with the quirk off: reads every record.
    ids, total = _whole(site, entity, query)
    return ids[offset : offset + query.size], total


def _whole(site: Site, entity: str, query: Query) -> tuple[list[int], int]:
    """Return the ids that a search finds, in order, and the total it reports."""
    table, dialect = site.world.index.table(entity), site.dialect
    after = None if filters.by_creation(dialect) else query.after
    ids = [n for part in query.parts for n in table.search(part, after, 0, len(table))[0]]
    if absence.lists_deleted(dialect):
        ids += _deleted_ids(site, entity, query)
    records = {n: record for n in ids if (record := _version(site, entity, n)) is not None}
    ids = [n for n in ids if n in records and filters.is_found(dialect, records[n], query.after)]
    if query.term:
        ids = [n for n in ids if query.term in _words(records[n])]
    if entity == "user" and dialect["users_shape"] == "active_only":
        ids = [n for n in ids if records[n]["active"]]
    ids = filters.arranged(dialect, ids, records)
    return filters.capped(dialect, ids[::-1] if query.oldest_first else ids)


def _deleted_ids(site: Site, entity: str, query: Query) -> Iterator[int]:
    for name, record_id in site.world.deleted():
        record = site.world.deleted_record(name, record_id) if name == entity else None
        if record is None:
            continue
        in_part = EVERYTHING in query.parts or site.world.part(entity, record) in query.parts
        if in_part and record["lastUpdatedDateTime"] > (query.after or ""):
            yield record_id


def _words(record: MutableObject | None) -> str:
    keys = ("firstName", "surname", "jobTitle", "email", "opportunityName", "clientName")
    return " ".join(str(record[key]) for key in keys if record and record.get(key)).lower()


def _stale(
    site: Site, entity: str, page: dict[int, MutableObject | None], query: Query
) -> dict[int, MutableObject | None]:
    """Return the page before the latest changes: old versions, without new records, with deleted ones."""
    earlier: dict[int, MutableObject | None] = {}
    for changed, record_id, old in list(site.world.recent)[-_STALE_CHANGES:]:
        if changed == entity:
            earlier.setdefault(record_id, old)
    live = site.world.live[entity]
    gone = {n: old for n, old in earlier.items() if old is not None and n not in live}
    if EVERYTHING not in query.parts:
        gone = {n: old for n, old in gone.items() if site.world.part(entity, old) in query.parts}
    shown = {n: earlier.get(n, record) for n, record in page.items()}
    if query.page == 1:
        shown = {**gone, **shown}
    existed = [(n, record) for n, record in shown.items() if record is not None]
    return dict(existed[: query.size])
