"""Switches for lists: where pages begin and end, their size, and the envelope."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from bridge.simulator.dialects.naming import cased
from bridge.simulator.dialects.switches import LISTS, Dialect, Switch, switch

#: The lists by the simulator's own word and by the word of the dialects.
LIST_NAMES: Final[Mapping[str, Literal["jobs", "candidates", "applications", "users"]]] = {
    "opportunity": "jobs",
    "resource": "candidates",
    "opportunity_resource": "applications",
    "user": "users",
}
_BY_LIST: Final = {str(name): str(name) for name in LIST_NAMES.values()}

SWITCHES: Final[Mapping[str, Switch]] = {
    "first_page": switch(
        "The number of a list's first page.",
        LISTS,
        {"1": "The first page is 1, and 0 means 1.", "0": "The first page is 0, so 1 is the second."},
    ),
    "page_parameter": switch(
        "The key of a search's body that selects the page.",
        LISTS,
        {
            "pageNumber": "pageNumber selects the page.",
            "page": "page selects the page, and pageNumber is ignored: every answer is the first page.",
            "pageIndex": "pageIndex, from 0, selects the page, and pageNumber is ignored.",
        },
    ),
    "page_size": switch(
        "How many rows a page has.",
        LISTS,
        {
            "10": "Ten rows, regardless of pageSize.",
            "1": "One row.",
            "7": "Seven rows.",
            "20": "Twenty rows.",
            "25": "Twenty-five rows.",
            "50": "Fifty rows.",
            "100": "A hundred rows.",
            "asked": "As many rows as pageSize asks for, up to 250; ten without it.",
            "20_then_10": "The first answer of each list has twenty rows, every later one ten.",
            "uneven": "Pages have ten rows, but every third answer is two rows short in the middle.",
        },
    ),
    "unpaged": switch(
        "Which list is not paged: every answer is the whole list, whatever page is requested.",
        LISTS,
        {
            "none": "Every list is paged.",
            "all": "No list is paged.",
            "jobs": "The list of jobs is not paged.",
            "candidates": "The list of candidates is not paged.",
            "applications": "The list of applications is not paged.",
            "users": "The list of users is not paged.",
        },
        narrower=_BY_LIST,
    ),
    "past_end": switch(
        "What follows the last page.",
        LISTS,
        {
            "empty": "An answer without rows.",
            "last": "The last page again.",
            "first": "The first page again.",
            "wrap": "The list begins again, page by page.",
            "404": "404.",
            "400": "400.",
            "204": "204 without a body.",
            "null": "The rows are null.",
        },
    ),
    "has_next_page": switch(
        "What an envelope says about a further page.",
        LISTS,
        {
            "right": "hasNextPage is true if there is one.",
            "always": "hasNextPage is always true; empty pages follow the end.",
            "always_last": "hasNextPage is always true; the last page follows the end again.",
            "never": "hasNextPage is false on every page.",
            "absent": "There is no hasNextPage.",
            "null": "hasNextPage is null.",
            "text": 'hasNextPage is the text "true" or "false".',
            "has_more": "The key is called hasMore.",
            "next_link": "There is a nextLink instead, null on the last page.",
        },
    ),
    "total_count": switch(
        "What an envelope says about the total number of rows.",
        LISTS,
        {
            "right": "totalCount is the total number of rows.",
            "absent": "There is no totalCount.",
            "text": "totalCount is a text.",
            "null": "totalCount is null.",
            "page": "totalCount is the number of rows on this page.",
            "zero": "totalCount is 0.",
            "minus_one": "totalCount is -1.",
            "too_low": "totalCount is a quarter too low.",
            "too_high": "totalCount is three too high.",
            "unfiltered": "totalCount counts every record, regardless of state and updatedAfter.",
        },
    ),
    "total_key": switch(
        "The key of the total number of rows.",
        LISTS,
        {
            "totalCount": "totalCount.",
            "totalRecords": "totalRecords.",
            "total": "total.",
            "count": "count.",
            "@odata.count": "@odata.count.",
        },
    ),
    "total_pages": switch(
        "What an envelope says about the number of pages.",
        LISTS,
        {
            "right": "totalPages is the number of pages.",
            "absent": "There is no totalPages.",
            "text": "totalPages is a text.",
            "zero": "totalPages is 0.",
            "one_more": "totalPages is one too high.",
        },
    ),
    "page_echo": switch(
        "What an envelope says about its own page.",
        LISTS,
        {
            "right": "pageNumber and pageSize are those of the answer.",
            "absent": "There is neither pageNumber nor pageSize.",
            "text": "pageNumber and pageSize are texts.",
            "one": "pageNumber is 1 on every page.",
            "asked_size": "pageSize is the requested one, although the answer has its own size.",
        },
    ),
    "rows_key": switch(
        "Where the rows are in an answer.",
        LISTS,
        {
            "named": "Under the entity's plural: opportunities, resources, opportunityResources, users.",
            "data": "Under data.",
            "items": "Under items.",
            "value": "Under value.",
            "$values": "Under $values, next to $id, as Newtonsoft keeps references.",
            "named_$values": "Under the entity's plural, and in it under $values.",
            "results": "Under results.",
            "records": "Under records.",
            "rows": "Under rows.",
            "array": "The answer is a bare array of rows.",
            "pascal": "Under the entity's plural, with a capital.",
            "singular": "Under the entity's singular.",
            "other_plural": "Under the names on the screen: jobs, candidates, placements, employees.",
            "data_items": "Under items in data; the totals are in data too.",
            "result_items": "Under items in result, next to success and error.",
            "d_results": "Under results in d.",
            "by_number": 'Under data, as an object of rows by their position: "0", "1".',
        },
    ),
    "envelope_case": switch(
        "How an envelope spells its keys.",
        LISTS,
        {
            "camel": "totalCount.",
            "pascal": "TotalCount.",
            "lower": "totalcount.",
            "snake": "total_count.",
        },
    ),
    "search_path": switch(
        "Which of the two searches exist.",
        LISTS,
        {
            "both": "Search, a bare array, and PagedSearch, an envelope.",
            "search_only": "Search only; PagedSearch is answered 404.",
            "search_405": "Search only; PagedSearch is answered 405.",
        },
    ),
}

_NAMES: Final = {
    "opportunity": ("opportunities", "opportunity", "jobs"),
    "resource": ("resources", "resource", "candidates"),
    "opportunity_resource": ("opportunityResources", "opportunityResource", "placements"),
    "user": ("users", "user", "employees"),
}
_SHORT_EVERY = 3
_SHORT_BY = 2


def asked_page(dialect: Dialect, body: Mapping[str, Any]) -> Any:
    """Return the page that a search's body requests, from 1, or the value in its place."""
    key = dialect["page_parameter"]
    if dialect["first_page"] == "1" and key != "pageIndex":
        return body.get(key) or 1
    given = body.get(key)
    if given is None:
        return 1
    return given + 1 if isinstance(given, int) else given


