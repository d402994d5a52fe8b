"""Sorts exchanges into answers of lists and of by-id reads, and extracts their records."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

from bridge.cli.recording.exchanges import NO_JSON, Exchange
from bridge.json_types import JsonObject
from bridge.tracker.absence import ABSENT_ID, OTHER_ABSENT_ID
from bridge.tracker.layouts import compared_key
from bridge.tracker.schema import ResourceName, Resources

NAMES: Final[tuple[ResourceName, ...]] = ("jobs", "candidates", "applications", "users")
BY_ID: Final[tuple[ResourceName, ...]] = ("jobs", "candidates", "applications")
_OWN_ID: Final = {
    "jobs": "opportunityid",
    "candidates": "resourceid",
    "applications": "opportunityresourceid",
    "users": "userid",
    "statuses": "statusid",
}
_PATHS: Final[Mapping[str, ResourceName]] = {
    "opportunity/pagedsearch": "jobs",
    "opportunity/search": "jobs",
    "resource/pagedsearch": "candidates",
    "resource/search": "candidates",
    "opportunityresource/pagedsearch": "applications",
    "opportunityresource/search": "applications",
    "placement/pagedsearch": "applications",
    "user/pagedsearch": "users",
    "user/search": "users",
    "user/list": "users",
    "user": "users",
    "users": "users",
}
_BY_ID: Final[Mapping[str, ResourceName]] = {
    "opportunity": "jobs",
    "resource": "candidates",
    "opportunityresource": "applications",
    "placement": "applications",
}
_NUMBERED: Final = re.compile(r"/api/v1/(\w+)/(\d+)", re.IGNORECASE)
_ABSENT: Final = frozenset((ABSENT_ID, OTHER_ABSENT_ID))
_ENTITIES: Final = frozenset(("opportunity", "resource", "opportunityresource"))
_DEEPEST: Final = 3
_FEWEST_KEYS: Final = 3
_NARROW: Final = 4
_PAGE_KEYS: Final = ("page", "pageIndex", "pageSize")


class ListAnswer(Struct, frozen=True, kw_only=True):
    """An answer of a list.

    ``where`` is the path of its rows as the answer spells it, or ``None``; ``rows`` are the raw rows, ``ids``
    their own ids; ``numbers`` holds the other values of the envelope by plain keys.
    """

    exchange: Exchange
    page: Any
    where: tuple[str, ...] | None
    is_numbered: bool
    rows: Sequence[JsonObject]
    ids: tuple[str, ...]
    numbers: Mapping[str, Any]

    @property
    def asked(self) -> Mapping[str, Any]:
        """Return the body or query of the request."""
        return self.exchange.asked

    @property
    def state(self) -> str | None:
        """Return the requested state."""
        return self.asked.get("state")

    @property
    def is_whole(self) -> bool:
        """Return true if neither a state nor a time was requested."""
        return "state" not in self.asked and "updatedAfter" not in self.asked


class IdAnswer(Struct, frozen=True, kw_only=True):
    """An answer to a by-id read: the requested id, what is wrapped around the record, and the record."""

    exchange: Exchange
    asked: str
    form: str
    record: JsonObject | None


class Filtered(Struct, frozen=True, kw_only=True):
    """The results of ``updatedAfter`` for one record, by the question's name; ``None`` means refused."""

    found: Mapping[str, bool | None]
    has_seconds: bool
    offset_seconds: float


