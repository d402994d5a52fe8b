"""The quirks of TrackerRMS, each of which can be switched off by name."""

from collections.abc import Iterable, Mapping

QUIRKS: dict[str, str] = {
    "fixed_page_size": "pages have ten rows, regardless of pageSize",
    "ignored_sort_and_filters": "sortField, sortDir, searchTerm and other text filters are ignored",
    "updated_after_needs_state": "Opportunity search with updatedAfter but without state finds nothing",
    "stale_index": "search shows a change only after the index lag; by-id reads are live",
    "flat_lists": "list rows are flat with few keys; off: they are the by-id records",
    "yes_no_in_lists": "flags are y/n in list rows; off: booleans",
    "one_live_jwt": "a new exchange invalidates the earlier JWT of the same bearer token",
    "no_content_for_unknown": "an unknown id is answered 204; off: 404",
    "local_times": "times are tenant-local digits without a zone; off: UTC with Z",
    "flat_email_dropped": "e-mail and telephone outside contactDetails are silently dropped on write",
    "unknown_skills_dropped": "unknown skill ids are silently dropped; off: 400",
    "webhooks": "every save pings the registered URLs with type, action and id",
    "missed_webhooks": "some pings are never sent",
    "rate_limit": "more than the allowed requests in a sliding minute: 429",
    "empty_bodies": "occasionally a read is answered 200 with an empty body",
    "case_insensitive_paths": "paths are case-insensitive; off: only as documented",
    "moving_counters": "view and application counters change although the record wasn't saved",
    "bearer_for_widget": (
        "the widget API accepts the account's bearer token; off: only OAuth2 access tokens, API keys, or "
        "user and password"
    ),
    "owner_role_names": "by-id reads have the names of owners' roles; off: ids only",
}


class Quirks:
    """The quirks that are on: initially all except those in ``off``."""

    def __init__(self, off: Iterable[str] = ()) -> None:
        self._on = dict.fromkeys(QUIRKS, True)
        self.set(dict.fromkeys(off, False))

    def __getitem__(self, name: str) -> bool:
        return self._on[name]

    def set(self, states: Mapping[str, bool]) -> None:
        """Switch some quirks. Raises ValueError for an unknown name or a state that is not a boolean."""
        for name, state in states.items():
            if name not in self._on or not isinstance(state, bool):
                raise ValueError(f"unknown quirk or state: {name!r}")
        self._on.update(states)

    def describe(self) -> dict[str, dict[str, object]]:
        """Return the state and meaning of each quirk by name."""
        return {name: {"on": self._on[name], "means": meaning} for name, meaning in QUIRKS.items()}
