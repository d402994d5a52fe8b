"""Rows whose by-id answer was not taken in: they are read again, without costing the budget for ever."""

import random

# Of so many rows each is read again at every sight; of more, so many of them on the average.
_READ_AGAIN = 200


class Rereads:
    """What was refused or deleted by id, while its row stands still. In memory: a restart reads all again."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, tuple[bytes, bool]]] = {}

    def note(self, resource: str, row_id: int, fingerprint: bytes, *, absent: bool) -> None:
        """Remember that this row's by-id answer was refused, or (``absent``) that it says deleted."""
        self._rows.setdefault(resource, {})[row_id] = (fingerprint, absent)

    def accept(self, resource: str, row_id: int) -> None:
        """A record was taken in. Where it had been refused the shape is back: read all of them again."""
        known = self._rows.get(resource)
        if known and row_id in known:
            known.clear()

    def rests(self, resource: str, row_id: int, fingerprint: bytes) -> bool | None:
        """Whether such a row is ``absent``, where it need not be read now; ``None`` where it must be."""
        known = self._rows.get(resource)
        if not known:
            return None
        before = known.get(row_id)
        if before is None or before[0] != fingerprint:
            return None
        if random.random() * len(known) < _READ_AGAIN:  # noqa: S311 (no secret)
            return None
        return before[1]