def page_size_of(dialect: Dialect, entity: str, default: int, asked: int, total: int) -> int:
    """Return the number of rows of a page in this answer."""
    if dialect["unpaged"] in ("all", LIST_NAMES[entity]):
        return max(1, total)
    match dialect["page_size"]:
        case "10" | "uneven":
            return default
        case "asked":
            return asked
        case "20_then_10":
            return 20 if dialect.count("page_size", entity) == 1 else 10
        case size:
            return int(size)


def is_unpaged(dialect: Dialect, entity: str) -> bool:
    """Return true if the requested page is ignored."""
    return dialect["unpaged"] in ("all", LIST_NAMES[entity])


def shown_page(dialect: Dialect, page: int, pages: int) -> int:
    """Return the page that is shown for a request of ``page``."""
    if page <= pages or not pages:
        return page
    behind = "last" if dialect["has_next_page"] == "always_last" else dialect["past_end"]
    shown = {"last": pages, "first": 1, "wrap": (page - 1) % pages + 1}
    return shown.get(behind, page)


def shortened(dialect: Dialect, entity: str, rows: list[Any]) -> list[Any]:
    """Return a page's rows, sometimes two short in the middle."""
    uneven = dialect["page_size"] == "uneven" and dialect.count("page_size", entity) % _SHORT_EVERY == 0
    middle = len(rows) // 2
    return rows[:middle] + rows[middle + _SHORT_BY :] if uneven else rows


