"""Rows and records as just read: what they yield, what they lack, or why they can't be read."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from bridge.capture.drift import Look
from bridge.json_types import JsonObject
from bridge.store.holds import HoldKind
from bridge.store.stored_records import RowState
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.pages import Row

WHOLE = frozenset({"candidates", "applications"})
"""Resources whose by-id record has everything that a list row has. A job's record lacks half of it."""
Left = Literal["gone", "late"]
"""Reason why a row yields nothing: its record is gone, or the list shows an old state."""
Still = Literal["in_time", "doubtful"]
"""Verdict on an unchanged row: its last update matches its by-id record, or the list may be late."""


class ChangedRow(Struct, frozen=True, kw_only=True, gc=False):
    """A row to read: the source that it will become, and whether the list by itself can be trusted.

    ``fingerprint`` is the row's, whether or not the source may keep it. ``known``: what is stored of it.
    ``older``: the row is older than that, so only a by-id read shows whether it is right or late. ``ahead``:
    its time is in the future. ``spot``: it is unchanged, and its record is read as a spot check. ``live``:
    what is stored has no time to compare it with. ``contested``: it is in the lists of two states.
    """

    row: Row
    record: JsonObject
    source: RowState
    fingerprint: bytes
    latest: datetime | None
    doubtful: bool
    news: bool
    known: RowState | None = None
    older: bool = False
    ahead: bool = False
    spot: bool = False
    live: bool = False
    contested: bool = False


class Trouble(Struct, frozen=True, kw_only=True, gc=False):
    """A reason why a record could not be processed, and the path to read it at."""

    reason: str
    path: str


class Missing(Struct, frozen=True, kw_only=True, gc=False):
    """Something a record lacks that other records lack too, or may lack; ``evidence`` is blank until it is
    certain.

    ``kind`` and ``key`` are those of the hold that the record goes into.
    """

    kind: HoldKind = "missing_key"
    key: str
    evidence: str


class Observation(Struct, frozen=True, kw_only=True, gc=False):
    """A record as just read: its row's fingerprints, and what it yields or why it can't be read.

    ``latest`` is the latest moment that its last-updated time may mean (it differs from ``source.version`` in
    the repeated hour at the end of daylight saving time); ``None`` if the record has no such time. ``news``:
    that time is later than the stored one; otherwise the bridge has its own reason to read the record again.
    ``live``: it is the present state of the record, whatever its time. ``look``: the keys it has.
    ``missing``: the reasons to hold it. ``known``: something is stored of it that it may lose. ``on_trust``:
    its row is older than what is stored, and its by-id record does not contradict it. ``still``: its row did
    not change. ``unshown``: the fields and models that changed all the same.
    """

    source: RowState
    latest: datetime | None
    found: EntitySet | Trouble
    news: bool = True
    live: bool = False
    look: Look | None = None
    missing: tuple[Missing, ...] = ()
    known: bool = True
    on_trust: bool = False
    still: Still | None = None
    unshown: tuple[str, ...] = ()
