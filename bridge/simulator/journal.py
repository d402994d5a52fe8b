"""The journal: every change of a unified record, numbered, in order."""

from bridge.simulator.truth import TruthKey, Unified

JournalEntry = dict[str, str | int]


class Journal:
    """Entries ``{"n","at","op","model","remote_id"}``; ``op`` is ``created``, ``updated`` or ``deleted``."""

    def __init__(self) -> None:
        self._entries: list[JournalEntry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def after(self, n: int) -> list[JournalEntry]:
        """Return the entries numbered above ``n``."""
        return self._entries[max(0, n) :]

    def add(self, at: str, op: str, key: TruthKey) -> None:
        """Add one change of the record of ``key`` = (model, remote id)."""
        self._entries.append(
            {"n": len(self._entries) + 1, "at": at, "op": op, "model": key[0], "remote_id": key[1]}
        )

    def compare(self, at: str, before: dict[TruthKey, Unified], after: dict[TruthKey, Unified]) -> None:
        """Add the differences between two sets of unified records."""
        for key in before.keys() - after.keys():
            self.add(at, "deleted", key)
        for key, record in after.items():
            if key not in before:
                self.add(at, "created", key)
            elif before[key] != record:
                self.add(at, "updated", key)
