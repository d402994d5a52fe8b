"""Lists that are asked for by state: whether their words do what they say, told from what they find."""

from bridge.capture.deletion import Doors
from bridge.store import remarks, sources
from bridge.tracker.shapes import Resource

_CONTESTED, _EMPTY = "jobs_in_two_states", "jobs_state_finds_nothing"
# With fewer jobs than this, a state without one is nothing to wonder at.
_MANY = 20


class StateLists:
    """The lists of one resource that has states; of any other, nothing is noted."""

    def __init__(self, doors: Doors, resource: Resource) -> None:
        self._doors = doors
        self._id = doors.integration_id
        self._resource = resource
        self._words = len(resource.states) > 1
        self._rows: dict[str, int] = {}

    def count(self, state: str | None, page: int, rows: int) -> None:
        """Count the rows of a scan's page, and those that follow."""
        if state is not None:
            self._rows[state] = rows + (0 if page == 1 else self._rows.get(state, 0))

    async def note_contested(self, seen: int) -> None:
        """Record that a read met records of two states."""
        if self._words and seen:
            await self._note_contested(seen, await self._count_contested())

    async def end_scan(self) -> None:
        """Say what a complete scan found of the words, or that nothing is wrong with them."""
        if not self._words:
            return
        contested = await self._count_contested()
        if contested:
            await self._note_contested(1, contested)
        else:
            await remarks.clear(self._doors.db, self._id, self._resource.name, _CONTESTED)
        await self._note_empty()

    async def _count_contested(self) -> int:
        return await sources.count_by_record(self._doors.db, self._id, self._resource.name)

    async def _note_contested(self, seen: int, records: int) -> None:
        text = (
            f"{records} jobs stand in the lists of two states: their own records say whether they ended. "
            "Correct the words of states (open, won, closed), then: bridge resync --resource jobs"
        )
        await remarks.note(self._doors.db, self._id, self._resource.name, _CONTESTED, text, seen)

    async def _note_empty(self) -> None:
        counted = {state: self._rows.pop(state) for state in self._resource.states if state in self._rows}
        if len(counted) < len(self._resource.states):
            return  # a restart lies between its pages
        empty = [state for state, rows in counted.items() if not rows]
        if empty and sum(counted.values()) >= _MANY:
            text = (
                f"no job is in the list of {' and of '.join(empty)}, and {sum(counted.values())} are in the "
                f"others: if there are such, set states.{empty[0]} to the account's word"
            )
            await remarks.note(self._doors.db, self._id, self._resource.name, _EMPTY, text)
        else:
            await remarks.clear(self._doors.db, self._id, self._resource.name, _EMPTY)
