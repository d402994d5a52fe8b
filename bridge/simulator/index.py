"""The search index: tables that hear of a change only after a while, as TrackerRMS's search does."""

from collections import deque
from collections.abc import Callable

from bridge.json_types import MutableObject
from bridge.simulator.generate import EVERYTHING, Base
from bridge.simulator.tables import RecordTable


class SearchIndex:
    """One table per entity, each change applied ``lag_seconds`` after it was made (by ``timer``)."""

    def __init__(self, bases: dict[str, Base], lag_seconds: float, timer: Callable[[], float]) -> None:
        self._tables = {entity: RecordTable(base) for entity, base in bases.items()}
        self._lag_seconds = lag_seconds
        self._timer = timer
        self._pending: deque[tuple[float, str, int, MutableObject | None, str]] = deque()

    @property
    def lag_seconds(self) -> float:
        """How far search is behind."""
        return self._lag_seconds

    @property
    def pending(self) -> int:
        """Changes that search doesn't show yet."""
        self._catch_up()
        return len(self._pending)

    def set_lag(self, seconds: float) -> None:
        """Change the lag; 0 also brings the index up to date at once."""
        self._lag_seconds = seconds
        if seconds <= 0:
            self.flush()

    def put(self, entity: str, record_id: int, record: MutableObject | None, part: str = EVERYTHING) -> None:
        """Take note of a change."""
        self._pending.append((self._timer() + self._lag_seconds, entity, record_id, record, part))
        if self._lag_seconds <= 0:
            self.flush()

    def flush(self) -> None:
        """Show every change now."""
        while self._pending:
            self._apply()

    def table(self, entity: str) -> RecordTable:
        """The entity as search sees it now."""
        self._catch_up()
        return self._tables[entity]

    def _catch_up(self) -> None:
        now = self._timer()
        while self._pending and self._pending[0][0] <= now:
            self._apply()

    def _apply(self) -> None:
        _, entity, record_id, record, part = self._pending.popleft()
        self._tables[entity].put(record_id, record, part)
