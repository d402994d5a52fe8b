"""Switches for filters: what a search finds by state and by updatedAfter, its order and its size."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar

from bridge.simulator.dialects.lists import LIST_NAMES
from bridge.simulator.dialects.switches import LISTS, RECORDS, Dialect, Switch, switch

T = TypeVar("T")

STATES: Final = ("open", "won", "closed")

SWITCHES: Final[Mapping[str, Switch]] = {
    "states": switch(
        "Which words of state a search for jobs accepts, and what they find.",
        "jobs",
        {
            "open_won_closed": "open, won and closed, in any case; another word finds nothing.",
            "capitalized": "Open, Won and Closed; another case finds nothing.",
            "active_placed_lost": "active, placed and lost; another word finds nothing.",
            "open_won_lost": "open, won and lost; another word, such as closed, finds nothing.",
            "refused": "open, won and lost; another word, such as closed, is answered 400.",
            "numbers": "1, 2 and 3; another word is answered 400.",
            "ignored": "Every word finds every job.",
            "unknown_is_all": "open, won and lost; another word, such as closed, finds every job.",
            "nothing": "Every word finds nothing: state must be omitted.",
            "not_allowed": "A search with state is answered 400.",
            "won_in_open": "open finds the won jobs too.",
            "closed_in_won": "won finds the closed jobs too.",
            "all_in_open": "open finds every job.",
        },
    ),
    "updated_after": switch(
        "Which records updatedAfter finds.",
        f"{RECORDS} polls",
        {
            "after": "Those updated after that local time; a Z is ignored.",
            "inclusive": "Those updated at or after that local time.",
            "day": "Those updated on that day or later: the time of day is ignored.",
            "later_days": "Those updated on a later day: the time of day is ignored.",
            "utc": "Those updated after that time, which is read as UTC.",
            "honors_z": "Those updated after that time, which is UTC with a Z and local without.",
            "ignored": "All of them.",
            "ignored_with_time": "All of them if a time of day is given.",
            "nothing": "None.",
            "refused": "A time of day is answered 400; a date finds those updated that day or later.",
            "created": "Those created after that local time.",
            "within_day": "Those updated after that local time, and not over a day later.",
        },
    ),
    "updated_after_ignored_by": switch(
        "Which list ignores updatedAfter while the others apply it.",
        RECORDS,
        {
            "none": "None of them.",
            "jobs": "The list of jobs.",
            "candidates": "The list of candidates.",
            "applications": "The list of applications.",
        },
        narrower={"jobs": "jobs", "candidates": "candidates", "applications": "applications"},
    ),
    "order": switch(
        "The order of a list's rows.",
        LISTS,
        {
            "newest": "The newest id first; with updatedAfter, last updated first.",
            "oldest": "The oldest id first.",
            "least_recent": "The least recently updated first.",
            "name": "By name, alphabetically.",
            "unstable": "In another order at each request, so that pages repeat and skip rows.",
        },
    ),
    "search_cap": switch(
        "How many records a search can find; the rest is in no list.",
        LISTS,
        {
            "none": "All of them.",
            "20": "Twenty, and totalCount is twenty.",
            "80": "Eighty, and totalCount is eighty.",
            "100_told": "A hundred, although totalCount is the real number.",
        },
    ),
}

_OWN_WORDS: Final = {word: word for word in STATES}
_WITH_LOST: Final = {"open": "open", "won": "won", "lost": "closed"}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "open_won_closed": _OWN_WORDS,
    "capitalized": {word.capitalize(): word for word in STATES},
    "active_placed_lost": {"active": "open", "placed": "won", "lost": "closed"},
    "open_won_lost": _WITH_LOST,
    "refused": _WITH_LOST,
    "unknown_is_all": _WITH_LOST,
    "numbers": {"1": "open", "2": "won", "3": "closed"},
    "won_in_open": _OWN_WORDS,
    "closed_in_won": _OWN_WORDS,
    "all_in_open": _OWN_WORDS,
}
_WIDER: Final = {
    ("won_in_open", "open"): ("open", "won"),
    ("closed_in_won", "won"): ("won", "closed"),
    ("all_in_open", "open"): STATES,
}
#: The switches that change which records a list shows, or their order, so that it must be read whole.
REARRANGING: Final = ("order", "search_cap", "deletions", "updated_after", "users_shape")


class NotAllowed(ValueError):
    """A search that this dialect does not support: 400."""


def parts(dialect: Dialect, state: Any) -> tuple[str, ...]:
    """Return the states whose jobs a search finds for its ``state``. Raises NotAllowed."""
    how = dialect["states"]
    if how == "ignored":
        return STATES
    if how == "nothing":
        return ()
    text = str(state) if how == "capitalized" else str(state).lower()
    found = _WORDS[how].get(text) if how in _WORDS else None
    if found is not None:
        return _WIDER.get((how, found), (found,))
    if how in ("refused", "numbers", "not_allowed"):
        raise NotAllowed(f"The value '{state}' is not valid for State.")
    return STATES if how == "unknown_is_all" else ()


def needs_no_state(dialect: Dialect) -> bool:
    """Return true if updatedAfter works without a state, because no state works."""
    return dialect["states"] in ("nothing", "not_allowed", "ignored")


def ignores_updated_after(dialect: Dialect, entity: str, given: str) -> bool:
    """Return true if a list shows all its records regardless of updatedAfter."""
    if dialect["updated_after_ignored_by"] == LIST_NAMES[entity]:
        return True
    how = dialect["updated_after"]
    return how == "ignored" or (how == "ignored_with_time" and _has_time(given))


def lower_bound(dialect: Dialect, given: str, digits: str, offset: timedelta) -> str:
    """Return the local digits after which a record's last update must be.

    ``digits`` is ``given`` as local digits; ``offset`` is the offset of the tenant's clock from UTC at that
    time. Raises NotAllowed.
    """
    day = digits[:10]
    match dialect["updated_after"]:
        case "inclusive":
            return _moved(digits, timedelta(seconds=-1))
        case "refused" if _has_time(given):
            raise NotAllowed(f"The value '{given}' is not valid for UpdatedAfter.")
        case "day" | "refused":
            return _moved(f"{day}T00:00:00", timedelta(seconds=-1))
        case "later_days":
            return f"{day}T23:59:59"
        case "utc":
            return _moved(digits, offset)
        case "honors_z" if given.strip().endswith("Z"):
            return _moved(digits, offset)
        case "nothing":
            return "9999-12-31T23:59:59"
        case _:
            return digits


def is_found(dialect: Dialect, record: Mapping[str, Any], after: str | None) -> bool:
    """Return true if a record passes the conditions beyond the lower bound."""
    if after is None:
        return True
    match dialect["updated_after"]:
        case "created":
            return str(record["creationDate"]) > after
        case "within_day":
            return str(record["lastUpdatedDateTime"]) <= _moved(after, timedelta(days=1))
        case _:
            return True


def by_creation(dialect: Dialect) -> bool:
    """Return true if updatedAfter compares with the creation instead of the last update."""
    return dialect["updated_after"] == "created"


def arranged(dialect: Dialect, ids: list[int], records: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """Return the ids of a list in this dialect's order."""
    match dialect["order"]:
        case "oldest":
            return sorted(ids)
        case "least_recent":
            return sorted(ids, key=lambda n: (str(records[n]["lastUpdatedDateTime"]), n))
        case "name":
            return sorted(ids, key=lambda n: (_name(records[n]), n))
        case "unstable":
            return _shuffled(ids, dialect.count("order"))
        case _:
            return ids


def capped(dialect: Dialect, ids: list[int]) -> tuple[list[int], int]:
    """Return the ids that a search finds, and the number it reports."""
    match dialect["search_cap"]:
        case "none":
            return ids, len(ids)
        case "100_told":
            return ids[:100], len(ids)
        case cap:
            return ids[: int(cap)], min(int(cap), len(ids))


def _name(record: Mapping[str, Any]) -> str:
    keys = ("opportunityName", "surname", "firstName")
    return " ".join(str(record[key]) for key in keys if record.get(key)).lower()


def _shuffled(items: Sequence[T], seed: int) -> list[T]:
    mixed = list(items)
    Random(seed).shuffle(mixed)  # noqa: S311 — an order, the same for the same request
    return mixed


def _has_time(text: str) -> bool:
    return len(text.strip()) > len("2026-10-01")


def _moved(digits: str, by: timedelta) -> str:
    return (datetime.fromisoformat(digits) + by).isoformat(timespec="seconds")
