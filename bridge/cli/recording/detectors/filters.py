"""Detects the switches of filters from the results of searches: by state and by time, their order and their
size."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.cli.recording.detectors.lists import detect_page_size, total_count
from bridge.cli.recording.seen import BY_ID, NAMES, Filtered, ListAnswer, SeenAccount
from bridge.tracker.schema import ResourceName

WORDS: Final = ("open", "won", "closed", "Open", "lost", "active", "1")
NO_WORD: Final = "bridge-check"
_OWN: Final = ("open", "won", "closed")
_BACK: Final = "updatedAfter"


def detect_states(seen: SeenAccount) -> str | None:
    """Detect which words find jobs, which are refused, and which find the jobs of others."""
    found = {word: _of_word(seen, word) for word in (*WORDS, NO_WORD)}
    asked = {word: one for word, one in found.items() if one is not None}
    if "open" not in asked or "lost" not in asked:
        return None
    finds = {word: bool(ids) for word, (_, ids) in asked.items()}
    refused = {word for word, (status, _) in asked.items() if status == 400}
    if finds.get("1"):
        return "numbers" if not finds["open"] else _by_overlap(seen, asked)
    if not any(finds.values()):
        if not _all_jobs(seen):
            return None
        return "not_allowed" if refused else "nothing"
    if not finds["open"]:
        return "active_placed_lost" if finds.get("active") else "capitalized" if finds.get("Open") else None
    if finds["lost"]:
        if "closed" in refused:
            return "refused"
        if finds.get(NO_WORD):
            return _by_overlap(seen, asked)
        return "unknown_is_all" if finds["closed"] else "open_won_lost"
    return _by_overlap(seen, asked)


def _by_overlap(seen: SeenAccount, asked: Mapping[str, tuple[int, frozenset[str]]]) -> str:
    ids = {word: asked[word][1] if word in asked else frozenset[str]() for word in _OWN}
    if asked.get(NO_WORD, (0, frozenset()))[1]:
        return "ignored" if ids["open"] == ids["won"] else "unknown_is_all"
    counted = _by_counts(seen)
    if counted is not None:
        return counted
    if ids["open"] and ids["closed"] & ids["open"]:
        return "all_in_open"
    if ids["won"] & ids["open"]:
        return "won_in_open"
    return "closed_in_won" if ids["closed"] & ids["won"] else "open_won_closed"


def _by_counts(seen: SeenAccount) -> str | None:
    """Detect from the totals of lists: their sum equals the total, or counts some jobs twice."""
    totals = [_counted(seen, word) for word in (*_OWN, None)]
    opened, won, closed, everything = (total or 0 for total in totals)
    if None in totals or not (opened and won and closed):
        return None
    if total_count(seen) != "right" or search_cap(seen) != "none":
        return None
    twice = opened + won + closed - everything
    # If won includes the closed jobs, it has more than closed; otherwise the later of the same keys is right.
    found = {0: "open_won_closed", closed: "closed_in_won", won: "won_in_open", won + closed: "all_in_open"}
    return found.get(twice)


def _counted(seen: SeenAccount, word: str | None) -> int | None:
    for one in seen.answers["jobs"]:
        if one.state == word and _BACK not in one.asked and one.rows:
            total = one.numbers.get("totalcount")
            return total if isinstance(total, int) else None
    return None


def _of_word(seen: SeenAccount, word: str) -> tuple[int, frozenset[str]] | None:
    """Return the status of the answers for a word, and the ids that it finds on all pages read."""
    mine = [one for one in seen.answers["jobs"] if one.state == word and _BACK not in one.asked]
    if not mine:
        return None
    ids = frozenset(record_id for one in mine for record_id in one.ids)
    return max(one.exchange.status for one in mine if not ids or one.rows), ids


def _all_jobs(seen: SeenAccount) -> list[ListAnswer]:
    return [one for one in seen.answers["jobs"] if one.is_whole and one.rows]


def detect_updated_after(seen: SeenAccount) -> str | None:
    """Detect from queries with times around a record's last update."""
    facts = seen.filtered
    if facts is None or (updated_after_ignored_by(seen) or "none") != "none":
        return None
    if order(seen) == "unstable" or detect_page_size(seen) == "uneven":
        return None  # a missing record may have been skipped
    found = facts.found
    if found.get("far"):
        return "ignored" if found.get("far_date") else "ignored_with_time"
    if found.get("-1") is None and found.get("date") is not None:
        return "refused"
    if found.get("created+") is False and found.get("created-"):
        return "created"
    if found.get("-1") and found.get("old") is False:
        return "within_day"
    if found.get("old") is False and found.get("very_old") is False:
        return "nothing"
    clock = _by_clock(facts)
    if clock is None and found.get("day+"):
        return "day"
    if clock is None and found.get("-1") is False and found.get("day_before"):
        return "later_days"
    return clock


