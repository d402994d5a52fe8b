"""The shapes of the table in ``bridge.tracker.resources``: what a resource, a field and an action are."""

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
"""``seen``: observed by others against the live API, or the vendor's own text; ``code``: used by others'
code; ``guess``: ours. ``configured`` fields are marked ``seen``: the operator has looked."""
ReadFrom = Literal["row", "detail", "any"]
ResourceName = Literal["users", "statuses", "jobs", "candidates", "applications"]
Details = Literal["moved", "never", "always"]
Via = Literal["rest", "widget"]
Chosen = Literal["rest", "widget", "off"]
KeyCase = Literal["camel", "pascal", "lower", "snake"]
ListEnd = Literal["empty", "repeats_last", "wraps", "refused"]
"""What is answered beyond a list's last page: no rows, the last page again, the first page, or a refusal
(204, 400, 404, 416)."""
BodyKind = Literal["empty", "null", "blank-object", "html", "failure"]
"""What a success may hold instead of a record: no body, ``null``, an object without a value, a web page, or
an object that says that something failed."""
Door = Literal["rest", "create", "column"]
"""How a value is written: at a path of REST's body, under a key of the widget API's ``createResource``, or
in a column of its ``updateRecord``."""


STATES = ("open", "won", "closed")
"""The states of jobs."""
GROUPS = ("Applied", "Shortlisted", "Internal", "Offer", "Rejected", "Working", "Complete")
"""The groups of placement statuses, by the vendor's names."""


class FieldPlace(Struct, frozen=True, kw_only=True):
    """One place a value may stand: a dotted path in the list row, in the by-id record, or in either.

    ``any`` looks into the by-id record first, then into the row.
    """

    source: ReadFrom
    path: tuple[str, ...]
    sure: Sure

    def __str__(self) -> str:
        dotted = ".".join(self.path)
        return dotted if self.source == "any" else f"{self.source}:{dotted}"


class DeletedRule(Struct, frozen=True, kw_only=True):
    """A field that says that its record is deleted, where it has this value; ``*``: where it has any."""

    read: FieldPlace
    value: str


class Absence(Struct, frozen=True, kw_only=True):
    """How the account answers a by-id read of an id that does not exist."""

    statuses: frozenset[int] = frozenset({204, 404})
    bodies: frozenset[BodyKind] = frozenset()
    """Of a success: what is in it instead of a record."""

    @property
    def doubtful(self) -> frozenset[int]:
        """The statuses that trouble has too: alone they say nothing of one record."""
        return self.statuses - PLAIN_ABSENCE


PLAIN_ABSENCE = frozenset({204, 404, 410})
"""The statuses that say of one record that it is not there."""

FieldPlaces = Mapping[str, tuple[FieldPlace, ...]]
"""Our name for a value -> where it may stand, first to last; the first that is not blank counts."""


class Write(Struct, frozen=True, kw_only=True):
    """One place a value can be written to."""

    door: Door
    path: tuple[str, ...]
    sure: Sure


Writes = Mapping[str, tuple[Write, ...]]
"""Our name for a value -> every place it is written to; none: TrackerRMS has no known place for it."""


class CallSpec(Struct, frozen=True, kw_only=True):
    """One HTTP call: ``path`` may hold ``{id}`` and the like, ``body`` is the JSON to send before filling."""

    method: str
    path: str
    sure: Sure
    body: Any = None

    def filled(self, **parts: str) -> str:
        """The path with its ``{…}`` replaced; a part can't reach out of its segment."""
        return self.path.format(**{name: quote(part, safe="") for name, part in parts.items()})


class Resource(Struct, frozen=True, kw_only=True):
    """One kind of TrackerRMS record: how it is listed, read by id, told apart and dated."""

    name: ResourceName
    entity: str
    """Its name in ``[integrations.tracker.fields.<entity>]`` and in messages."""
    list: CallSpec
    states: tuple[str | None, ...] = (None,)
    """The list is read once for each: ``updatedAfter`` without ``state`` finds no job at all."""
    rows: str
    """The envelope's key that holds the rows."""
    rows_sure: Sure
    by_id: CallSpec | None = None
    unwrap: tuple[str, ...] = ()
    """Where the record lies in a by-id answer; none: the answer is the record."""
    deleted: tuple[DeletedRule, ...] | None = None
    """A record with one of these fields counts as not there, in a list or not. ``None``: nobody has said
    whether there is such a field."""
    updated_after: bool = True
    paged: bool = True
    """Whether the list takes a page number; one that does not answers with all its rows at once."""
    list_end: ListEnd = "empty"
    volatile: frozenset[str] = frozenset()
    """Row keys that move by themselves; a fingerprint leaves them out."""
    details: Details = "moved"
    """When a record is read by id: when its row moved, never, or at every sweep."""
    models: tuple[Model, ...]
    fields: FieldPlaces

    @property
    def id_keys(self) -> tuple[str, ...]:
        """The row's keys that may hold the record's id, first to last."""
        keys = (read.path[0] for read in self.fields["id"] if read.source != "detail")
        return tuple(dict.fromkeys(keys))

    def record_path(self, remote_id: str) -> str:
        """Return where a record is read: by id, or in the list where that is the only place."""
        return (self.by_id or self.list).filled(id=remote_id)


