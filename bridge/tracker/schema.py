"""The types of the table in ``bridge.tracker.resources``: resources, fields and actions."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Literal
from urllib.parse import quote

from msgspec import Struct
from trackerrms_contracts.entities import Model

from bridge.tracker.amounts import DecimalMark
from bridge.tracker.date_formats import DateFormat
from bridge.tracker.html_texts import TextForm
from bridge.tracker.local_time import Clock, Precision, ZoneSetting
from bridge.tracker.values import TagSeparator

Sure = Literal["seen", "code", "guess"]
"""``seen``: observed by others on the live API, or the vendor's own text; ``code``: used by others' code;
``guess``: ours. Configured fields count as ``seen``, because the operator has looked."""
ReadFrom = Literal["row", "detail", "any"]
ResourceName = Literal["users", "statuses", "jobs", "candidates", "applications"]
Details = Literal["moved", "never", "always"]
Via = Literal["rest", "widget"]
Chosen = Literal["rest", "widget", "off"]
KeyCase = Literal["camel", "pascal", "lower", "snake"]
ListEnd = Literal["empty", "repeats_last", "wraps", "refused"]
"""What follows a list's last page: no rows, the last page again, the first page, or a refusal (204, 400, 404,
416)."""
BodyKind = Literal["empty", "null", "blank-object", "html", "failure"]
"""What a success may contain instead of a record: no body, ``null``, an object without values, a web page, or
an object that reports a failure."""
Door = Literal["rest", "create", "column"]
"""How a value is written: at a path of REST's body, under a key of the widget API's ``createResource``, or in
a column of its ``updateRecord``."""


STATES = ("open", "won", "closed")
"""The states of jobs."""
GROUPS = ("Applied", "Shortlisted", "Internal", "Offer", "Rejected", "Working", "Complete")
"""The groups of placement statuses, by the vendor's names."""


class FieldPlace(Struct, frozen=True, kw_only=True):
    """A possible place of a value: a dotted path in the list row, in the by-id record, or in either.

    ``any`` reads the by-id record first, then the row.
    """

    source: ReadFrom
    path: tuple[str, ...]
    sure: Sure

    def __str__(self) -> str:
        dotted = ".".join(self.path)
        return dotted if self.source == "any" else f"{self.source}:{dotted}"


class DeletedRule(Struct, frozen=True, kw_only=True):
    """A field that marks its record as deleted if it has this value; ``*`` matches any value."""

    read: FieldPlace
    value: str


class Absence(Struct, frozen=True, kw_only=True):
    """The account's answers to a by-id read of an id that does not exist."""

    statuses: frozenset[int] = frozenset({204, 404})
    bodies: frozenset[BodyKind] = frozenset()
    """For a success: what it contains instead of a record."""

    @property
    def doubtful(self) -> frozenset[int]:
        """Return the statuses that errors have too, so that they prove nothing about one record."""
        return self.statuses - PLAIN_ABSENCE


PLAIN_ABSENCE = frozenset({204, 404, 410})
"""The statuses that reliably mean that a record does not exist."""

FieldPlaces = Mapping[str, tuple[FieldPlace, ...]]
"""Our field name -> its possible places in order; the first one that is not blank counts."""


class Write(Struct, frozen=True, kw_only=True):
    """A place to write a value to."""

    door: Door
    path: tuple[str, ...]
    sure: Sure


Writes = Mapping[str, tuple[Write, ...]]
"""Our field name -> every place to write it to; empty if TrackerRMS has no known place for it."""


class CallSpec(Struct, frozen=True, kw_only=True):
    """An HTTP call. ``path`` may contain ``{id}`` and the like; ``body`` is the JSON to start from."""

    method: str
    path: str
    sure: Sure
    body: Any = None

    def filled(self, **parts: str) -> str:
        """Return the path with its ``{…}`` replaced. A part can't escape its segment."""
        return self.path.format(**{name: quote(part, safe="") for name, part in parts.items()})


class Resource(Struct, frozen=True, kw_only=True):
    """A kind of TrackerRMS record: how to list, read, identify and date it."""

    name: ResourceName
    entity: str
    """Its name in ``[integrations.tracker.fields.<entity>]`` and in messages."""
    list: CallSpec
    states: tuple[str | None, ...] = (None,)
    """The list is read once per state: ``updatedAfter`` without ``state`` finds no jobs."""
    rows: str
    """The envelope's key that holds the rows."""
    rows_sure: Sure
    by_id: CallSpec | None = None
    unwrap: tuple[str, ...] = ()
    """The record's path in a by-id answer; empty if the answer is the record."""
    deleted: tuple[DeletedRule, ...] | None = None
    """A record with one of these fields counts as deleted, listed or not. ``None``: it is unknown if there is
    such a field."""
    updated_after: bool = True
    paged: bool = True
    """True if the list takes a page number; otherwise it answers with all rows at once."""
    list_end: ListEnd = "empty"
    volatile: frozenset[str] = frozenset()
    """Row keys that change by themselves, which fingerprints ignore."""
    details: Details = "moved"
    """When to read a record by id: when its row changed, never, or at every sweep."""
    models: tuple[Model, ...]
    fields: FieldPlaces

    @property
    def id_keys(self) -> tuple[str, ...]:
        """Return the row's keys that may hold the record's id, in order."""
        keys = (read.path[0] for read in self.fields["id"] if read.source != "detail")
        return tuple(dict.fromkeys(keys))

    def record_path(self, remote_id: str) -> str:
        """Return where a record is read: by id, or in the list if there is no by-id read."""
        return (self.by_id or self.list).filled(id=remote_id)


