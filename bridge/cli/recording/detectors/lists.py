"""Detects the switches of lists from their answers: where pages begin and end, their size, and
the envelope."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bridge.cli.recording.seen import NAMES, ListAnswer, SeenAccount
from bridge.tracker.layouts import compared_key

_FAR: Final = 1_000_000
_SIZES: Final = (1, 7, 10, 20, 25, 50, 100)
_TOTALS: Final = ("totalcount", "totalrecords", "total", "count", "@odata.count")
_NEXT: Final = ("hasnextpage", "hasmore", "nextlink")
_NUMBERS: Final = (*_TOTALS, *_NEXT, "totalpages", "pagenumber", "pagesize")
_PLURALS: Final = ("opportunities", "resources", "opportunityresources", "users")
_SINGULARS: Final = ("opportunity", "resource", "opportunityresource", "user")
_OTHERS: Final = ("jobs", "candidates", "placements", "employees")
_BARE_KEYS: Final = ("data", "items", "value", "results", "records", "rows")


def detect_first_page(seen: SeenAccount) -> str | None:
    """Detect if the pages 0 and 1 are the same."""
    for name in NAMES:
        for pages in seen.paged(name).values():
            zero, one, two = (pages.get(number) for number in (0, 1, 2))
            if one is None or not one.rows or (two is not None and two.ids == one.ids):
                continue
            if zero is None or not zero.rows:
                return "1"
            if set(zero.ids) == set(one.ids):
                return "1"
            if not set(zero.ids) & set(one.ids):
                return "0"
    return None


def page_parameter(seen: SeenAccount) -> str | None:
    """Detect from the key of the body that changes the rows."""
    for name in NAMES:
        for pages in seen.paged(name).values():
            one, two = pages.get(1), pages.get(2)
            if one is not None and two is not None and one.rows and two.rows and one.ids != two.ids:
                return seen.settings.page_number
        for key in ("page", "pageIndex"):
            shown = {one.ids for one in seen.answers[name] if key in one.asked and one.rows}
            if len(shown) > 1:
                return key
    return None


def detect_page_size(seen: SeenAccount) -> str | None:
    """Detect from the row counts of pages that are followed by another, in request order."""
    for name in NAMES:
        asked = [one for one in seen.answers[name] if "pageSize" in one.asked and one.rows]
        sizes = {one.asked["pageSize"] for one in asked}
        usual = {len(one.rows) for one in _full(seen, name)}
        if asked and usual and all(len(one.rows) in sizes for one in asked) and not sizes & usual:
            return "asked"
    for name in NAMES:
        plain = [len(one.rows) for one in _full(seen, name)]
        if not plain:
            continue
        counts = Counter(plain)
        if plain[0] == 20 and counts[10]:
            return "20_then_10"
        most = max(counts)
        if most - 2 in counts and most == 10:
            return "uneven"
        return str(min(_SIZES, key=lambda size: abs(math.log(size / most))))
    return None


def _full(seen: SeenAccount, name: Any) -> Iterator[ListAnswer]:
    """Yield the pages that are not the last, if the next page was requested and has other rows."""
    if unpaged(seen) in ("all", name):
        return
    for one in seen.answers[name]:
        if not isinstance(one.page, int) or "updatedAfter" in one.asked:
            continue
        after = seen.paged(name)[str(one.state or "")].get(one.page + 1)
        if after is not None and after.rows and after.ids != one.ids and one.rows:
            yield one


def unpaged(seen: SeenAccount) -> str | None:
    """Detect from lists whose second page equals the first and that are longer than other pages."""
    whole, paged = [], []
    longest = 0
    for name in NAMES:
        pages = seen.heads(name)
        one, two = pages.get(1), pages.get(2)
        if one is None or two is None or not one.rows or not two.rows:
            continue
        if one.ids != two.ids:
            paged.append(name)
            longest = max(longest, len(one.rows))
        elif len(one.rows) > 10 and not _counts_more(one):
            whole.append((name, len(one.rows)))
    if not paged:
        return "all" if len(whole) > 1 else None
    long = [name for name, rows in whole if rows > longest]
    return long[0] if len(long) == 1 else "none"


def _counts_more(one: ListAnswer) -> bool:
    total = _number(_total(one))
    return total is not None and total > len(one.rows)


def past_end(seen: SeenAccount) -> str | None:
    """Detect from pages beyond the end of any list."""
    if has_next_page(seen) == "always_last":
        return None
    for name in NAMES:
        pages = seen.heads(name)
        one, two = pages.get(1), pages.get(2)
        far = [page for number, page in sorted(pages.items()) if number >= _FAR]
        if one is None or two is None or not far or one.ids == two.ids or not (one.rows and two.rows):
            continue
        first = far[0]
        if first.exchange.status in (204, 400, 404):
            return str(first.exchange.status)
        if not first.rows:
            return "null" if _has_null_rows(first, one) else "empty"
        if len(far) > 1 and far[1].ids != first.ids:
            return "wrap"
        return "first" if first.ids == one.ids else "last"
    return None


def _has_null_rows(far: ListAnswer, full: ListAnswer) -> bool:
    if full.where is None:
        return False
    level: Any = far.exchange.said
    for step in full.where:
        if not isinstance(level, dict) or step not in level:
            return False
        level = level[step]
    return level is None


def has_next_page(seen: SeenAccount) -> str | None:
    """Detect from its key, its type, and its value where the existence of another page is known."""
    enveloped = list(_enveloped(seen))
    if not enveloped:
        return None
    keys = {key for one in enveloped for key in _NEXT if key in one.numbers}
    if "nextlink" in keys:
        return "next_link"
    if "hasmore" in keys:
        return "has_more"
    if not keys:
        return "absent"
    said = [(one, one.numbers.get("hasnextpage")) for one in enveloped]
    values = [value for _, value in said]
    if all(value is None for value in values):
        return "null"
    if any(isinstance(value, str) and value for value in values):
        return "text"
    far = [one for one, value in said if isinstance(one.page, int) and one.page >= _FAR and value is True]
    if any(not one.rows for one in far):
        return "always"
    if any(_differs_from_first(seen, one) for one in far):
        return "always_last"
    if not any(value is True for value in values):
        return "never" if any(list(_full(seen, name)) for name in NAMES) else None
    return "right"


def total_key(seen: SeenAccount) -> str | None:
    """Detect from the existing key."""
    spelled = {
        "totalcount": "totalCount",
        "totalrecords": "totalRecords",
        "total": "total",
        "count": "count",
        "@odata.count": "@odata.count",
    }
    return next((spelled[key] for one in _enveloped(seen) for key in _TOTALS if key in one.numbers), None)


def total_count(seen: SeenAccount) -> str | None:
    """Detect from its value for lists with a known number of rows, and for empty answers."""
    enveloped = [one for one in _enveloped(seen) if one.page is not None or "updatedAfter" in one.asked]
    if not enveloped:
        return None
    if total_key(seen) is None:
        return "absent"
    totals = [(one, _total(one)) for one in enveloped]
    if all(total in (None, "") for _, total in totals):
        return "null"
    if any(isinstance(total, str) for _, total in totals):
        return "text"
    numbers = [(one, _number(total) or 0) for one, total in totals]
    if any(total < 0 for _, total in numbers):
        return "minus_one"
    with_rows = [(one, total) for one, total in numbers if one.rows]
    if with_rows and all(total == 0 for _, total in with_rows):
        return "zero"
    if with_rows and all(total == len(one.rows) for one, total in with_rows):
        return "page" if any(list(_full(seen, name)) for name in NAMES) else None
    return _compared(seen, numbers)


def _compared(seen: SeenAccount, numbers: list[tuple[ListAnswer, int]]) -> str:
    for name, counted in _counted(seen).items():
        said = {total for one, total in numbers if seen.list_of(one.exchange) == name and one.is_whole}
        if said == {counted + 3}:
            return "too_high"
        if said == {counted - counted // 4} and counted > 3:
            return "too_low"
    first = seen.settings.first_page
    heads = [(one, total) for one, total in numbers if one.page == first and not one.is_whole]
    found_none = [total for one, total in heads if not one.rows]
    if any(total == 3 for total in found_none):
        return "too_high"
    return "unfiltered" if any(total > 3 for total in found_none) else "right"


def _counted(seen: SeenAccount) -> dict[str, int]:
    """Return the number of rows of the lists that were read to their end."""
    found = {}
    for name in NAMES if detect_page_size(seen) != "uneven" else ():
        pages = seen.paged(name).get("", {})
        read = {number: page for number, page in sorted(pages.items()) if 1 <= number < _FAR}
        usual = max((len(page.rows) for page in read.values()), default=0)
        ended = any(len(page.rows) < usual for page in read.values())
        whole = {record_id for page in read.values() for record_id in page.ids}
        if ended and list(read) == list(range(1, len(read) + 1)) and len(whole) > usual:
            found[str(name)] = len(whole)
    return found


def total_pages(seen: SeenAccount) -> str | None:
    """Detect from its value for lists with a known number of pages."""
    enveloped = [one for one in _enveloped(seen) if one.page is not None]
    if not enveloped:
        return None
    if not any("totalpages" in one.numbers for one in enveloped):
        return "absent"
    values = [(one, one.numbers.get("totalpages")) for one in enveloped]
    if any(isinstance(value, str) and value for _, value in values):
        return "text"
    if all(value == 0 for one, value in values if one.rows):
        return "zero"
    for name, counted in _counted(seen).items():
        mine = [(one, value) for one, value in values if seen.list_of(one.exchange) == name and one.is_whole]
        size = max((len(one.rows) for one, _ in mine), default=0)
        if size and any(value == math.ceil(counted / size) + 1 for _, value in mine):
            return "one_more"
    return "right"


def page_echo(seen: SeenAccount) -> str | None:
    """Detect from the numbers of pages that are known to differ."""
    enveloped = list(_enveloped(seen))
    if not enveloped:
        return None
    if not any("pagenumber" in one.numbers for one in enveloped):
        return "absent"
    if any(isinstance(one.numbers.get("pagenumber"), str) for one in enveloped):
        return "text"
    later = [one.numbers.get("pagenumber") for one in enveloped if _differs_from_first(seen, one)]
    if later and all(number == 1 for number in later):
        return "one"
    for one in enveloped:
        asked = one.asked.get("pageSize")
        if asked is not None and one.numbers.get("pagesize") == asked and len(one.rows) > asked:
            return "asked_size"
    return "right"


def _differs_from_first(seen: SeenAccount, one: ListAnswer) -> bool:
    """Return true if a later page has other rows than the first."""
    name = seen.list_of(one.exchange)
    if name is None or not isinstance(one.page, int) or one.page < 2 or not one.rows:
        return False
    first = seen.paged(name).get(str(one.state or ""), {}).get(1)
    return first is not None and first.ids != one.ids


def rows_key(seen: SeenAccount) -> str | None:
    """Detect from the path of the rows."""
    for name in NAMES:
        for one in seen.answers[name]:
            if one.where is None or not one.rows or not one.exchange.path.lower().endswith("pagedsearch"):
                continue
            found = _rows_key(one, list(NAMES).index(name), envelope_case(seen))
            if found is not None:
                return found
    return None


def _rows_key(one: ListAnswer, place: int, case: str | None) -> str | None:
    where = one.where or ()
    names = tuple(compared_key(key) for key in where)
    if not names:
        return "array"
    if one.is_numbered:
        return "by_number"
    nested = {
        ("data", "items"): "data_items",
        ("result", "items"): "result_items",
        ("d", "results"): "d_results",
    }
    if len(names) == 2:
        return nested.get(names, "named_$values" if names[1] == "$values" else None)
    (key,) = names
    if key in _PLURALS:
        return "pascal" if where[0][:1].isupper() and case not in ("pascal", None) else "named"
    if key in _SINGULARS:
        return "singular"
    if key in _OTHERS:
        return "other_plural"
    return key if key in (*_BARE_KEYS, "$values") else None


def envelope_case(seen: SeenAccount) -> str | None:
    """Detect from the spelling of the envelope's keys."""
    keys = {key for one in _enveloped(seen) for key in _spelled(one) if compared_key(key) in _NUMBERS}
    return case_of(keys)


