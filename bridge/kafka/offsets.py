"""Progress of each partition. Work ends out of order; a committed offset covers all before it. Pure."""

from collections import deque
from collections.abc import Collection

from msgspec import Struct

Where = tuple[str, int]
"""A topic and one of its partitions."""


class _Taken(Struct, kw_only=True):
    offset: int
    done: bool = False


class Offsets:
    """Offsets of the partitions that this process reads. An offset is due once all before it is durable
    (invariant 5)."""

    def __init__(self) -> None:
        self._taken: dict[Where, deque[_Taken]] = {}
        self._by_offset: dict[tuple[Where, int], _Taken] = {}
        self._due: dict[Where, int] = {}

    def take(self, where: Where, offset: int) -> None:
        """Record that a message was read."""
        taken = _Taken(offset=offset)
        self._taken.setdefault(where, deque()).append(taken)
        self._by_offset[where, offset] = taken

    def finish(self, where: Where, offset: int) -> None:
        """Record that the outcome of a message is durable. Ignored if the partition was lost meanwhile."""
        taken = self._by_offset.pop((where, offset), None)
        if taken is None:
            return
        taken.done = True
        waiting = self._taken[where]
        while waiting and waiting[0].done:
            self._due[where] = waiting.popleft().offset + 1

    def due(self) -> dict[Where, int]:
        """Return, by partition, the offset to commit: the one to read next. Each is returned once."""
        due, self._due = self._due, {}
        return due

    def lose(self, partitions: Collection[Where]) -> None:
        """Forget partitions that another process reads now."""
        for where in partitions:
            for taken in self._taken.pop(where, ()):
                self._by_offset.pop((where, taken.offset), None)
            self._due.pop(where, None)
