"""Statistics of the mapped keys that records have, to detect a key that is gone from an account. Pure.

A key is present if the JSON names it, whatever its value. It counts only if it could be there: for
``contactDetails.email``, the records whose ``contactDetails`` is an object. An account that renames a key, or
withdraws a right, answers with records that look as if someone had emptied them. So a record that lacks a key
that nearly all had is believed only if other records, read after it, still have the key.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from bridge.json_types import JsonObject
from bridge.store.stored_records import KeyCount
from bridge.tracker import layouts
from bridge.tracker.schema import Resource

_FEWEST, _NEARLY_ALL = 20, 0.95
"""A key that is in this share of at least this many records counts as one that nearly all records have."""
_MOST_LATELY = 0.8
"""A key that many recent records lacked, each confirmed by others, no longer counts as such a key."""
CONTROLS = 8
"""Number of other records that are read to distinguish one record's loss from the account's."""
_FEWEST_CONTROLS, _STILL_THERE = 3, 0.75
_FEWEST_LACKING = 5
# Read only to find out what a command wrote; not published.
_NOT_PUBLISHED = {
    "candidates": frozenset({"salary_amount", "salary_text", "note", "owner"}),
    "users": frozenset[str](),
}


class Look(Struct, frozen=True, kw_only=True, gc=False):
    """Keys of one record, as bits of ``MappedKeys``: which could be there, and which are."""

    asked: int
    present: int

    @property
    def lacking(self) -> int:
        """Return the possible keys that are missing."""
        return self.asked & ~self.present


Counts = Mapping[str, KeyCount]
_Place = tuple[str, tuple[str, ...]]
_REMEMBERED = 1000


class MappedKeys:
    """The keys that a resource's fields are read from, including the keys on the path to them.

    Names include the source: ``row:jobTitle``, ``detail:contactDetails.email``. Two spellings of a key are
    one key: an account that changes the case of its keys has lost nothing.
    """

    def __init__(self, resource: Resource) -> None:
        nothing: frozenset[str] = frozenset()
        unused = _NOT_PUBLISHED.get(resource.name, nothing)
        keys: dict[tuple[str, ...], list[_Place]] = {}
        for field, reads in resource.fields.items():
            if field == "id" or field in unused:
                continue
            for read in reads:
                for source in ("row", "detail") if read.source == "any" else (read.source,):
                    for length in range(1, len(read.path) + 1):
                        path = read.path[:length]
                        keys.setdefault((source, *map(layouts.compared_key, path)), []).append((source, path))
        # The name is the same in whatever case the account is read.
        self.names = tuple(max(map(_name, spelled), key=_is_camel) for spelled in keys.values())
        self._bits = {place: 1 << n for n, spelled in enumerate(keys.values()) for place in spelled}
        self._row = self._level("row", ()) or _Level(())
        self._detail = self._level("detail", ()) or _Level(())

    def look(self, row: JsonObject | None, detail: JsonObject | None) -> Look:
        """Return the keys of a record, from its list row and its by-id record."""
        asked, present = (0, 0) if row is None else self._row.look(row)
        if detail is not None:
            more, there = self._detail.look(detail)
            asked, present = asked | more, present | there
        return Look(asked=asked, present=present)

    def nearly_always(self, counts: Counts) -> int:
        """Return the keys that nearly every record had."""
        return sum(
            1 << n for n, name in enumerate(self.names) if name in counts and _nearly_always(counts[name])
        )

    def named(self, bits: int) -> list[str]:
        """Return the names of these keys."""
        return [name for n, name in enumerate(self.names) if bits >> n & 1]

    def counted(self, counts: Counts, looks: Iterable[Look]) -> dict[str, KeyCount]:
        """Return the counts with more records added, the newest last."""
        after, these = dict(counts), list(looks)
        shapes = Counter((one.asked, one.present) for one in these)
        for n, name in enumerate(self.names):
            bit = 1 << n
            asked = sum(count for (could, _), count in shapes.items() if could & bit)
            there = sum(count for (_, has), count in shapes.items() if has & bit)
            if asked:
                one_by_one = there != asked
                seen = (
                    [bool(x.present & bit) for x in these if x.asked & bit] if one_by_one else [True] * asked
                )
                after[name] = after.get(name, KeyCount()).plus(seen)
        return after

    def _level(self, source: str, above: tuple[str, ...]) -> "_Level | None":
        depth = len(above)
        keys = [
            (path[depth], bit, self._level(source, path))
            for (where, path), bit in self._bits.items()
            if where == source and len(path) == depth + 1 and path[:depth] == above
        ]
        return _Level(keys) if keys else None


class _Level:
    """The keys at one level of a record, each with the keys inside its value.

    Records of one kind have the same keys in the same order, so the result for a set of names is cached.
    """

    def __init__(self, keys: Sequence[tuple[str, int, "_Level | None"]]) -> None:
        self._keys = keys
        self._asked = together(bit for _, bit, _ in keys)
        self._seen: dict[tuple[str, ...], tuple[int, tuple[tuple[str, _Level], ...]]] = {}

    def look(self, record: JsonObject) -> tuple[int, int]:
        """Return the keys that could be in the record, and those that are."""
        names = tuple(record)
        known = self._seen.get(names)
        if known is None:
            known = self._remember(names)
        present, inside = known
        asked = self._asked
        for name, level in inside:
            value = record[name]
            if type(value) is dict:
                more, there = level.look(value)
                asked |= more
                present |= there
        return asked, present

    def _remember(self, names: tuple[str, ...]) -> tuple[int, tuple[tuple[str, "_Level"], ...]]:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        there = [(name, bit, level) for name, bit, level in self._keys if name in names]
        inside = tuple((name, level) for name, _, level in there if level is not None)
        self._seen[names] = found = together(bit for _, bit, _ in there), inside
        return found


def _name(place: _Place) -> str:
    source, path = place
    return f"{source}:{'.'.join(path)}"


def _is_camel(name: str) -> tuple[bool, int]:
    """Rank a spelling by how closely it matches the camel case of the resource table."""
    parts = name.partition(":")[2].split(".")
    return all(part[:1].islower() for part in parts), sum(letter.isupper() for letter in name)


def together(bits: Iterable[int]) -> int:
    """Combine the bits of these keys."""
    whole = 0
    for one in bits:
        whole |= one
    return whole


def _nearly_always(count: KeyCount) -> bool:
    return (
        count.total >= _FEWEST
        and count.present >= count.total * _NEARLY_ALL
        and count.bits.bit_count() >= count.lately * _MOST_LATELY
    )


class KeyVerdict(Struct, frozen=True, kw_only=True):
    """Verdict on whether a key is gone from the account. ``None``: too few other records could be read."""

    gone: bool | None
    evidence: str = ""


def verdict(name: str, count: KeyCount, lacking: int, controls: Sequence[bool]) -> KeyVerdict:
    """Decide whether the key is gone: ``lacking`` records came without it, and ``controls`` were read after
    them.

    A short list may have no others: then the records that lack the key are enough.
    """
    have = sum(controls)
    if len(controls) >= _FEWEST_CONTROLS and have >= len(controls) * _STILL_THERE:
        return KeyVerdict(gone=False)
    if len(controls) - have + lacking < _FEWEST_LACKING:
        return KeyVerdict(gone=None)
    source, _, key = name.partition(":")
    share = count.present * 100 // count.total
    by = "read by id" if source == "detail" else "of its list"
    few = f"{have}" if have else "none"
    return KeyVerdict(
        gone=True,
        evidence=f"`{key}` was in {share} % of {count.total:,} records {by} and is in {few} of the last "
        f"{len(controls) + lacking}",
    )
