"""Stored state of TrackerRMS: the rows read and the entities published. Pure."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from trackerrms_contracts.entities import Model

BY_RECORD = "record"
"""State of a job whose own record decides whether it has ended, because its lists disagree."""


class RowState(Struct, frozen=True, kw_only=True, gc=False):
    """A record of TrackerRMS as it was last read.

    ``quick`` (8 bytes) and ``fingerprint`` (16 bytes) belong to its list row; ``None`` if the record must be
    read again. ``version`` is its last-updated time; ``dating`` is a digest of how that was derived
    (``None``: stored before that was kept). ``state``: for jobs, the list it was read in; ``BY_RECORD`` for a
    job in the lists of two states.
    """

    row_id: int
    quick: bytes | None
    fingerprint: bytes | None
    version: datetime | None
    gone: bool = False
    dating: int | None = None
    state: str | None = None


class Snapshot(Struct, frozen=True, kw_only=True, gc=False):
    """An entity as it was last published. ``last`` is the sealed record, if values are kept."""

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


_LATELY = 50
_ALL = (1 << _LATELY) - 1


class KeyCount(Struct, frozen=True, kw_only=True, array_like=True):
    """The number of records that had a key: in total, and in the last fifty (``bits``, the newest lowest)."""

    total: int = 0
    present: int = 0
    lately: int = 0
    bits: int = 0

    def plus(self, seen: Sequence[bool]) -> "KeyCount":
        """Return the count with more records added, the newest last."""
        last = seen[-_LATELY:]
        # Nearly all keys are in every record.
        ones = (1 << len(last)) - 1
        new = ones if all(last) else sum(one << place for place, one in enumerate(reversed(last)))
        bits = self.bits << len(last) | new
        return KeyCount(
            total=self.total + len(seen),
            present=self.present + sum(seen),
            lately=min(_LATELY, self.lately + len(seen)),
            bits=bits & _ALL,
        )


class LossCount(Struct, frozen=True, kw_only=True, array_like=True):
    """The number of records that lost a value, in this hour and the previous one. ``bits``: which of the last
    ``lately`` records that had the value lost it, newest lowest. ``hour`` is a number of hours."""

    hour: int = 0
    lost: int = 0
    lost_before: int = 0
    lately: int = 0
    bits: int = 0
