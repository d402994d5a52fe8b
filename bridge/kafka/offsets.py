"""Progress of each partition. Work ends out of order; a committed offset covers all earlier ones. Pure."""

from collections import deque
from collections.abc import Collection

Where = tuple[str, int]
"""A topic and one of its partitions."""


class TakenOffset:
    """A record that this process works on. ``lost``: another process now reads its partition."""

    __slots__ = ("done", "lost", "offset", "where")

    def __init__(self, where: Where, offset: int) -> None:
        self.where = where
        self.offset = offset
        self.done = False
        self.lost = False


class Offsets:
    """Offsets of the partitions that this process reads. An offset is due once the outcomes of all earlier
    records are durable (invariant 5)."""

    def __init__(self) -> None:
        self._taken: dict[Where, deque[TakenOffset]] = {}
        self._due: dict[Where, int] = {}

    def take(self, taken: TakenOffset) -> None:
        """Record that work on it begins. Call it in the order of the partition."""
        self._taken.setdefault(taken.where, deque()).append(taken)

    def finish(self, taken: TakenOffset) -> None:
        """Record that its outcome is durable. Has no effect if the partition was lost meanwhile."""
        if taken.lost:
            return
        taken.done = True
        waiting = self._taken[taken.where]
        while waiting and waiting[0].done:
            self._due[taken.where] = waiting.popleft().offset + 1

    def due(self) -> dict[Where, int]:
        """Return the offset to commit, the one to read next, by partition. Each is returned once."""
        due, self._due = self._due, {}
        return due

    def lose(self, partitions: Collection[Where]) -> None:
        """Forget partitions that another process now reads."""
        for where in partitions:
            for taken in self._taken.pop(where, ()):
                taken.lost = True
            self._due.pop(where, None)
