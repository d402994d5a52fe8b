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
"""The resources whose by-id record says all that a list's row says; a job's lacks half of it."""
Left = Literal["gone", "late"]
"""A row that yields nothing: its record is gone, or the list shows it as it was."""
Still = Literal["in_time", "doubtful"]
"""Of a row that did not move: whether it has the last update that its by-id record has, or may be late."""


class ChangedRow(Struct, frozen=True, kw_only=True, gc=False):
    """A row to read: the source it will become, and whether the list alone can not be trusted with it.

    ``fingerprint`` is the row's, whether or not the source may keep it. ``known``: what is stored of it.
    ``older``: the row is, so that only a by-id read tells whether it is true or late. ``ahead``: its time
    lies in the future. ``spot``: it is as stored, and its record is looked at all the same. ``live``:
    what is stored has no time to compare it with. ``contested``: it stands in the lists of two states.
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
    """Why a record could not be processed, and where to read it."""

    reason: str
    path: str


class Missing(Struct, frozen=True, kw_only=True, gc=False):
    """What a record lacks that is gone of others too, or may be; ``evidence`` is blank while nothing is sure.

    ``kind`` and ``key`` are those of the hold that it is for.
    """

    kind: HoldKind = "missing_key"
    key: str
    evidence: str


class Observation(Struct, frozen=True, kw_only=True, gc=False):
    """A record as just read: its list row's fingerprints, and what it yields or why it can't be read.

    ``latest`` is the latest moment its last-updated time may mean (they differ from ``source.version`` in
    the repeated hour at the end of summer time); ``None`` where the record does not say. ``news``: that time
    is later than what was stored; without it the record is read again for a reason of ours. ``live``: it is
    the record as it is now, whatever its time says. ``look``: which keys it has; ``missing``: that for whose
    sake it is held back. ``known``: something is stored of it that it may lose. ``on_trust``: its
    row is older than what is stored, and its by-id record does not contradict it. ``still``: its row did not
    move; ``unshown``: what of it changed all the same, fields and models.
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