class EnvelopePage:
    """The rows of one page and the numbers for its envelope."""

    def __init__(self, entity: str, rows: list[Any], total: int, page: int, size: int) -> None:
        self.entity, self.rows, self.total, self.page, self.size = entity, rows, total, page, size
        self.pages = -(-total // size)
        self.unfiltered, self.asked_size = total, size


def shape_envelope(dialect: Dialect, page: EnvelopePage) -> Any:
    """Return the answer of PagedSearch."""
    rows: Any = page.rows
    behind = page.page > max(1, page.pages) and not page.rows
    if behind and dialect["past_end"] == "null":
        rows = None
    numbers = {**_total(dialect, page), **_pages(dialect, page), **_next(dialect, page)}
    case = dialect["envelope_case"]
    return _around(dialect, page.entity, rows, {cased(key, case): value for key, value in numbers.items()})


def _around(dialect: Dialect, entity: str, rows: Any, numbers: dict[str, Any]) -> Any:
    plural, singular, other = _NAMES[entity]
    case = dialect["envelope_case"]
    key = dialect["rows_key"]
    named = {"named": plural, "pascal": cased(plural, "pascal"), "singular": singular, "other_plural": other}
    match key:
        case "array":
            return rows
        case "$values":
            return {"$id": "1", "$values": rows, **numbers}
        case "named_$values":
            return {"$id": "1", cased(plural, case): {"$id": "2", "$values": rows}, **numbers}
        case "data_items":
            return {cased("data", case): {cased("items", case): rows, **numbers}}
        case "result_items":
            inner = {cased("items", case): rows, **numbers}
            return {cased("success", case): True, cased("error", case): None, cased("result", case): inner}
        case "d_results":
            return {"d": {"results": rows, **numbers}}
        case "by_number":
            return {cased("data", case): dict(enumerated(rows)), **numbers}
        case _:
            return {cased(named.get(key, key), case): rows, **numbers}


def enumerated(rows: list[Any] | None) -> list[tuple[str, Any]]:
    """Return each row with its position as text."""
    return [(str(place), row) for place, row in enumerate(rows or ())]


def _total(dialect: Dialect, page: EnvelopePage) -> dict[str, Any]:
    how, key = dialect["total_count"], dialect["total_key"]
    said: dict[str, Any] = {
        "right": page.total,
        "text": str(page.total),
        "null": None,
        "page": len(page.rows),
        "zero": 0,
        "minus_one": -1,
        "too_low": page.total - page.total // 4,
        "too_high": page.total + 3,
        "unfiltered": page.unfiltered,
    }
    return {key: said[how]} if how in said else {}


def _pages(dialect: Dialect, page: EnvelopePage) -> dict[str, Any]:
    pages: dict[str, Any] = {
        "right": page.pages,
        "text": str(page.pages),
        "zero": 0,
        "one_more": page.pages + 1,
    }
    how = dialect["total_pages"]
    found = {"totalPages": pages[how]} if how in pages else {}
    number = page.page - 1 if dialect["first_page"] == "0" else page.page
    match dialect["page_echo"]:
        case "absent":
            return found
        case "text":
            return {**found, "pageNumber": str(number), "pageSize": str(page.size)}
        case "one":
            number = 1
        case "asked_size":
            return {**found, "pageNumber": number, "pageSize": page.asked_size}
    return {**found, "pageNumber": number, "pageSize": page.size}


def _next(dialect: Dialect, page: EnvelopePage) -> dict[str, Any]:
    further = page.page < page.pages
    said: dict[str, dict[str, Any]] = {
        "right": {"hasNextPage": further},
        "always": {"hasNextPage": True},
        "always_last": {"hasNextPage": True},
        "never": {"hasNextPage": False},
        "absent": {},
        "null": {"hasNextPage": None},
        "text": {"hasNextPage": str(further).lower()},
        "has_more": {"hasMore": further},
        "next_link": {"nextLink": f"?pageNumber={page.page + 1}" if further else None},
    }
    return said[dialect["has_next_page"]]
