"""Spot reads: a sweep reads a few records by id although their rows did not change.

Some accounts save a change, such as of tags, without changing the record's row or its last update. Polls and
sweeps never see such a change. So each sweep reads a few records: mostly those that people probably work on,
and some at random. A change is published like any other, and a remark says what to set to find all of them.

A list that is merely late looks the same if the by-id record has no last update, or a later one. Such a
change is published once the list was never seen to be that late, and remarked on once no list can be.
"""

import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec
from msgspec import Struct
from pyroaring import BitMap64
from trackerrms_contracts.profiles import Finding

from bridge.capture import versions
from bridge.capture.change_writer import ChangeWriter, WriteSummary
from bridge.capture.observations import Observation
from bridge.store import budgets, cursors, holds, remarks, row_states
from bridge.store.database import Database, Tx
from bridge.store.scans import Scan
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.schema import Resource

StoreFindings = Callable[[Sequence[Finding]], Awaitable[object]]
"""Stores findings that were made while reading in the account's profile."""
UNSHOWN = "unshown_changes"
MOST = 5
"""By-id reads per sweep."""
_SECONDS = 2.0
"""Time of a sweep that spot reads may take at the budget; one read is always allowed."""
_ACTIVE = 100
_ACTIVE_SHARE = 0.6


class _Doubt(Struct, kw_only=True):
    """A change that the row may still show: its fingerprint, when it was found, and what changed once
    published."""

    fingerprint: bytes | None
    met_at: float
    published: tuple[str, ...] = ()


