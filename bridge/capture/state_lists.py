"""Checks of the lists by state: whether the account's state words select what they should."""

from collections.abc import Mapping, Sequence

from bridge.capture.deletion import CaptureContext
from bridge.store import remarks, row_states, scans
from bridge.store.database import Tx
from bridge.store.scans import Scan
from bridge.tracker.schema import Resource

_CONTESTED, _EMPTY = "jobs_in_two_states", "jobs_state_finds_nothing"
# With fewer jobs than this, a state without jobs is normal.
_MANY = 20


class StateLists:
    """Lists by state of one resource. Does nothing for a resource without states."""

    def __init__(self, capture: CaptureContext, resource: Resource) -> None:
        self._capture = capture
        self._id = capture.integration_id
        self._resource = resource
        self._words = len(resource.states) > 1
        self._rows: dict[str, int] = {}

    def count(self, state: str | None, page: int, rows: int) -> None:
        """Count the rows of a scan's pages, from this page on."""
        if state is not None:
            self._rows[state] = rows + (0 if page == 1 else self._rows.get(state, 0))

    async def note_contested(self, seen: int) -> None:
        """Record that a read found records in the lists of two states."""
        if self._words and seen:
            await self._note_contested(seen, await self._count_contested())

    async def in_one_list(self, scan: Scan) -> Mapping[str, Sequence[int]]:
        """Return, by state, the contested records that a complete scan found in only that state's list."""
        db, found = self._capture.db, dict[str, list[int]]()
        contested = await row_states.by_record(db, self._id, self._resource.name) if self._words else []
        if not contested:
            return found
        seen = [await scans.seen_in(db, scan.id, place) for place in range(len(self._resource.states))]
        for row_id in contested:
            states = [state for state, ids in zip(self._resource.states, seen, strict=True) if row_id in ids]
            if len(states) == 1 and states[0] is not None:
                found.setdefault(states[0], []).append(row_id)
        return found

    async def settle(self, tx: Tx, found: Mapping[str, Sequence[int]]) -> None:
        """Trust the lists again for what ``in_one_list`` found: the next read of the rows uses them."""
        for state, row_ids in found.items():
            await row_states.settle_states(tx, self._id, self._resource.name, state, row_ids)

    async def end_scan(self) -> None:
        """Remark on what a complete scan found of the state words, or clear the remarks."""
        if not self._words:
            return
        contested = await self._count_contested()
        if contested:
            await self._note_contested(1, contested)
        else:
            await remarks.clear(self._capture.db, self._id, self._resource.name, _CONTESTED)
        await self._note_empty()

    async def _count_contested(self) -> int:
        return await row_states.count_by_record(self._capture.db, self._id, self._resource.name)

    async def _note_contested(self, seen: int, records: int) -> None:
        text = (
            f"{records} jobs are in the lists of two states: their own records decide whether they ended. "
            "Correct the words of states (open, won, closed), or set maps.job_status; a sweep that finds a "
            "job in one list trusts that list again"
        )
        await remarks.add_remark(self._capture.db, self._id, self._resource.name, _CONTESTED, text, seen)

    async def _note_empty(self) -> None:
        counted = {state: self._rows.pop(state) for state in self._resource.states if state in self._rows}
        if len(counted) < len(self._resource.states):
            return  # a restart interrupted the count
        empty = [state for state, rows in counted.items() if not rows]
        if empty and sum(counted.values()) >= _MANY:
            text = (
                f"no job is in the list of {' and of '.join(empty)}, and {sum(counted.values())} are in the "
                f"others: if such jobs exist, set states.{empty[0]} to the account's word"
            )
            await remarks.add_remark(self._capture.db, self._id, self._resource.name, _EMPTY, text)
        else:
            await remarks.clear(self._capture.db, self._id, self._resource.name, _EMPTY)
