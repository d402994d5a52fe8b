"""An account's placement statuses as the poller uses them: learned at each read, kept over a restart.

An invalid list does not replace a valid one: applications continue with the previous list, and the read fails
with what to set.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bridge.capture.deletion import CaptureContext
from bridge.errors import Transient
from bridge.json_types import JsonObject
from bridge.store import leases, remarks, row_states, status_lists
from bridge.tracker import statuses
from bridge.tracker.schema import Resources
from bridge.tracker.statuses import CODES, UNSETTLED, Problem, Status, StatusList

_ORDER = "statuses_in_changing_order"


class PlacementStatuses:
    """Statuses of one integration: ``table`` by id, ``places`` in the agreed order; both empty at first."""

    def __init__(self, capture: CaptureContext, settings: Resources) -> None:
        self._capture = capture
        self._id = capture.integration_id
        self._settings = settings
        self._named: set[str] = set()
        self._saved: bytes | None = None
        self._problems: Sequence[Problem] = ()
        self._weighed = StatusList(statuses={}, order=())
        self.table: dict[str, Status] = {}
        self.places: dict[int, int] = {}

    def meet(self, named: Iterable[str]) -> bool:
        """Remember statuses that applications have and no list had. Return whether any of them is new."""
        new = set(named) - self._named - self.table.keys()
        self._named |= new
        return bool(new)

    async def weigh(self, rows: Sequence[JsonObject], *, accept: bool) -> None:
        """Take over the order of the list just read. ``learn`` then uses the rest of it, ``keep`` does not.

        ``accept``: use it whatever it looks like, as a person requested. Raises ``Transient`` if the previous
        list was valid and this one is not.
        """
        self._saved = await status_lists.load_status_list(self._capture.db, self._id)
        before = self._before()
        self._problems = statuses.status_problems(rows, self._settings)
        fatal = [problem for problem in self._problems if problem.fatal]
        if fatal and before is not None and not accept and statuses.is_sound(before.statuses, self._settings):
            self._use(before)
            await self._note(self._problems, before)
            raise Transient(
                f"{fatal[0].text}. It was different before: applications continue with the previous list; if "
                "the new one is correct, run: bridge resync --resource statuses"
            )
        found = statuses.parse_statuses(rows, self._settings)
        kept = {} if before is None or accept else await self._not_gone(before, found)
        self._weighed = statuses.merge_statuses(before, found, self._named, kept)
        self.places = self._weighed.places()

    async def learn(self) -> None:
        """Use and store the list that was weighed."""
        content = msgspec.json.encode(self._weighed)
        if content != self._saved:
            async with leases.fenced(self._capture.db, self._capture.lease) as tx:
                await status_lists.save_status_list(tx, self._id, content)
        self._use(self._weighed)
        await self._note(self._problems, self._weighed)

    async def keep(self) -> bool:
        """Continue with the list before the one that was weighed. Return ``False`` if there is none."""
        before = self._before()
        if before is not None:
            self._use(before)
            await self._note(self._problems, before)
        return before is not None

    async def _not_gone(self, before: StatusList, found: Mapping[str, Status]) -> dict[str, Status]:
        """Return missing statuses that are not proved gone: that takes two reads, and a person for many."""
        live: set[str] = set()
        async for row_ids in row_states.live(self._capture.db, self._id, "statuses"):
            live.update(map(str, row_ids))
        missing = before.statuses.keys() - found.keys()
        return {i: before.statuses[i] for i in before.order if i in missing and i in live}

    def _before(self) -> StatusList | None:
        return None if self._saved is None else msgspec.json.decode(self._saved, type=StatusList)

    def _use(self, known: StatusList) -> None:
        self.table, self.places = known.table(), known.places()

    async def _note(self, problems: Sequence[Problem], known: StatusList) -> None:
        texts = {problem.code: problem.text for problem in problems}
        if known.unrest >= UNSETTLED:
            texts[_ORDER] = (
                "the list of placement statuses keeps changing its order: stages keep the previous order "
                "until enough reads in a row agree on a new one"
            )
        for code, text in texts.items():
            await remarks.add_remark(self._capture.db, self._id, "statuses", code, text)
        settled = {_ORDER} if known.unrest == 0 else set()
        over = (set(CODES) | settled) - texts.keys()
        await remarks.clear(self._capture.db, self._id, "statuses", *sorted(over))
