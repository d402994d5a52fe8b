"""Rows whose by-id answer was not accepted: they are read again, within a limited share of the budget."""

import random

# Up to so many rows are all read again each time; of more, so many on average.
_READ_AGAIN = 200


class Rereads:
    """Rows that were rejected or deleted by id and are unchanged. In memory: a restart reads all again."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, tuple[bytes, bool]]] = {}

    def note(self, resource: str, row_id: int, fingerprint: bytes, *, absent: bool) -> None:
        """Remember that this row's by-id answer was rejected, or (``absent``) that it says deleted."""
        self._rows.setdefault(resource, {})[row_id] = (fingerprint, absent)

    def accept(self, resource: str, row_id: int) -> None:
        """Record an accepted record. If it was rejected before, the answers are valid again: read all of
        them."""
        known = self._rows.get(resource)
        if known and row_id in known:
            known.clear()

    def rests(self, resource: str, row_id: int, fingerprint: bytes) -> bool | None:
        """Return whether the row is ``absent`` if it need not be read now, ``None`` if it must be."""
        known = self._rows.get(resource)
        if not known:
            return None
        before = known.get(row_id)
        if before is None or before[0] != fingerprint:
            return None
        if random.random() * len(known) < _READ_AGAIN:  # noqa: S311 (no secret)
            return None
        return before[1]
