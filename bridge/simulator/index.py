"""The search index: tables that lag behind changes, like TrackerRMS's search."""

from collections import deque
from collections.abc import Callable

from bridge.json_types import MutableObject
from bridge.simulator.generate import EVERYTHING, Base
from bridge.simulator.tables import RecordTable


class SearchIndex:
    """A table per entity. Each change is applied ``lag_seconds`` after it was made, measured by
    ``timer``."""

    def __init__(self, bases: dict[str, Base], lag_seconds: float, timer: Callable[[], float]) -> None:
        self._tables = {entity: RecordTable(base) for entity, base in bases.items()}
        self._lag_seconds = lag_seconds
        self._timer = timer
        self._pending: deque[tuple[float, str, int, MutableObject | None, str]] = deque()

    @property
    def lag_seconds(self) -> float:
        """Return the lag in seconds."""
        return self._lag_seconds

    @property
    def pending(self) -> int:
        """Return the number of changes that search doesn't show yet."""
        self._catch_up()
        return len(self._pending)

    def set_lag(self, seconds: float) -> None:
        """Change the lag; 0 also updates the index at once."""
        self._lag_seconds = seconds
        if seconds <= 0:
            self.flush()

    def put(self, entity: str, record_id: int, record: MutableObject | None, part: str = EVERYTHING) -> None:
        """Record a change."""
        self._pending.append((self._timer() + self._lag_seconds, entity, record_id, record, part))
        if self._lag_seconds <= 0:
            self.flush()

    def flush(self) -> None:
        """Apply every change now."""
        while self._pending:
            self._apply()

    def table(self, entity: str) -> RecordTable:
        """Return the entity's table as search sees it now."""
        self._catch_up()
        return self._tables[entity]

    def _catch_up(self) -> None:
        now = self._timer()
        while self._pending and self._pending[0][0] <= now:
            self._apply()

    def _apply(self) -> None:
        _, entity, record_id, record, part = self._pending.popleft()
        self._tables[entity].put(record_id, record, part)