class SeenAccount:
    """The exchanges from which a recording is made."""

    def __init__(
        self, exchanges: Sequence[Exchange], settings: Resources, asides: Mapping[str, Exchange] | None = None
    ) -> None:
        self.exchanges = exchanges
        self.asides = asides or {}
        self.settings = settings
        self.filtered: Filtered | None = None

    @cached_property
    def answers(self) -> dict[ResourceName, list[ListAnswer]]:
        """Return every answer of a list with status 200, or with an error other than a missing path."""
        found: dict[ResourceName, list[ListAnswer]] = {name: [] for name in NAMES}
        for one in self.exchanges:
            name = self.list_of(one)
            if name is not None and (one.status not in (404, 405) or _is_far(one)):
                found[name].append(self.answer_of(name, one))
        return found

    def list_of(self, one: Exchange) -> ResourceName | None:
        """Return the list that an exchange requested."""
        if one.method == "OPTIONS":
            return None
        path = one.path.rstrip("/")
        configured = {self.settings[name].list.path.lower(): name for name in NAMES}
        tail = path.lower().removeprefix("/api/v1/")
        return configured.get(path.lower()) or _PATHS.get(tail)

    @cached_property
    def by_id(self) -> dict[ResourceName, list[IdAnswer]]:
        """Return every answer to a by-id read."""
        found: dict[ResourceName, list[IdAnswer]] = {name: [] for name in BY_ID}
        for one in self.exchanges:
            matched = _NUMBERED.fullmatch(one.path)
            name = _BY_ID.get(matched[1].lower()) if matched and one.method == "GET" else None
            if name is not None and matched is not None:
                form, record = unwrapped(one.said) if one.status in (200, 201) else ("", None)
                found[name].append(IdAnswer(exchange=one, asked=matched[2], form=form, record=record))
        return found

    def answer_of(self, name: ResourceName, one: Exchange) -> ListAnswer:
        """Parse one answer of a list."""
        where, held = _place_of_rows(one.said, name)
        numbered = isinstance(held, dict)
        rows = list(held.values()) if isinstance(held, dict) else held
        page_key = self.settings.page_number
        return ListAnswer(
            exchange=one,
            page=None if any(key in one.asked for key in _PAGE_KEYS) else one.asked.get(page_key),
            where=where,
            is_numbered=numbered,
            rows=rows,
            ids=tuple(own_id(name, normalize_keys(unwrapped_row(row))) or "" for row in rows),
            numbers=_numbers(one.said, where),
        )

    def paged(self, name: ResourceName) -> dict[str, dict[int, ListAnswer]]:
        """Return the answers by page and requested state ("" for none), the last one of each."""
        found: dict[str, dict[int, ListAnswer]] = {}
        for one in self.answers[name]:
            if isinstance(one.page, int) and "updatedAfter" not in one.asked:
                found.setdefault(str(one.state or ""), {})[one.page] = one
        return found

    def heads(self, name: ResourceName) -> dict[int, ListAnswer]:
        """Return the pages of the state, or of none, of which most pages were requested."""
        return max(self.paged(name).values(), key=len, default={})

    @cached_property
    def _raw_rows(self) -> dict[ResourceName, list[JsonObject]]:
        found: dict[ResourceName, dict[str, JsonObject]] = {name: {} for name in NAMES}
        for name, answers in self.answers.items():
            for answer in answers:
                for number, row in enumerate(answer.rows):
                    found[name].setdefault(answer.ids[number] or f"-{id(row)}", row)
        return {name: list(rows.values()) for name, rows in found.items()}

    def raw_rows(self, name: ResourceName) -> list[JsonObject]:
        """Return each row once, as received."""
        return self._raw_rows[name]

    def rows(self, name: ResourceName) -> list[JsonObject]:
        """Return each row once, unwrapped and with plain keys."""
        return [normalize_keys(unwrapped_row(row)) for row in self._raw_rows[name]]

    def raw_records(self, name: ResourceName) -> list[JsonObject]:
        """Return the valid by-id records, each id once, unwrapped and with their own spelling."""
        return list(self._good(name).values())

    def records(self, name: ResourceName) -> list[JsonObject]:
        """Return the same with plain keys."""
        return [normalize_keys(record) for record in self._good(name).values()]

    def records_by_id(self, name: ResourceName) -> dict[int, JsonObject]:
        """Return the same by id."""
        return {int(asked): normalize_keys(record) for asked, record in self._good(name).items()}

    def _good(self, name: ResourceName) -> dict[str, JsonObject]:
        found: dict[str, JsonObject] = {}
        most = max((len(one.record) for one in self.by_id[name] if one.record), default=0)
        for one in self.by_id[name]:
            if one.record is not None and is_good(name, one) and 2 * len(one.record) > most:
                before = found.get(one.asked)
                if before is None or _fullness(one.record) > _fullness(before):
                    found[one.asked] = one.record
        return found

    def of(self, method: str, *paths: str) -> list[Exchange]:
        """Return the exchanges with one of these paths."""
        wanted = {path.lower() for path in paths}
        return [one for one in self.exchanges if one.method == method and one.path.lower() in wanted]

    def everything(self) -> Iterable[tuple[ResourceName, bool, JsonObject]]:
        """Yield every row and by-id record with plain keys, its list, and true if it was read by id."""
        for name in NAMES:
            for row in self.rows(name):
                yield name, False, row
        for name in BY_ID:
            for record in self.records(name):
                yield name, True, record


