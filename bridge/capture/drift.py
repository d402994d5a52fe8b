"""Which of the mapped keys records have, and when a key that nearly all had is gone. Pure.

A key is present where the JSON names it, whatever its value. It counts only where it could be there: of
``contactDetails.email``, the records whose ``contactDetails`` is an object. An account that renames a key, or
withdraws a right, answers records that look as if somebody had emptied them; so a record that lacks what
nearly all had is believed only when other records, read after it, still have it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from bridge.json_types import JsonObject
from bridge.store.stored_records import KeyCount
from bridge.tracker import layouts
from bridge.tracker.schema import Resource

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
    """What one record shows, as bits of ``MappedKeys``: which keys could be there, and which of them are."""

    asked: int
    present: int

    @property
    def lacking(self) -> int:
        """The keys that could be there and are not."""
        return self.asked & ~self.present


Counts = Mapping[str, KeyCount]
_Place = tuple[str, tuple[str, ...]]
_REMEMBERED = 1000


class MappedKeys:
    """The keys that a resource's fields are read from, those on the way to them among them.

    Their names say the record they stand in: ``row:jobTitle``, ``detail:contactDetails.email``. A key in two
    spellings is one key: an account that is read in another case than before has lost nothing.
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
        # The same name whatever case the account is read in.
        self.names = tuple(max(map(_name, spelled), key=_is_camel) for spelled in keys.values())
        self._bits = {place: 1 << n for n, spelled in enumerate(keys.values()) for place in spelled}
        self._row = self._level("row", ()) or _Level(())
        self._detail = self._level("detail", ()) or _Level(())

    def look(self, row: JsonObject | None, detail: JsonObject | None) -> Look:
        """What a record shows, of its list row and its by-id record."""
        asked, present = (0, 0) if row is None else self._row.look(row)
        if detail is not None:
            more, there = self._detail.look(detail)
            asked, present = asked | more, present | there
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
    """The keys at one place of a record, each with what is looked for inside its value.

    Records of one kind name the same keys in the same order, so what a set of names shows is remembered.
    """

    def __init__(self, keys: Sequence[tuple[str, int, "_Level | None"]]) -> None:
        self._keys = keys
        self._asked = together(bit for _, bit, _ in keys)
        self._seen: dict[tuple[str, ...], tuple[int, tuple[tuple[str, _Level], ...]]] = {}

    def look(self, record: JsonObject) -> tuple[int, int]:
        """The keys that could be in the record, and those that are."""
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
    """How much a key is spelled as the table spells its own."""
    parts = name.partition(":")[2].split(".")
    return all(part[:1].islower() for part in parts), sum(letter.isupper() for letter in name)


def together(bits: Iterable[int]) -> int:
    """All of these keys."""
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
    """Whether a key is gone from the account. ``None``: too few other records could be read to tell."""

    gone: bool | None
    evidence: str = ""


def verdict(name: str, count: KeyCount, lacking: int, controls: Sequence[bool]) -> KeyVerdict:
    """Whether the key is gone, where ``lacking`` records came without it and others were read after them.

    Of a short list there may be no others: then those that came without it are enough.
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