class Action(Struct, frozen=True, kw_only=True):
    """A step of a command: its calls by REST and by the widget API, and which one is used."""

    name: str
    rest: CallSpec | None = None
    widget: CallSpec | None = None
    via: Chosen
    repeatable: frozenset[Via] = frozenset()
    """The calls that can be repeated without harm, as known or guessed."""
    optional: bool = False
    """True if commands work without it, so that it may be set to ``off``."""

    @property
    def choices(self) -> tuple[Chosen, ...]:
        """Return the valid values of ``via``."""
        found: list[Chosen] = []
        if self.rest is not None:
            found.append("rest")
        if self.widget is not None:
            found.append("widget")
        return (*found, "off") if self.optional else tuple(found)

    @property
    def call(self) -> CallSpec | None:
        """Return the call in use; ``None`` if the action is off."""
        return {"rest": self.rest, "widget": self.widget, "off": None}[self.via]

    @property
    def cure(self) -> str:
        """Return what to set if the call in use does not exist or answers differently."""
        path = f"paths.{self.name}_widget" if self.via == "widget" else f"paths.{self.name}"
        others = "".join(f', or actions.{self.name} = "{one}"' for one in self.choices if one != self.via)
        return f"set {path} in [integrations.tracker] if the path differs{others}"


class Maps(Struct, frozen=True, kw_only=True):
    """A tenant's words -> the unified enums. Keys are casefolded and trimmed; other words are kept."""

    job_status: Mapping[str, str]
    employment_type: Mapping[str, str]
    salary_period: Mapping[str, str]
    outcome: Mapping[str, str]
    role_type: Mapping[str, str]
    visibility: Mapping[str, str]
    status_group: Mapping[str, str]
    """The tenant's name of a group of placement statuses -> the vendor's name."""


class TokenKeys(Struct, frozen=True, kw_only=True):
    """The form of token exchanges: how to send the bearer token, where the answer has the token and the
    expiry (in order), and which statuses mean that a JWT is no longer valid. Names in answers are compared
    without case and underscores."""

    keys: tuple[tuple[str, ...], ...]
    expires: tuple[tuple[str, ...], ...]
    refused: frozenset[int] = frozenset({401, 403})
    """Other statuses, and a 403 on only some paths, mean that the account lacks a permission."""
    sent_as: str = "bearerToken"
    """The key of the request's body, or ``header`` for the Authorization header."""


class Resources(Struct, frozen=True, kw_only=True):
    """All assumptions about one TrackerRMS account: the table with its corrections."""

    exchange: CallSpec
    token: TokenKeys
    oauth_token: CallSpec
    users_widget: CallSpec
    resources: Mapping[ResourceName, Resource]
    actions: Mapping[str, Action]
    calls: Mapping[str, CallSpec]
    """Calls besides the lists and the actions: a candidate's documents, and its deletion."""
    document: FieldPlaces
    """The fields of one element of a candidate's documents."""
    owner: FieldPlaces
    """The fields of one element of a job's ``owners``."""
    writes: Mapping[str, Writes]
    """Entity (``candidate``, ``application``) -> where each of its values is written."""
    beside: Mapping[str, tuple[str, int]]
    """A REST path -> another path that must accompany it, and its value."""
    maps: Maps
    job_code_prefix: str | None = None
    users_from: Via = "rest"
    updated_after_zone: Literal["tenant", "utc"] = "tenant"
    date_format: DateFormat = "iso"
    times: ZoneSetting = "auto"
    time_precision: Precision = "auto"
    decimal_mark: DecimalMark = "auto"
    texts: TextForm = "auto"
    tag_separator: TagSeparator = "auto"
    status_order: Literal["list", "none"] = "list"
    """``list`` if the order of placement statuses is their order in the list; ``none`` if it is unknown."""
    blank_flag: Literal["auto", "no", "unknown"] = "auto"
    """The meaning of a blank ``active`` of a user; ``auto``: ambiguous."""
    charset: str | None = None
    """The charset of all answers, overriding the declared one. ``None``: the declared one, else UTF-8."""
    states: Mapping[str, str]
    """A state of jobs -> the word that selects its list. States that are not listed here are not read."""
    job_state_from: Literal["auto", "list", "record"] = "auto"
    absence: Absence = Absence()
    key_case: KeyCase = "camel"
    first_page: int = 1
    """The number of a list's first page: 0 or 1."""
    page_number: str = "pageNumber"
    """The request's key that selects the page."""
    page_size: int = 10
    """The rows of a full page, unless the list shows it."""
    account_change: Literal["refuse", "accept"] = "refuse"
    """The handling of a credential that opens another account than the known records'."""
    patience_seconds: float = 300.0
    """The longest wait accepted from one ``Retry-After``."""
    throttled_statuses: frozenset[int] = frozenset({403, 429, 503})
    """Statuses that mean throttling if they come with a ``Retry-After``; 429 also without one."""

    def __getitem__(self, name: ResourceName) -> Resource:
        return self.resources[name]

    def clock(self, zone: tzinfo) -> Clock:
        """Return how to read the times of a tenant in this zone."""
        return Clock(zone=zone, date_format=self.date_format, times=self.times, precision=self.time_precision)


def is_absence_status(status: int) -> bool:
    """Return true if this status may mean that a record does not exist. Gateway errors, throttling and
    invalid tokens prove nothing about one record."""
    if status in (401, 408, 429, 502, 503, 504):
        return False
    return status == 204 or 300 <= status < 600


def map_key(word: str) -> str:
    """Return the form in which words are compared: trimmed and casefolded."""
    return word.strip().casefold()
