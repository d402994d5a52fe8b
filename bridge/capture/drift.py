"""Which of the mapped keys records have, and when a key that nearly all had is gone. Pure.

A key is present where the JSON names it, whatever its value. It counts only where it could be there: of
``contactDetails.email``, the records whose ``contactDetails`` is an object. An account that renames a key, or
withdraws a right, answers records that look as if somebody had emptied them; so a record that lacks what
nearly all had is believed only when other records, read after it, still have it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from bridge.store.records import KeyCount
from bridge.tracker.shapes import Resource

Record = Mapping[str, Any]
_FEWEST, _NEARLY_ALL = 20, 0.95
"""Of so many records, so large a share makes a key one that nearly all have."""
_MOST_LATELY = 0.8
"""A key that many records came without, each confirmed by others, is not such a key any more."""
CONTROLS = 8
"""Other records that are read to tell one record's loss from the account's."""
_FEWEST_CONTROLS, _STILL_THERE = 3, 0.75
_FEWEST_LACKING = 5
# Read to find out what a command wrote; no event is made of them.
_NOT_PUBLISHED = {
    "candidates": frozenset({"salary_amount", "salary_text", "note", "owner"}),
    "users": frozenset[str](),
}


class Look(Struct, frozen=True, kw_only=True, gc=False):
    """What one record shows, as bits of ``Keys``: which keys could be there, and which of them are."""

    asked: int
    present: int

    @property
    def lacking(self) -> int:
        """The keys that could be there and are not."""
        return self.asked & ~self.present


Counts = Mapping[str, KeyCount]
_Tree = tuple[tuple[str, int, Any], ...]


class Keys:
    """The keys that a resource's fields are read from, those on the way to them among them.

    Their names say the record they stand in: ``row:jobTitle``, ``detail:contactDetails.email``.
    """

    def __init__(self, resource: Resource) -> None:
        nothing: frozenset[str] = frozenset()
        unused = _NOT_PUBLISHED.get(resource.name, nothing)
        paths: dict[tuple[str, tuple[str, ...]], None] = {}
        for field, reads in resource.fields.items():
            if field == "id" or field in unused:
                continue
            for read in reads:
                for source in ("row", "detail") if read.source == "any" else (read.source,):
                    for length in range(1, len(read.path) + 1):
                        paths[source, read.path[:length]] = None
        self.names = tuple(f"{source}:{'.'.join(path)}" for source, path in paths)
        self._bits = {found: 1 << n for n, found in enumerate(paths)}
        self._row, self._detail = self._tree("row", ()), self._tree("detail", ())
        self.of_detail = sum(bit for (source, _), bit in self._bits.items() if source == "detail")
        self.of_row = sum(bit for (source, _), bit in self._bits.items() if source == "row")

    def look(self, row: Record | None, detail: Record | None) -> Look:
        """What a record shows, of its list row and its by-id record."""
        asked = present = 0
        if row is not None:
            asked, present = _look(row, self._row, asked, present)
        if detail is not None:
            asked, present = _look(detail, self._detail, asked, present)
        return Look(asked=asked, present=present)

    def nearly_always(self, counts: Counts) -> int:
        """The keys that nearly every record had."""
        return sum(
            1 << n for n, name in enumerate(self.names) if name in counts and _nearly_always(counts[name])
        )

    def named(self, bits: int) -> list[str]:
        """The names of some keys."""
        return [name for n, name in enumerate(self.names) if bits >> n & 1]

    def counted(self, counts: Counts, looks: Iterable[Look]) -> dict[str, KeyCount]:
        """The counts with more records, the newest last."""
        after, these = dict(counts), list(looks)
        for n, name in enumerate(self.names):
            seen = [bool(one.present >> n & 1) for one in these if one.asked >> n & 1]
            if seen:
                after[name] = after.get(name, KeyCount()).plus(seen)
        return after

    def _tree(self, source: str, above: tuple[str, ...]) -> _Tree:
        depth = len(above)
        return tuple(
            (path[depth], bit, self._tree(source, path))
            for (where, path), bit in self._bits.items()
            if where == source and len(path) == depth + 1 and path[:depth] == above
        )


def _look(record: Record, tree: _Tree, asked: int, present: int) -> tuple[int, int]:
    for key, bit, below in tree:
        asked |= bit
        if key in record:
            present |= bit
            if below and type(value := record[key]) is dict:
                asked, present = _look(value, below, asked, present)
    return asked, present


def _nearly_always(count: KeyCount) -> bool:
    return (
        count.total >= _FEWEST
        and count.present >= count.total * _NEARLY_ALL
        and count.bits.bit_count() >= count.lately * _MOST_LATELY
    )


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a key is gone from the account. ``None``: too few other records could be read to tell."""

    gone: bool | None
    evidence: str = ""


def verdict(name: str, count: KeyCount, lacking: int, controls: Sequence[bool]) -> Verdict:
    """Whether the key is gone, where ``lacking`` records came without it and others were read after them.

    Of a short list there may be no others: then those that came without it are enough.
    """
    have = sum(controls)
    if len(controls) >= _FEWEST_CONTROLS and have >= len(controls) * _STILL_THERE:
        return Verdict(gone=False)
    if len(controls) - have + lacking < _FEWEST_LACKING:
        return Verdict(gone=None)
    source, _, key = name.partition(":")
    share = count.present * 100 // count.total
    by = "read by id" if source == "detail" else "of its list"
    few = f"{have}" if have else "none"
    return Verdict(
        gone=True,
        evidence=f"`{key}` was in {share} % of {count.total:,} records {by} and is in {few} of the last "
        f"{len(controls) + lacking}",
    )