class Action(Struct, frozen=True, kw_only=True):
    """One step of a command: its calls by REST and by the widget API, and which of the two is used."""

    name: str
    rest: CallSpec | None = None
    widget: CallSpec | None = None
    via: Chosen
    repeatable: frozenset[Via] = frozenset()
    """By which of its calls carrying it out twice is known or guessed to be harmless."""
    optional: bool = False
    """Commands can do without it: it may be set to ``off``."""

    @property
    def choices(self) -> tuple[Chosen, ...]:
        """What ``via`` may be."""
        found: list[Chosen] = []
        if self.rest is not None:
            found.append("rest")
        if self.widget is not None:
            found.append("widget")
        return (*found, "off") if self.optional else tuple(found)

    @property
    def call(self) -> CallSpec | None:
        """The call in use; ``None`` where the action is off."""
        return {"rest": self.rest, "widget": self.widget, "off": None}[self.via]

    @property
    def cure(self) -> str:
        """What to set where the call in use is not there, or answers as no such call does."""
        path = f"paths.{self.name}_widget" if self.via == "widget" else f"paths.{self.name}"
        others = "".join(f', or actions.{self.name} = "{one}"' for one in self.choices if one != self.via)
        return f"set {path} in [integrations.tracker] if it is elsewhere{others}"


class Maps(Struct, frozen=True, kw_only=True):
    """A tenant's words -> the unified enums. Keys are casefolded and trimmed; other words pass through."""

    job_status: Mapping[str, str]
    employment_type: Mapping[str, str]
    salary_period: Mapping[str, str]
    outcome: Mapping[str, str]
    role_type: Mapping[str, str]
    visibility: Mapping[str, str]
    status_group: Mapping[str, str]
    """The tenant's name of a group of placement statuses -> the vendor's."""


class TokenKeys(Struct, frozen=True, kw_only=True):
    """How the bearer token is given to an exchange, where its answer holds the token and its end, first to
    last, and which answers mean that a JWT is good no longer. Names in answers compare without case and
    underscores."""

    keys: tuple[tuple[str, ...], ...]
    expires: tuple[tuple[str, ...], ...]
    refused: frozenset[int] = frozenset({401, 403})
    """By any other status, and by 403 for some paths only, an account says that it may not do this."""
    sent_as: str = "bearerToken"
    """The key of the request's body, or ``header`` for the Authorization header."""


class Resources(Struct, frozen=True, kw_only=True):
    """Everything the bridge believes about one TrackerRMS account: the table with its corrections."""

    exchange: CallSpec
    token: TokenKeys
    oauth_token: CallSpec
    users_widget: CallSpec
    resources: Mapping[ResourceName, Resource]
    actions: Mapping[str, Action]
    calls: Mapping[str, CallSpec]
    """Calls beside the lists and the actions: a candidate's documents, its deletion."""
    document: FieldPlaces
    """Of one element of a candidate's documents."""
    owner: FieldPlaces
    """Of one element of a job's ``owners``."""
    writes: Mapping[str, Writes]
    """Entity (``candidate``, ``application``) -> where each of its values is written."""
    beside: Mapping[str, tuple[str, int]]
    """A REST path -> another that must go with it, and its value."""
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
    """Whether the place in the list of placement statuses tells their order; ``none``: nothing does."""
    blank_flag: Literal["auto", "no", "unknown"] = "auto"
    """What a user's ``active`` means that is there and blank; ``auto``: it is doubtful."""
    charset: str | None = None
    """What the answers are encoded in, whatever they declare; ``None``: what they declare, else UTF-8."""
    states: Mapping[str, str]
    """A state of jobs -> the word that asks for its list; one that is not in it is not asked for."""
    job_state_from: Literal["auto", "list", "record"] = "auto"
    absence: Absence = Absence()
    key_case: KeyCase = "camel"
    first_page: int = 1
    """The number of a list's first page: 0 or 1."""
    page_number: str = "pageNumber"
    """The request's key that names the page."""
    page_size: int = 10
    """How many rows a full page has, where the list itself does not show it."""
    account_change: Literal["refuse", "accept"] = "refuse"
    """What becomes of a credential that opens another account than the records known are from."""
    patience_seconds: float = 300.0
    """The longest that one ``Retry-After`` is believed."""
    throttled_statuses: frozenset[int] = frozenset({403, 429, 503})
    """Answers that ask for patience where they come with a ``Retry-After``; 429 does without one too."""

    def __getitem__(self, name: ResourceName) -> Resource:
        return self.resources[name]

    def clock(self, zone: tzinfo) -> Clock:
        """How times are read, of a tenant in this zone."""
        return Clock(zone=zone, date_format=self.date_format, times=self.times, precision=self.time_precision)


def is_absence_status(status: int) -> bool:
    """Whether this status may say that a record is not there; a server that is away, throttles or knows no
    token says nothing of one record."""
    if status in (401, 408, 429, 502, 503, 504):
        return False
    return status == 204 or 300 <= status < 600


def map_key(word: str) -> str:
    """The form in which words are compared: trimmed, without case."""
    return word.strip().casefold()
