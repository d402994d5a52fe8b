"""Learns the words that select lists of jobs: if each finds different jobs, and which other words do."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bridge.tracker.client import Client
from bridge.tracker.errors import Refused
from bridge.tracker.findings import Findings
from bridge.tracker.pages import Row
from bridge.tracker.schema import STATES

_NO_STATE = "bridge-check"
"""A word that no account uses for a state of jobs."""
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "open": ("Open", "active", "live"),
    "won": ("Won", "placed", "filled"),
    "closed": ("Closed", "lost", "cancelled"),
}
"""Other common words for the states. One counts only if it finds jobs that no other word finds."""

RowsByState = dict[str | None, Sequence[Row]]


class StateFacts:
    """Learns the words of one account."""

    def __init__(self, client: Client, findings: Findings) -> None:
        self._client = client
        self._findings = findings

    async def learn(self, rows: RowsByState) -> RowsByState:
        """Learn the words from the first page of each list. Return those pages according to the learned
        words.

        Raises what the client raises.
        """
        words = self._client.settings.states
        doubtful = _doubtful(rows)
        unknown = await self._rows(_NO_STATE)
        if doubtful or unknown:
            evidence = (
                f"{doubtful.total()} jobs that another word found are under {' and '.join(doubtful)} too"
                if doubtful
                else "a word that no one uses finds jobs too"
            )
            name = next(iter(doubtful), str(next(iter(rows))))
            said = f"{evidence}: the word {words.get(name, name)!r} is ignored or means something else"
            self._findings.ask("states", said, f"states.{name}")
            return rows
        empty = [state for state, found in rows.items() if not found and state is not None]
        found = {state: pair for state in empty if (pair := await self._other_word(state, rows)) is not None}
        for state, (word, listed) in found.items():
            said = f"no job is listed as {words.get(state, state)}, but {len(listed)} others as {word}"
            self._findings.adopt(f"states.{state}", said, f"states.{state}", word)
        rows = {**rows, **{state: listed for state, (_, listed) in found.items()}}
        await self._settle(rows, [state for state in empty if state not in found])
        return rows

    async def _settle(self, rows: RowsByState, empty: Sequence[str]) -> None:
        words = self._client.settings.states
        if len(empty) == len(rows) and (bare := (await self._client.pages("jobs")).rows):
            said = f"no word finds a job, but {len(bare)} are listed without one: the words differ"
            self._findings.ask("states", said, f"states.{empty[0]}")
            return
        counts = ", ".join(f"{words.get(str(state), state)}: {len(found)}" for state, found in rows.items())
        for state, found in rows.items():
            if state is not None and found:
                self._findings.prove(f"states.{state}", f"it finds {len(found)} jobs on its first page")
            elif state is not None:
                self._findings.leave_open(f"states.{state}", "it finds no job", f"states.{state}")
        if empty:
            said = f"nothing is listed as {', '.join(empty)}; the words may differ (first pages: {counts})"
            self._findings.leave_open("states", said, f"states.{empty[0]}")
        else:
            self._findings.prove("states", f"each word finds different jobs (first pages: {counts})")

    async def _other_word(self, state: str, rows: RowsByState) -> tuple[str, Sequence[Row]] | None:
        known = {row.remote_id for found in rows.values() for row in found}
        if state not in STATES or self._findings.is_configured(f"states.{state}"):
            return None
        for word in _OTHERS[state]:
            try:
                listed = await self._rows(word)
            except Refused:
                continue
            if listed and not known & {row.remote_id for row in listed}:
                return word, listed
        return None

    async def _rows(self, word: str) -> Sequence[Row]:
        return (await self._client.pages("jobs", state=word)).rows


def _doubtful(rows: RowsByState) -> Counter[str]:
    """Return how many jobs of each list were in an earlier list too."""
    seen: dict[str, str | None] = {}
    twice: Counter[str] = Counter()
    for state, found in rows.items():
        for row in found:
            if seen.setdefault(row.remote_id, state) != state:
                twice[str(state)] += 1
    return twice