def _spelled(one: ListAnswer) -> Iterable[str]:
    level: Any = one.exchange.said
    for step in (*(one.where or ()), None):
        if not isinstance(level, dict):
            return
        yield from level
        level = level.get(step) if step is not None else None


def case_of(keys: Iterable[str]) -> str | None:
    """Return the case of keys of several words; ``None`` if there is no such key."""
    spelled = [key for key in keys if key.isidentifier()]
    if any("_" in key.strip("_") for key in spelled):
        return "snake"
    upper = [key for key in spelled if key[:1].isupper()]
    if upper and 2 * len(upper) > len(spelled):
        return "pascal"
    if any(letter.isupper() for key in spelled for letter in key[1:]):
        return "camel"
    long = [key for key in spelled if key in _WORDS_OF_TWO]
    return "lower" if long else None


_WORDS_OF_TWO: Final = frozenset(
    (
        *("totalcount", "totalrecords", "totalpages", "pagenumber", "pagesize", "hasnextpage", "hasmore"),
        *("nextlink", "opportunityid", "opportunityname", "resourceid", "displayas", "jobtitle", "userid"),
        *("opportunityresourceid", "creationdate", "lastupdateddatetime", "contactdetails", "advertdetails"),
        *("customfields", "worktype", "locationcity", "tagtext", "currentclient", "quickskills"),
    )
)


