"""Counts the records that use a tag, a role or a status, which exist only while in use."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class NameUsage:
    """Counts users of names, and reports which names appear with their first user and disappear with their
    last."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count_pattern(self, pattern: Sequence[Iterable[str]], records: int) -> None:
        """Count base records whose names repeat with their rank, without reading them."""
        for place, names in enumerate(pattern):
            users = (records - place + len(pattern) - 1) // len(pattern)
            if users > 0:
                self._counts.update(dict.fromkeys(names, users))

    def names(self) -> list[str]:
        """Return the names in use."""
        return [name for name, users in self._counts.items() if users > 0]

    def __contains__(self, name: str) -> bool:
        return self._counts[name] > 0

    def move(self, before: set[str], after: set[str]) -> tuple[list[str], list[str]]:
        """Change one record's names. Return the names that appeared, and those that disappeared."""
        self._counts.update(after - before)
        self._counts.subtract(before - after)
        appeared = sorted(name for name in after - before if self._counts[name] == 1)
        return appeared, sorted(name for name in before - after if self._counts[name] == 0)
