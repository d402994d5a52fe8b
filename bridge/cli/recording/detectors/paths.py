"""Detects the switches of paths from the calls that exist."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.cli.recording.seen import SeenAccount

_USERS: Final = "/api/v1/User"
_OTHERS: Final = (
    ("GET", f"{_USERS}/List", "list"),
    ("GET", _USERS, "get"),
    ("GET", f"{_USERS}s", "users"),
    ("POST", f"{_USERS}/List", "post_list"),
)
LOWER_PATH: Final = "lower path"
"""The name of the exchange that requested an existing path in lower case."""


def users_path(seen: SeenAccount) -> str | None:
    """Detect from the call that answers."""
    searches = seen.of("POST", f"{_USERS}/PagedSearch", f"{_USERS}/Search")
    if any(one.status == 200 for one in searches):
        return "PagedSearch"
    for method, path, name in _OTHERS:
        if any(one.status == 200 for one in seen.of(method, path)):
            return name
    metadata = [one.said for one in seen.of("GET", "/api/v1/MetaData") if isinstance(one.said, dict)]
    if any(key.lower() == "users" for said in metadata for key in said):
        return "metadata"
    widget = seen.of("POST", "/api/widget/getSettingsData")
    return "widget" if searches and any(one.status == 200 for one in widget) else None


def applications_by_id(seen: SeenAccount) -> str | None:
    """Detect from the status of by-id reads of listed applications."""
    listed = {record_id for answer in seen.answers["applications"] for record_id in answer.ids}
    own = [one for one in seen.by_id["applications"] if "/opportunityresource/" in one.exchange.path.lower()]
    other = [one for one in seen.by_id["applications"] if "/placement/" in one.exchange.path.lower()]
    if any(one.exchange.status == 200 for one in own):
        return "OpportunityResource"
    if any(one.exchange.status == 200 for one in other):
        return "Placement"
    statuses = {one.exchange.status for one in own if one.asked in listed}
    return {frozenset((404,)): "nowhere", frozenset((405,)): "405"}.get(frozenset(statuses))


def applications_path(seen: SeenAccount) -> str | None:
    """Detect from the search that answers."""
    own = seen.of("POST", "/api/v1/OpportunityResource/PagedSearch", "/api/v1/OpportunityResource/Search")
    if any(one.status == 200 for one in own):
        return "OpportunityResource"
    other = seen.of("POST", "/api/v1/Placement/PagedSearch")
    if any(one.status == 200 for one in other):
        return "Placement"
    return "nowhere" if own and other else None


def path_case(seen: SeenAccount) -> str | None:
    """Detect from a path in lower case."""
    asked = seen.asides.get(LOWER_PATH)
    return None if asked is None else "exact" if asked.status == 404 else "any"


DETECTORS: Final[Mapping[str, Any]] = {
    "users_path": users_path,
    "applications_by_id": applications_by_id,
    "applications_path": applications_path,
    "path_case": path_case,
}
