"""Full reads: lists without ``updatedAfter`` (users and statuses) are read completely at each poll.

Each page is read without a transaction (invariant 8) and committed. A requested resync is such a read too.
"""

import time

from pyroaring import BitMap64
from trackerrms_contracts.events import Cause

from bridge.capture.change_writer import WriteSummary
from bridge.capture.list_caps import ListCaps, remark_cap
from bridge.capture.list_read import ListRead
from bridge.capture.page_run import Run
from bridge.capture.record_reader import Context
from bridge.capture.resource_reader import CAUSES, ResourceReader
from bridge.clock import utc_now
from bridge.store import cursors, leases, parked, remarks, row_states, scans
from bridge.store.scans import Scan, ScanProgress

_LOOK_BEFORE_EVERY = 60
_FLAWED = "flawed_list"


class WholeReads:
    """The full reads of one resource of one integration, one after the other."""

    def __init__(self, reader: ResourceReader) -> None:
        self._reader = reader
        self._capture = reader.capture
        self._resource = reader.resource
        self._id = reader.capture.integration_id
        self._reads = 0
        self._flawed = 0
        self._before_first: str | None = None
        self._capped = ListCaps()

    async def read(
        self, context: Context, *, first: bool, scan: Scan | None = None
    ) -> tuple[WriteSummary, str | None]:
        """Read the list in full. ``scan``: the resync that this read completes.

        Return the changes, and why the read can't prove an absence; ``None`` if it can.
        """
        capture, name = self._capture, self._resource.name
        started, calls = time.monotonic(), capture.calls()
        number, done, flaw = 1, False, None
        seen, total, duplicates, ghosts = BitMap64(), WriteSummary(events={}), 0, 0
        run: Run | None = None
        listing = capture.pages.begin(self._resource, before=await self._known())
        cause: Cause = "initial" if first else "poll" if scan is None else CAUSES[scan.kind]
        republish = await self._reader.republish_before(scan)
        await self._reader.deletion.begin_whole_read()
        while not done:
            run = await capture.pages.run(listing, self._resource, None, number, 1)
            batch = await self._reader.observe(context, run.pages)
            flaw = flaw or run.flaw
            duplicates += len(batch.seen & seen)
            ghosts += batch.ghosts
            seen |= batch.seen
            if not batch.empty:
                async with leases.fenced(capture.db, capture.lease) as tx:
                    silent_before = self._reader.silent_before(utc_now()) if first else None
                    applied = await self._reader.commit(
                        tx, batch, cause, silent_before=silent_before, republish=republish
                    )
                    total = total.plus(applied)
            number, done = run.last + 1, run.done
        expected = run.total_count if run is not None else None
        if duplicates or (expected is not None and expected != len(seen) + ghosts):
            flaw = flaw or f"{len(seen)} of {expected} rows, {duplicates} seen twice"
        flaw = flaw or await self._doubts(listing)
        if flaw is None:
            total = total.plus(self._reader.orphans.note(await self._reader.deletion.of_whole_read(seen)))
            total = total.plus(await self._reader.orphans.settle(started, 0.0))
            async with capture.db.transaction() as tx:
                await parked.release_nameless(tx, self._id, name, None)
        await cursors.advance_cursor(
            capture.db,
            self._id,
            name,
            until=None,
            lag_seconds=0.0,
            calls=capture.calls() - calls,
            changes=total.changes,
        )
        await self._say(flaw, broken=run is not None and run.broken)
        if scan is not None:
            await self._finish_whole(scan, seen, number - 1, total, flaw)
        quiet = not total.counts() and flaw is None
        self._reader.report(
            "poll.finished",
            started,
            calls,
            {"pages": number - 1, "flaw": flaw, **total.counts()},
            quiet=quiet,
        )
        return total, flaw

    async def _finish_whole(
        self, scan: Scan, seen: BitMap64, pages: int, applied: WriteSummary, flaw: str | None
    ) -> None:
        progress = ScanProgress(
            segment=0,
            first_page=1,
            last_page=pages,
            next_segment=1,
            next_page=1,
            pages_known=pages,
            rows_known=len(seen),
            seen=seen,
            ghosts=0,
            changed=applied.changes,
            calls=pages,
            flaw=flaw,
        )
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            await scans.advance_scan(tx, scan.id, progress)
            await scans.finish_scan(tx, scan, flaw)

    async def _known(self) -> int:
        return await row_states.count_live_rows(self._capture.db, self._id, self._resource.name)

    async def _doubts(self, listing: ListRead) -> str | None:
        """Return why a read that ended properly may still lack rows."""
        if self._before_first is not None or self._reads % _LOOK_BEFORE_EVERY == 0:
            self._before_first = await self._capture.pages.before_first(self._resource, None, listing.seen)
        self._reads += 1
        await remark_cap(self._capture, self._resource, None, listing)
        if self._before_first is None and self._resource.by_id is None:
            size = self._capture.pages.page_size(self._resource)
            return self._capped.doubt(listing, size, await self._known())
        return self._before_first

    async def _say(self, flaw: str | None, *, broken: bool) -> None:
        """Remark that this list can't prove deletions: at once if it does not end, else if the flaw
        persists."""
        db, name = self._capture.db, self._resource.name
        self._flawed = 0 if flaw is None else self._flawed + 1
        if flaw is None:
            await remarks.clear(db, self._id, name, _FLAWED)
        elif broken or self._before_first is not None or self._flawed > 1:
            await remarks.add_remark(db, self._id, name, _FLAWED, f"can't prove deletions: {flaw}")
        if broken and flaw is not None:
            await cursors.fail(db, self._id, name, f"the list can't be read to its end: {flaw}")
