"""One entity's current records: a generated base, and the changes since, in memory.

A table lists its records newest id first or, for ``updatedAfter``, last changed first; both by position in
O(log n). The live records and the search index that lags behind them are two such tables.
"""

from bisect import bisect_left, bisect_right, insort

from pyroaring import BitMap

from bridge.json_types import MutableObject
from bridge.simulator.generate import EVERYTHING, Base


class RecordTable:
    """Records by id, searchable as a whole or by part (an opportunity's state)."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.next_id = base.first_id + base.count
        self._changed: dict[int, MutableObject | None] = {}
        self._recent: dict[str, list[tuple[str, int]]] = {part: [] for part in (EVERYTHING, *base.parts)}
        self._ranks = {EVERYTHING: BitMap(range(base.count))}
        self._ids = {EVERYTHING: BitMap(range(base.first_id, base.first_id + base.count))}
        for part in base.parts:
            ranks = [rank for rank in range(base.count) if base.part(rank) == part]
            self._ranks[part] = BitMap(ranks)
            self._ids[part] = BitMap([base.first_id + base.shuffle.index(rank) for rank in ranks])

    def __len__(self) -> int:
        return len(self._ids[EVERYTHING])

    def __contains__(self, record_id: object) -> bool:
        return isinstance(record_id, int) and 0 <= record_id < 2**32 and record_id in self._ids[EVERYTHING]

    def get(self, record_id: int) -> MutableObject | None:
        """Return the record, or ``None``. Records are shared: never change one in place."""
        if record_id in self._changed:
            return self._changed[record_id]
        index = record_id - self.base.first_id
        return self.base.record(index) if 0 <= index < self.base.count else None

    def put(self, record_id: int, record: MutableObject | None, part: str = EVERYTHING) -> None:
        """Store a record in its part, or delete it (``None``)."""
        self._forget(record_id)
        self._changed[record_id] = record
        self.next_id = max(self.next_id, record_id + 1)
        if record is None:
            return
        for name in {EVERYTHING, part}:
            self._ids[name].add(record_id)
            insort(self._recent[name], (record["lastUpdatedDateTime"], record_id))

    def _forget(self, record_id: int) -> None:
        old = self._changed.get(record_id)
        rank = self._untouched_rank(record_id)
        for name, ids in self._ids.items():
            if record_id not in ids:
                continue
            ids.discard(record_id)
            if rank is not None:
                self._ranks[name].discard(rank)
            elif old is not None:
                recent = self._recent[name]
                del recent[bisect_left(recent, (old["lastUpdatedDateTime"], record_id))]

    def _untouched_rank(self, record_id: int) -> int | None:
        index = record_id - self.base.first_id
        if record_id in self._changed or not 0 <= index < self.base.count:
            return None
        return self.base.shuffle.rank(index)

    def ids(self) -> BitMap:
        """Return a copy of the existing ids, ascending."""
        return self._ids[EVERYTHING].copy()

    def sample(self, position: float) -> int | None:
        """Return the id at a position between 0 and 1, or ``None`` if there is none."""
        ids = self._ids[EVERYTHING]
        return ids[min(int(position * len(ids)), len(ids) - 1)] if ids else None

    def untouched_ranks(self) -> BitMap:
        """Return the ranks of the base records that were never changed."""
        return self._ranks[EVERYTHING].copy()

    def changed(self) -> list[tuple[int, MutableObject]]:
        """Return the changed records that exist."""
        return [(record_id, record) for record_id, record in self._changed.items() if record is not None]

    def search(self, part: str, after: str | None, offset: int, limit: int) -> tuple[list[int], int]:
        """Return the ids of one page and the total: newest id first, or with ``after`` last changed first."""
        if part not in self._ids:
            return [], 0
        if after is not None:
            return self._search_changed(part, after, offset, limit)
        ids = self._ids[part]
        total = len(ids)
        low, high = max(0, total - offset - limit), max(0, total - offset)
        return list(ids[low:high])[::-1], total

    def _search_changed(self, part: str, after: str, offset: int, limit: int) -> tuple[list[int], int]:
        recent, ranks = self._recent[part], self._ranks[part]
        first_rank = bisect_right(range(self.base.count), after, key=self.base.updated)
        older = ranks.rank(first_rank - 1) if first_rank else 0
        newer = len(recent) - bisect_right(recent, after, key=lambda entry: entry[0])
        total = newer + len(ranks) - older
        page = [recent[-1 - place][1] for place in range(offset, min(offset + limit, newer))]
        places = range(max(0, offset - newer), min(max(0, offset + limit - newer), total - newer))
        older_ranks = (ranks[len(ranks) - 1 - place] for place in places)
        page += [self.base.first_id + self.base.shuffle.index(rank) for rank in older_ranks]
        return page, total
