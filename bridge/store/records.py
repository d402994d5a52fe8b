"""What the store remembers of TrackerRMS: the rows read and the entities published. Pure."""

from datetime import datetime

from msgspec import Struct

from contracts.entities import Model


class Source(Struct, frozen=True, kw_only=True, gc=False):
    """A record of TrackerRMS as it was last read.

    ``quick`` (8 bytes) and ``fingerprint`` (16 bytes) are of its list row, ``None`` where the next sight
    of the row must lead to a new read; ``version`` is its last-updated time.
    """

    row_id: int
    quick: bytes | None
    fingerprint: bytes | None
    version: datetime | None
    gone: bool = False


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
