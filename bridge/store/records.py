"""What the store remembers of TrackerRMS: the rows read and the entities published. Pure."""

from datetime import datetime

from msgspec import Struct

from contracts.entities import Model

BY_RECORD = "record"
"""The state of a job whose own record says whether it has ended, for its lists do not agree."""


class Source(Struct, frozen=True, kw_only=True, gc=False):
    """A record of TrackerRMS as it was last read.

    ``quick`` (8 bytes) and ``fingerprint`` (16 bytes) are of its list row, ``None`` where the next sight
    of the row must lead to a new read; ``version`` is its last-updated time. ``state``: the list it was read
    in, of jobs; ``BY_RECORD`` for a job that stands in the lists of two states.
    """

    row_id: int
    quick: bytes | None
    fingerprint: bytes | None
    version: datetime | None
    gone: bool = False
    state: str | None = None


class Snapshot(Struct, frozen=True, kw_only=True, gc=False):
    """An entity as it was last published. ``last`` is the sealed record, where values are kept."""

    model: Model
    remote_id: str
    parent: str
    shared: str | None = None
    sequence: int
    hash: bytes
    fields: bytes
    deleted: bool = False
    changed_at: datetime
    last: bytes | None = None