def search_path(seen: SeenAccount) -> str | None:
    """Detect from the status of the assumed searches."""
    asked = seen.of("POST", "/api/v1/Opportunity/PagedSearch", "/api/v1/Resource/PagedSearch")
    statuses = {one.status for one in asked}
    if 200 in statuses:
        return "both"
    return {404: "search_only", 405: "search_405"}.get(min(statuses, default=0))


def _enveloped(seen: SeenAccount) -> Iterator[ListAnswer]:
    for name in NAMES:
        for one in seen.answers[name]:
            path = one.exchange.path.lower()
            if one.numbers and one.exchange.status == 200 and (path.endswith("pagedsearch") or one.numbers):
                yield one


def _total(one: ListAnswer) -> Any:
    return next((one.numbers[key] for key in _TOTALS if key in one.numbers), None)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


DETECTORS: Final[Mapping[str, Any]] = {
    "first_page": detect_first_page,
    "page_parameter": page_parameter,
    "page_size": detect_page_size,
    "unpaged": unpaged,
    "past_end": past_end,
    "has_next_page": has_next_page,
    "total_count": total_count,
    "total_key": total_key,
    "total_pages": total_pages,
    "page_echo": page_echo,
    "rows_key": rows_key,
    "envelope_case": envelope_case,
    "search_path": search_path,
}