def _by_clock(facts: Filtered) -> str | None:
    found, clock = facts.found, clock_of(facts)
    if clock == "behind":
        return "utc"
    if clock != "shown":
        return "after" if clock == "ahead" else None
    with_z = "z-1" if facts.offset_seconds > 0 else "z+1"
    if facts.offset_seconds and found.get(with_z) is (facts.offset_seconds < 0):
        return "honors_z"
    return "inclusive" if facts.has_seconds and found.get("0") else "after"


def clock_of(facts: Filtered | None) -> str | None:
    """Return where the filter sees a record's last update: at the shown digits, or before or after them by
    the offset of the account's zone from UTC."""
    if facts is None:
        return None
    for name, mark in (("shown", ""), ("ahead", "ahead"), ("behind", "behind")):
        if facts.found.get(f"{mark}-1") and facts.found.get(f"{mark}+1") is False:
            return name
    return None


def updated_after_ignored_by(seen: SeenAccount) -> str | None:
    """Detect from lists that find something updated days after their newest record."""
    ignored_by = {}
    for name in BY_ID:
        late = [one for one in seen.answers[name] if one.asked.get("updatedAfter", "") > "2"]
        future = [one for one in late if one.asked["updatedAfter"] >= FUTURE]
        if future and any(one.rows for one in seen.answers[name]):
            ignored_by[name] = any(one.rows for one in future)
    ignoring = [name for name, ignored in ignored_by.items() if ignored]
    if len(ignored_by) < 2:
        return None
    return ignoring[0] if len(ignoring) == 1 else "none"


FUTURE: Final = "2200-01-01"
"""A time after any record's update."""


_ORDERED: Final[tuple[ResourceName, ...]] = ("candidates", "applications", "users")


def order(seen: SeenAccount) -> str | None:
    """Detect from the ids, times and names on pages, and from repeated reads of the first page."""
    for name in _ORDERED:
        heads = [one for one in seen.answers[name] if one.is_whole and one.page == 1 and len(one.ids) > 2]
        if len({one.ids for one in heads}) > 2 or (len(heads) > 2 and _shuffled(heads)):
            return "unstable"
    for name in _ORDERED:
        for one in seen.answers[name]:
            ordered = _order(one) if one.is_whole and one.page == 1 and len(one.ids) > 2 else None
            if ordered is not None:
                return ordered
    return None


def _shuffled(heads: Sequence[ListAnswer]) -> bool:
    return any(set(one.ids) != set(heads[0].ids) for one in heads) and all(
        _order(one) is None for one in heads
    )


def _order(one: ListAnswer) -> str | None:
    ids = [int(record_id) for record_id in one.ids if record_id.isdecimal()]
    if ids == sorted(ids, reverse=True):
        return "newest"
    if ids == sorted(ids):
        return "oldest"
    for words, name in ((("lastupdated", "modifieddate"), "least_recent"), (("surname", "lastname"), "name")):
        values = [_text_of(row, words).lower() for row in one.rows]
        if any(values) and values == sorted(values):
            return name
    return None


def _text_of(row: Any, words: Sequence[str]) -> str:
    if not isinstance(row, dict):
        return ""
    for key, value in row.items():
        if key.lower().replace("_", "").startswith(tuple(words)):
            return str(value or "")
    return next((_text_of(part, words) for part in row.values() if isinstance(part, dict)), "")


def search_cap(seen: SeenAccount) -> str | None:
    """Detect from equal totals of several lists, and from pages beyond a hundred rows."""
    totals = []
    for name in NAMES:
        for one in seen.answers[name]:
            total = one.numbers.get("totalcount")
            if not isinstance(total, int) or not one.is_whole:
                continue
            totals.append((name, total))
            if total > 100 and not one.rows and isinstance(one.page, int) and one.page * 10 <= total:
                return "100_told"
    for cap in (20, 80):
        capped = {name for name, total in totals if total == cap}
        if len(capped) > 1 and max(total for _, total in totals) == cap:
            return str(cap)
    return "none" if totals else None


DETECTORS: Final[Mapping[str, Any]] = {
    "states": detect_states,
    "updated_after": detect_updated_after,
    "updated_after_ignored_by": updated_after_ignored_by,
    "order": order,
    "search_cap": search_cap,
}