class SpotReads:
    """Spot reads of one resource of one integration. In memory: a restart begins again.

    ``clock`` must be monotonic.
    """

    def __init__(
        self,
        integration_id: str,
        db: Database,
        changes: ChangeWriter,
        judge: StoreFindings,
        resource: Resource,
        overlap_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = integration_id
        self._db = db
        self._changes = changes
        self._judge = judge
        self._resource = resource
        self._overlap_seconds = overlap_seconds
        self._clock = clock
        self._reads = resource.by_id is not None and resource.details == "moved"
        self._scan_id: int | None = None
        self._left: frozenset[int] = frozenset()
        """Chosen rows of the sweep in progress that no page has shown yet."""
        self._lag = 0.0
        """The longest possible lag of the list, as seen so far."""
        self._mass_change = False
        """True while all records change in some way, which a spot read may have found."""
        self._active: deque[int] = deque(maxlen=_ACTIVE)
        self._looked_at = BitMap64()
        self._doubts: dict[int, _Doubt] = {}

    async def forget_cured(self) -> None:
        """Clear the remark if records are not read only when their rows change."""
        if not self._reads and self._resource.by_id is not None:
            await remarks.clear(self._db, self._id, self._resource.name, UNSHOWN)

    def note_active(self, row_ids: Iterable[int]) -> None:
        """Remember changed records, which people work on."""
        if self._reads:
            self._active.extend(row_ids)

    async def of(self, scan: Scan) -> frozenset[int]:
        """Return the rows to read in the rest of a sweep; none for other scans, which read all rows."""
        if not self._reads or scan.kind != "sweep":
            return frozenset()
        if self._scan_id != scan.id:
            self._left = await self._chosen()
            self._scan_id = scan.id
        return self._left

    def pass_over(self, seen: BitMap64) -> None:
        """Drop the rows that were on the pages just read: each is read once."""
        self._left = frozenset(row_id for row_id in self._left if row_id not in seen)

    async def sift(self, observations: Sequence[Observation]) -> list[Observation]:
        """Drop the spot reads that found no change or a doubtful one. Add to the others what changed."""
        families = [o.found for o in observations if o.still and isinstance(o.found, EntitySet)]
        if not families:
            return list(observations)
        changed = await self._changes.differing(self._db, families)
        sifted = []
        for one in observations:
            if not one.still or not isinstance(one.found, EntitySet):
                sifted.append(one)
            elif (words := changed.get(one.source.row_id)) is None:
                self._settled(one.source.row_id)
            elif one.still == "in_time" or self._outlived(one):
                sifted.append(msgspec.structs.replace(one, unshown=words))
        return sifted

    async def report(
        self, tx: Tx, observations: Sequence[Observation], applied: WriteSummary
    ) -> Finding | None:
        """Remark on changes that the records' rows don't show, in the transaction that publishes them.

        Return the finding about the account. Changes by commands don't count: they are read anyway, and say
        nothing about what people save.
        """
        found = [o for o in observations if o.unshown and not o.missing]
        if not found or applied.held or self._mass_change:
            return None
        others = (await self._changes.by_command(tx, found)).get(None, ())
        for one in others:
            if one.source.row_id in self._doubts:
                self._doubts[one.source.row_id].published = one.unshown
        return await self._remark(tx, [(o.source.row_id, o.unshown) for o in others if o.still == "in_time"])

    async def settle(self, seen: BitMap64) -> None:
        """Remark, at the end of a complete sweep that saw these rows, on changes that no row shows although
        every list would by now."""
        longest = versions.LONGEST_LAG.total_seconds()
        due = {i: d for i, d in self._doubts.items() if d.published and self._clock() - d.met_at > longest}
        if not due:
            return
        async with self._db.transaction() as tx:
            known = await row_states.known(tx, self._id, self._resource.name, list(due))
            still = [
                i for i in due if i in seen and i in known and known[i].fingerprint == due[i].fingerprint
            ]
            finding = await self._remark(tx, [(row_id, due[row_id].published) for row_id in still])
        for row_id in due:
            del self._doubts[row_id]
        if finding is not None:
            await self._judge([finding])

    async def _chosen(self) -> frozenset[int]:
        db, name = self._db, self._resource.name
        held = await holds.of_resource(db, self._id, name)
        self._mass_change = bool(held)
        most = min(MOST, await budgets.spare(db, self._id, _SECONDS))
        if not most or any(one.state != "done" for one in held):
            # Otherwise each sweep would read more of the held records again.
            return frozenset()
        cursor = await cursors.load_cursor(db, self._id, name)
        self._lag = max(cursor.longest_lag_seconds, self._overlap_seconds) * versions.LAG_MARGIN
        due = (await self._due())[:most]
        newest = await row_states.newest_rows(db, self._id, name, _ACTIVE)
        count = sum(random.random() < _ACTIVE_SHARE for _ in range(most - len(due)))  # noqa: S311 (no secret)
        active = self._fresh(dict.fromkeys([*self._active, *newest]), count)
        others = await row_states.at_random(db, self._id, name, most - len(due) - len(active))
        self._looked_at |= BitMap64(active)
        return frozenset((*due, *active, *others))

    async def _due(self) -> list[int]:
        """Return the doubtful rows to read again. Rows that have changed since are dropped."""
        if not self._doubts:
            return []
        known = await row_states.known(self._db, self._id, self._resource.name, list(self._doubts))
        stored = {row_id: source.fingerprint for row_id, source in known.items()}
        self._doubts = {i: d for i, d in self._doubts.items() if stored.get(i) == d.fingerprint}
        now = self._clock()
        return [i for i, d in self._doubts.items() if not d.published and now - d.met_at > self._lag]

    def _fresh(self, row_ids: Iterable[int], count: int) -> list[int]:
        """Choose some of them, preferably of those that were not read before."""
        these = list(row_ids)
        fresh = [row_id for row_id in these if row_id not in self._looked_at]
        if len(fresh) < count:
            self._looked_at -= BitMap64(these)
            fresh = these
        return random.sample(fresh, min(count, len(fresh)))

    def _settled(self, row_id: int) -> None:
        """Drop the doubt about a record that is as stored: the change was reverted."""
        doubt = self._doubts.get(row_id)
        if doubt is not None and not doubt.published:
            del self._doubts[row_id]

    def _outlived(self, one: Observation) -> bool:
        """Report whether the list was never seen to be as late as this change would mean."""
        now, fingerprint = self._clock(), one.source.fingerprint
        doubt = self._doubts.get(one.source.row_id)
        if doubt is None or doubt.fingerprint != fingerprint:
            self._doubts[one.source.row_id] = _Doubt(fingerprint=fingerprint, met_at=now)
            return False
        return bool(doubt.published) or now - doubt.met_at > self._lag

    async def _remark(self, tx: Tx, found: Sequence[tuple[int, tuple[str, ...]]]) -> Finding | None:
        shown = [(row_id, words) for row_id, words in found if words]
        if not shown:
            return None
        name, (row_id, words) = self._resource.name, shown[0]
        said = (
            f"{self._resource.entity} {row_id} changed ({', '.join(words)}), but neither its row nor its "
            "last update did"
        )
        cure = f'set details.{name} = "always" under [integrations.tracker]'
        text = f"{said}: such changes are found late, a few at each sweep; {cure}"
        await remarks.add_remark(tx, self._id, name, UNSHOWN, text, len(shown))
        return Finding(
            assumption="saves", verdict="refuted", evidence=said, key=f"details.{name}",
            value="always",
        )  # fmt: skip
