"""Switches for paths: which assumed calls do not exist, and which ones exist instead."""

from collections.abc import Mapping
from typing import Final

from bridge.simulator.dialects.switches import Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "users_path": switch(
        "Where users are read.",
        "users",
        {
            "PagedSearch": "POST /api/v1/User/PagedSearch, and Search.",
            "list": "GET /api/v1/User/List, a bare array of all.",
            "get": "GET /api/v1/User, a bare array of all.",
            "users": "GET /api/v1/Users, all of them under users.",
            "post_list": "POST /api/v1/User/List, with pages.",
            "metadata": "Under users in GET /api/v1/MetaData.",
            "widget": "By the widget API's getSettingsData only.",
        },
    ),
    "applications_by_id": switch(
        "Where an application is read by id.",
        "applications",
        {
            "OpportunityResource": "GET /api/v1/OpportunityResource/{id}.",
            "Placement": "GET /api/v1/Placement/{id}.",
            "nowhere": "Nowhere: 404.",
            "405": "Nowhere: 405.",
        },
    ),
    "applications_path": switch(
        "Where applications are searched.",
        "applications",
        {
            "OpportunityResource": "POST /api/v1/OpportunityResource/PagedSearch.",
            "Placement": "POST /api/v1/Placement/PagedSearch.",
            "nowhere": "Nowhere.",
        },
    ),
    "path_case": switch(
        "If paths are case-insensitive.",
        "users jobs candidates applications statuses tokens writes",
        {"any": "They are.", "exact": "They match only as documented."},
    ),
}

#: The internal path of a users' list that is not paged; no outside request can name it.
USERS_ARRAY: Final = "/~/users/array"
USERS_OBJECT: Final = "/~/users/object"

_AUTH: Final = "/api/Auth/ExchangeToken"
_META: Final = "/api/v1/MetaData"
_USERS: Final = "/api/v1/User"
_PLACED: Final = "/api/v1/OpportunityResource"
_OTHER: Final = "/api/v1/Placement"

#: (switch, value) → the existing call, and the internal path that answers it.
_OPENED: Final[Mapping[tuple[str, str], tuple[str, str, str]]] = {
    ("status_path", "named"): ("GET", f"{_META}/OpportunityResourceStatuses", _META),
    ("status_path", "entity"): ("GET", f"{_PLACED}/Statuses", _META),
    ("status_path", "list"): ("GET", f"{_PLACED}Status/List", _META),
    ("status_path", "lower_d"): ("GET", "/api/v1/Metadata", _META),
    ("exchange_path", "lower"): ("POST", "/api/auth/exchangetoken", _AUTH),
    ("exchange_path", "v1"): ("POST", "/api/v1/Auth/ExchangeToken", _AUTH),
    ("users_path", "list"): ("GET", f"{_USERS}/List", USERS_ARRAY),
    ("users_path", "get"): ("GET", _USERS, USERS_ARRAY),
    ("users_path", "users"): ("GET", f"{_USERS}s", USERS_OBJECT),
    ("users_path", "post_list"): ("POST", f"{_USERS}/List", f"{_USERS}/PagedSearch"),
}
_EXACT: Final = (("exchange_path", "lower"), ("status_path", "lower_d"))
#: switch → the assumed paths that do not exist while it has another value, in lower case.
_CLOSED: Final[Mapping[str, tuple[str, ...]]] = {
    "status_path": (_META.lower(),),
    "exchange_path": (_AUTH.lower(),),
    "users_path": (f"{_USERS}/PagedSearch".lower(), f"{_USERS}/Search".lower()),
}

#: The calls that a dialect refuses, and the status of the answer.
Resolved = tuple[str, int]


def resolve(dialect: Dialect, method: str, path: str) -> Resolved:
    """Return the path that answers a call, and 0; or the path and the status that refuses it."""
    plain = path.rstrip("/")
    if plain.startswith("/~"):
        return path, 404
    for (name, value), (opened_method, opened, inside) in _OPENED.items():
        if dialect[name] != value or method != opened_method:
            continue
        exact = (name, value) in _EXACT
        if plain == opened if exact else plain.lower() == opened.lower():
            return inside, 0
    for name, closed in _CLOSED.items():
        if dialect.any_set(name) and plain.lower() in closed:
            return path, 404
    return _searches(dialect, method, path)


def _searches(dialect: Dialect, method: str, path: str) -> Resolved:
    lower = path.rstrip("/").lower()
    if dialect["search_path"] != "both" and lower.endswith("/pagedsearch"):
        return path, 405 if dialect["search_path"] == "search_405" else 404
    if dialect["shortlist_path"] == "longlist" and "/shortlist/resource/" in lower:
        return path, 404
    if dialect["person_search"] == "absent" and lower.endswith("/widget/checkperson"):
        return path, 404
    return _placements(dialect, method, path, lower)


def _placements(dialect: Dialect, method: str, path: str, lower: str) -> Resolved:
    searches = lower.endswith("search")
    how = dialect["applications_path" if searches else "applications_by_id"]
    head = (_OTHER if how == "Placement" else _PLACED).lower() + "/"
    tail = lower.rpartition("/")[2]
    if how == "OpportunityResource" or not (tail.isdigit() or searches):
        return path, 0
    if how == "Placement" and lower == head + tail:
        return f"{_PLACED}/{path.rstrip('/').rpartition('/')[2]}", 0
    if lower == f"{_PLACED.lower()}/{tail}" and (method == "GET" or searches):
        return path, int(how) if how.isdigit() else 404
    return path, 0
