"""Generates records from (seed, position) on demand, so that a million cost neither start-up time nor memory.

What must be counted or searched without reading every record (an opportunity's state, a placement's status,
owners' roles, tags) is derived from a record's *rank*, its position in the order of last update; the rest
comes from a hash. A record's rank and its position are an affine permutation of each other.
"""

import hashlib
import math
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from bridge.json_types import MutableObject
from bridge.simulator.pools import Pools, slug

#: The parts of a table that can be searched separately; "" is the whole.
EVERYTHING = ""

_HISTORY = timedelta(days=5 * 365)
_UPDATES = timedelta(days=2 * 365)
_QUIET = timedelta(hours=1)


class Shuffle:
    """A permutation of ``range(count)`` that is cheap in both directions."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = max(1, count)
        step = (seed * 2654435761 + int(self.count * 0.6180339887)) % self.count or 1
        while math.gcd(step, self.count) != 1:
            step = step % self.count + 1
        self._step, self._offset = step, seed % self.count
        self._inverse = pow(step, -1, self.count)

    def rank(self, index: int) -> int:
        """Return the rank of ``index``."""
        return (self._step * index + self._offset) % self.count

    def index(self, rank: int) -> int:
        """Return the index of ``rank``."""
        return self._inverse * (rank - self._offset) % self.count


class Timeline:
    """The creation and last update of base records, in tenant-local digits, all before ``start``."""

    def __init__(self, start: datetime, count: int) -> None:
        self._end = start - _QUIET
        self._count = max(1, count)

    def created(self, index: int, updated: datetime) -> datetime:
        """Return the creation, which grows with the id but is never after the last update."""
        share = min(1.0, index / self._count)
        return min(self._end - _HISTORY + _HISTORY * share, updated).replace(microsecond=0)

    def updated(self, rank: int) -> datetime:
        """Return the last update, which grows with the rank."""
        return (self._end - _UPDATES + _UPDATES * min(1.0, rank / self._count)).replace(microsecond=0)


class Base(Protocol):
    """The records of one entity at the start."""

    first_id: int
    count: int
    shuffle: Shuffle
    parts: tuple[str, ...]

    def record(self, index: int) -> MutableObject:
        """Return the record at a position."""

    def part(self, rank: int) -> str:
        """Return the part of the record of this rank, besides ``EVERYTHING``."""

    def updated(self, rank: int) -> str:
        """Return the last update of the record of this rank."""


def draws(seed: int, kind: str, index: int) -> tuple[int, ...]:
    """Return sixteen independent 32-bit numbers for one record."""
    key = b"%d/%s/%d" % (seed, kind.encode(), index)
    return struct.unpack("<16I", hashlib.blake2b(key, digest_size=64).digest())


def generate_email(first: str, last: str, index: int, draw: int) -> str:
    """Return an address that contains its record's position, so that it can be found without an index."""
    odd = draw % 100
    if odd < 4:
        return ""
    if odd < 6:
        return ("n/a", "none", f"{slug(first)}@", f"{slug(first)} {slug(last)}@example.com")[draw // 100 % 4]
    domain = ("example.com", "example.org", "mail.example.net")[draw // 100 % 3]
    return f"{slug(first)}.{slug(last)}{index}@{domain}"


class Entity:
    """The common part of the generators: the position of their records in time and order."""

    parts: tuple[str, ...] = ()

    def __init__(self, seed: int, count: int, first_id: int, start: datetime, pools: Pools) -> None:
        self.seed, self.count, self.first_id, self.pools = seed, count, first_id, pools
        self.shuffle = Shuffle(count, seed)
        self.timeline = Timeline(start, count)

    def part(self, rank: int) -> str:
        """Return no part: these records have none."""
        return EVERYTHING

    def updated(self, rank: int) -> str:
        """Return the last update in local digits."""
        return self.timeline.updated(rank).isoformat()

    def times(self, index: int, rank: int) -> MutableObject:
        """Return the two times of every record."""
        updated = self.timeline.updated(rank)
        created = self.timeline.created(index, updated)
        return {"creationDate": created.isoformat(), "lastUpdatedDateTime": updated.isoformat()}


def pick(pool: Any, draw: int) -> Any:
    """Return an element of ``pool``."""
    return pool[draw % len(pool)]


def blank_owner_slots() -> MutableObject:
    """Return five empty owner slots."""
    return {key: None for slot in OWNER_SLOTS for key in slot}


OWNER_SLOTS = (
    ("opportunityOwnerId", "ownerRoleId", "ownerPercent"),
    ("secondaryOwnerId", "secondaryOwnerRoleId", "secondaryOwnerPercent"),
    ("thirdOwnerId", "thirdOwnerRoleId", "thirdOwnerPercent"),
    ("fourthOwnerId", "fourthOwnerRoleId", "fourthOwnerPercent"),
    ("fifthOwnerId", "fifthOwnerRoleId", "fifthOwnerPercent"),
)

Slots = tuple[tuple[int, int | None], ...]


def generate_owner_slots(slots: Slots, users: list[int], rank: int) -> Mapping[str, int | None]:
    """Return owner fields from a pattern of (index of the user, role id)."""
    record = blank_owner_slots()
    for (owner, role, percent), (offset, role_id) in zip(OWNER_SLOTS, slots, strict=False):
        record[owner] = users[(rank * 7 + offset) % len(users)]
        record[role] = role_id
        record[percent] = 100 // len(slots)
    return record
