"""How far each partition is done: work ends out of order, an offset stands for all before it. Pure."""

from collections import deque
from collections.abc import Collection

from msgspec import Struct

Where = tuple[str, int]
"""A topic and one of its partitions."""


class _Taken(Struct, kw_only=True):
    offset: int
    done: bool = False


class Offsets:
    """Of the partitions that this process reads. An offset is due once all before it is durable
    (invariant 5)."""

    def __init__(self) -> None:
        self._taken: dict[Where, deque[_Taken]] = {}
        self._by_offset: dict[tuple[Where, int], _Taken] = {}
        self._due: dict[Where, int] = {}

    def take(self, where: Where, offset: int) -> None:
        """A message was read."""
        taken = _Taken(offset=offset)
        self._taken.setdefault(where, deque()).append(taken)
        self._by_offset[where, offset] = taken

    def finish(self, where: Where, offset: int) -> None:
        """What came of it is durable. Of a partition that was lost meanwhile nothing is noted."""
        taken = self._by_offset.pop((where, offset), None)
        if taken is None:
            return
        taken.done = True
        waiting = self._taken[where]
        while waiting and waiting[0].done:
            self._due[where] = waiting.popleft().offset + 1

    def due(self) -> dict[Where, int]:
        """By partition, the offset to commit: the one to read next. Those given out are not due any more."""
        due, self._due = self._due, {}
        return due

    def lose(self, partitions: Collection[Where]) -> None:
        """Another process reads these now."""
        for where in partitions:
            for taken in self._taken.pop(where, ()):
                self._by_offset.pop((where, taken.offset), None)
            self._due.pop(where, None)