def normalize_keys(value: Any) -> Any:
    """Return a value with its keys lowercased and without underscores, at any depth."""
    if isinstance(value, dict):
        return {compared_key(key): normalize_keys(part) for key, part in value.items()}
    return [normalize_keys(part) for part in value] if isinstance(value, list) else value


def unwrapped_row(row: Any) -> Any:
    """Return a row without the score that wraps it."""
    if isinstance(row, dict) and {compared_key(key) for key in row} == {"score", "record"}:
        return next(part for key, part in row.items() if compared_key(key) == "record")
    return row


def own_id(name: ResourceName, row: Any) -> str | None:
    """Return the id of a plain row, as text."""
    if not isinstance(row, dict):
        return None
    for key in (_OWN_ID[name], "id", "recordid", "key"):
        value = row.get(key)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None


def is_good(name: ResourceName, one: IdAnswer) -> bool:
    """Return true if the answer to a by-id read may be the requested record."""
    if one.record is None or one.asked in _ABSENT or len(one.record) <= _FEWEST_KEYS:
        return False
    return own_id(name, normalize_keys(one.record)) in (one.asked, None)


def unwrapped(said: Any) -> tuple[str, JsonObject | None]:
    """Return the wrapper of a by-id record, by the dialects' name, and the record."""
    if isinstance(said, list):
        return "list", said[0] if len(said) == 1 and isinstance(said[0], dict) else None
    if not isinstance(said, dict):
        return "", None
    keys = {compared_key(key): key for key in said}
    if "@odata.context" in keys:
        return "odata", {key: part for key, part in said.items() if not key.startswith("@odata")}
    if "items" in keys and len(keys) == 2 and isinstance(said[keys["items"]], list):
        rows = said[keys["items"]]
        return "search", rows[0] if len(rows) == 1 and isinstance(rows[0], dict) else None
    if "result" in keys and isinstance(said[keys["result"]], dict) and len(keys) <= _FEWEST_KEYS:
        return "result", said[keys["result"]]
    if len(keys) == 1:
        ((key, inner),) = said.items()
        if isinstance(inner, dict):
            return (
                "data" if compared_key(key) == "data" else "entity" if compared_key(key) in _ENTITIES else ""
            ), inner
    return "", said


def _fullness(record: JsonObject) -> int:
    return sum(value not in (None, "", []) for value in record.values())


def _is_far(one: Exchange) -> bool:
    return any(isinstance(value, int) and value > 2 for value in one.asked.values())


def _place_of_rows(said: Any, name: ResourceName) -> tuple[tuple[str, ...] | None, Any]:
    """Return the path of the rows and the rows: those of the list with the expected name, else the shallowest
    list that has any, else an empty one."""
    found = list(_lists(said, ()))
    if not found:
        return (None, [])
    named = [one for one in found if one[0] and compared_key(one[0][-1]) == name]
    return next((one for one in named or found if one[1]), found[0])


def _lists(value: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Any]]:
    if isinstance(value, list):
        if all(isinstance(part, dict) for part in value):
            yield path, value
    elif isinstance(value, dict) and len(path) < _DEEPEST:
        if value and all(key.isdecimal() and isinstance(part, dict) for key, part in value.items()):
            yield path, value
            return
        for key, part in value.items():
            yield from _lists(part, (*path, key))


def _numbers(said: Any, where: tuple[str, ...] | None) -> Mapping[str, Any]:
    """Return the values beside the rows in an answer, at any level, with plain keys."""
    found: dict[str, Any] = {}
    level: Any = said
    for step in (*(where or ()), None):
        if not isinstance(level, dict):
            break
        found.update(
            {compared_key(key): part for key, part in level.items() if not isinstance(part, dict | list)}
        )
        level = level.get(step) if step is not None else None
    if said is NO_JSON:
        return {}
    return found


def gaps(seen: SeenAccount, name: ResourceName) -> list[int]:
    """Return ids missing between neighbors in a list whose first pages descend without a break."""
    pages = seen.paged(name).get("", {})
    ids: list[int] = []
    for number in range(1, len(pages) + 1):
        if number not in pages or (number > 1 and set(pages[number].ids) & set(pages[1].ids)):
            break
        ids += [int(record_id) for record_id in pages[number].ids if record_id.isdecimal()]
    if ids != sorted(set(ids), reverse=True):
        return []
    listed = {record_id for answer in seen.answers[name] for record_id in answer.ids}
    found = (n for high, low in pairwise(ids) if high - low <= _NARROW for n in range(low + 1, high))
    return [n for n in found if str(n) not in listed]
