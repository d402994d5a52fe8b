"""The steps of reading one resource: a poll for what changed, a step of a scan, the end of a scan.

Each step reads pages without a transaction (invariant 8), then commits what they held together with the
ledger that says they were read (invariants 1 and 2), under the poller's fence.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec import UNSET, Struct
from pyroaring import BitMap64

from bridge import heartbeat
from bridge.capture.attribution import TOUCHED
from bridge.capture.changes import Applied, Observation
from bridge.capture.deletion import Deletion, Doors
from bridge.capture.paging import Run
from bridge.capture.rows import Batch, Context
from bridge.capture.state_lists import StateLists
from bridge.capture.unclaimed import Unclaimed
from bridge.store import cursors, leases, parked, scans
from bridge.store.cursors import Cursor
from bridge.store.database import Tx
from bridge.store.scans import Progress, Scan
from bridge.tracker.client import utc_now
from bridge.tracker.shapes import Resource
from contracts.events import Cause

_log = structlog.get_logger(__name__)
_CAUSES: dict[scans.ScanKind, Cause] = {
    "initial": "initial",
    "sweep": "sweep",
    "resync": "resync",
    "republish": "resync",
}
_LONGEST_OVERLAP = 24 * 3600.0
_LAG_MARGIN = 1.25
_LONG_STEP_SECONDS = 2.0


class Pace(Struct, frozen=True, kw_only=True):
    """How much a step reads: pages at once, at most; seconds of overlap of polls; a silent first load."""

    page_batch: int
    first_pages: int
    overlap_seconds: float
    silent: bool


class Walk:
    """Reads one resource of one integration."""

    def __init__(self, doors: Doors, pace: Pace, resource: Resource) -> None:
        self._doors = doors
        self._pace = pace
        self._resource = resource
        self._id = doors.integration_id
        self._pages_at_once = pace.first_pages
        self._unknown_statuses: set[str] = set()
        self._states = StateLists(doors, resource)
        self.deletion = Deletion(doors, resource)
        self.unclaimed = Unclaimed(doors, resource)

    def take_unknown_statuses(self) -> set[str]:
        """Return the placement statuses that applications stood at and no list had, since this was asked."""
        found, self._unknown_statuses = self._unknown_statuses, set()
        return found

    async def poll(
        self, context: Callable[[str | None], Context], cursor: Cursor, *, loaded: bool
    ) -> Applied:
        """Read what changed since the cursor, each state in turn, then move the cursor.

        ``loaded``: the first load is over; before, nobody knows what records still to come carry.
        """
        doors, name = self._doors, self._resource.name
        started, calls = time.monotonic(), doors.calls()
        since = _since(cursor, self._pace.overlap_seconds)
        until: datetime | None = None
        lag = 0.0
        total = Applied(events={})
        pages_read, contested, flaw = 0, 0, None
        for state in self._resource.states:
            number, done = 1, False
            while not done:
                asked = time.monotonic()
                run = await doors.pages.run(self._resource, state, number, 1, since)
                if until is None:
                    # By TrackerRMS's own clock, before its first answer: ours may be wrong or jump.
                    until = doors.rows.server_now() - timedelta(seconds=time.monotonic() - asked)
                batch = await doors.rows.observe(context(state), run.pages)
                lag = max(lag, _lag(batch, cursor, doors.rows.server_now()))
                if not batch.empty:
                    async with leases.fenced(doors.db, doors.lease) as tx:
                        total = total.plus(await self._commit(tx, batch, "poll"))
                pages_read, flaw = pages_read + len(run.pages), flaw or run.flaw
                contested += batch.contested
                number, done = number + 1, run.done
        await self._states.note_contested(contested)
        if loaded and flaw is None:
            lag = max(lag, cursor.index_lag_seconds)
            # The index may run further behind than it was ever seen to.
            late = max(self._pace.overlap_seconds, lag * _LAG_MARGIN)
            total = total.plus(await self.unclaimed.settle(started, late))
        await cursors.advance(
            doors.db,
            self._id,
            name,
            until=until,
            lag_seconds=max(cursor.index_lag_seconds, min(lag, _LONGEST_OVERLAP)),
            calls=doors.calls() - calls,
            changes=total.changes,
        )
        self._report(
            "poll.finished",
            started,
            calls,
            {"pages": pages_read, **total.counts()},
            quiet=not total.counts(),
        )
        return total

    async def read_whole(
        self, context: Context, *, first: bool, scan: Scan | None = None
    ) -> tuple[Applied, str | None]:
        """Read a list that has no ``updatedAfter`` in full: users, statuses. ``scan``: the resync it is.

        Returns what changed, and why the read can't prove an absence; ``None`` where it can.
        """
        doors, name = self._doors, self._resource.name
        started, calls = time.monotonic(), doors.calls()
        number, done, flaw = 1, False, None
        seen, total, duplicates = BitMap64(), Applied(events={}), 0
        run: Run | None = None
        cause: Cause = "initial" if first else "poll" if scan is None else _CAUSES[scan.kind]
        republish = await self._republish_before(scan)
        await self.deletion.begin_whole_read()
        while not done:
            run = await doors.pages.run(self._resource, None, number, 1)
            batch = await doors.rows.observe(context, run.pages)
            flaw = flaw or run.flaw
            duplicates += len(batch.seen & seen)
            seen |= batch.seen
            if not batch.empty:
                async with leases.fenced(doors.db, doors.lease) as tx:
                    silent_before = self._silent_before(utc_now()) if first else None
                    applied = await self._commit(
                        tx, batch, cause, silent_before=silent_before, republish=republish
                    )
                    total = total.plus(applied)
            number, done = number + 1, run.done
        expected = run.total_count if run is not None else None
        if duplicates or (expected is not None and expected != len(seen)):
            flaw = flaw or f"{len(seen)} of {expected} rows, {duplicates} seen twice"
        if flaw is None:
            total = total.plus(self.unclaimed.note(await self.deletion.of_whole_read(seen)))
            total = total.plus(await self.unclaimed.settle(started, 0.0))
            async with doors.db.transaction() as tx:
                await parked.release_nameless(tx, self._id, name, None)
        await cursors.advance(
            doors.db,
            self._id,
            name,
            until=None,
            lag_seconds=0.0,
            calls=doors.calls() - calls,
            changes=total.changes,
        )
        if scan is not None:
            await self._finish_whole(scan, seen, number - 1, total, flaw)
        quiet = not total.counts() and flaw is None
        self._report(
            "poll.finished",
            started,
            calls,
            {"pages": number - 1, "flaw": flaw, **total.counts()},
            quiet=quiet,
        )
        return total, flaw

    async def _finish_whole(
        self, scan: Scan, seen: BitMap64, pages: int, applied: Applied, flaw: str | None
    ) -> None:
        progress = Progress(
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
        async with leases.fenced(self._doors.db, self._doors.lease) as tx:
            await scans.advance(tx, scan.id, progress)
            await scans.finish(tx, scan, flaw)

    async def _republish_before(self, scan: Scan | None) -> datetime | None:
        """The moment since when a republishing scan has published what it met, by this machine's clock."""
        if scan is None or scan.kind != "republish":
            return None
        now = utc_now()
        began = now - timedelta(seconds=await scans.age_seconds(self._doors.db, scan.id))
        # Events are dated in whole milliseconds.
        return began.replace(microsecond=began.microsecond // 1000 * 1000)

    async def step(self, scan: Scan, context: Callable[[str | None], Context]) -> bool:
        """Read the next pages of a scan; ``True`` when they were the last of its last segment."""
        doors = self._doors
        started, calls = time.monotonic(), doors.calls()
        state = self._resource.states[scan.segment]
        count = self._pages_ahead(scan)
        run = await doors.pages.run(self._resource, state, scan.next_page, count)
        batch = await doors.rows.observe(context(state), run.pages)
        progress = self._progress(scan, run, batch, doors.calls() - calls)
        self._states.count(state, scan.next_page, sum(len(page.rows) for page in run.pages))
        republish = await self._republish_before(scan)
        if scan.kind == "sweep":
            await self._note_lag(batch, await cursors.load(doors.db, self._id, self._resource.name))
        async with leases.fenced(doors.db, doors.lease) as tx:
            applied = await self._commit(
                tx,
                batch,
                _CAUSES[scan.kind],
                silent_before=self._silent_before(scan.started_at) if scan.kind == "initial" else None,
                republish=republish,
            )
            await scans.advance(tx, scan.id, progress)
        # Steps with by-id reads are slow: keep them short, so that polls come in between and a restart
        # repeats little.
        wanted = self._pace.page_batch if not batch.observations else self._pages_at_once // 2
        if time.monotonic() - started > _LONG_STEP_SECONDS:
            # A small budget: hints and polls wait for a step's end.
            wanted = self._pages_at_once // 2
        self._pages_at_once = max(self._pace.first_pages, min(wanted, self._pages_at_once * 2))
        self._report(
            "scan.pages_committed",
            started,
            calls,
            {
                "kind": scan.kind,
                "pages": len(run.pages),
                "rows": len(batch.seen),
                "ghosts": batch.ghosts,
                **applied.counts(),
            },
        )
        return progress.next_segment >= len(self._resource.states)

    async def finish(self, scan: Scan) -> Applied:
        """End a scan that read its last page: prove what is gone, publish it, close the ledger."""
        doors = self._doors
        started, calls = time.monotonic(), doors.calls()
        seen, duplicates = await scans.seen(doors.db, scan.id)
        flaw = scan.flaw or _incomplete(scan, len(seen))
        applied = Applied(events={})
        if flaw is None:
            applied, flaw = await self.deletion.of_scan(scan, seen)
        async with leases.fenced(doors.db, doors.lease) as tx:
            await parked.release_nameless(tx, self._id, self._resource.name, scan.started_at)
            await scans.finish(tx, scan, flaw)
            await cursors.forget_lag(tx, self._id, self._resource.name)
        await self._states.end_scan()
        self.unclaimed.note(applied)
        await self.unclaimed.find()
        fields: dict[str, object] = {
            "kind": scan.kind,
            "rows": len(seen),
            "duplicates": duplicates,
            "flaw": flaw,
        }
        self._report("scan.finished", started, calls, fields | applied.counts())
        return applied

    def _pages_ahead(self, scan: Scan) -> int:
        """How many pages to ask for at once: none beyond the list's end, as far as it is known."""
        if scan.next_page == 1 or scan.pages_known is None:
            return 1
        left = scan.pages_known - scan.pages_done - scan.next_page + 1
        return max(1, min(left, self._pages_at_once))

    def _silent_before(self, began: datetime) -> datetime | None:
        """Records last updated before that are stored in silence; ``None``: none are. The polls look back by
        the overlap, and tell what changed in it."""
        if not self._pace.silent:
            return None
        return began - timedelta(seconds=self._pace.overlap_seconds)

    async def _commit(
        self,
        tx: Tx,
        batch: Batch,
        cause: Cause,
        *,
        silent_before: datetime | None = None,
        republish: datetime | None = None,
    ) -> Applied:
        # A long poll or load lives while it commits.
        heartbeat.beat()
        changes = self._doors.changes
        await changes.report(tx, self._resource.name, batch.anonymous)
        name = self._resource.name
        # What changed since the load began is news, whoever sees it first.
        told: list[Observation] = []
        muted: list[Observation] = []
        for observation in batch.observations:
            (told if _is_news(observation, silent_before) else muted).append(observation)
        applied = await changes.apply(tx, name, muted, cause, silent=True)
        for command, seen in (await self._whose(tx, told, cause)).items():
            by = cause if command is None else "command"
            command_id = UNSET if command is None else command
            applied = applied.plus(
                await changes.apply(tx, name, seen, by, republish=republish, command_id=command_id)
            )
        self._unknown_statuses |= applied.unknown_statuses
        # Noted even where the transaction fails after this: a tag that is carried is never deleted.
        return self.unclaimed.note(applied)

    async def _whose(
        self, tx: Tx, told: Sequence[Observation], cause: Cause
    ) -> Mapping[str | None, Sequence[Observation]]:
        """By command, what polls and sweeps met; a first load or a resync says so of all it reads."""
        if not told or self._resource.name not in TOUCHED or cause not in ("poll", "sweep"):
            return {None: told}
        return await self._doors.changes.by_command(tx, told)

    def _progress(self, scan: Scan, run: Run, batch: Batch, calls: int) -> Progress:
        # The counts of the segments read to their end stay; this one's is as the list says now.
        rows_before = scan.rows_done
        rows_here = run.total_count
        size = self._doors.pages.page_size(self._resource)
        pages_here = None if rows_here is None or not size else -(-rows_here // size)
        return Progress(
            segment=scan.segment,
            first_page=scan.next_page,
            last_page=scan.next_page + len(run.pages) - 1,
            next_segment=scan.segment + 1 if run.done else scan.segment,
            next_page=1 if run.done else scan.next_page + len(run.pages),
            pages_known=None if pages_here is None else scan.pages_done + pages_here,
            rows_known=None if rows_here is None else rows_before + rows_here,
            seen=batch.seen,
            ghosts=batch.ghosts,
            changed=len(batch.observations),
            calls=calls,
            flaw=run.flaw,
        )

    async def _note_lag(self, batch: Batch, cursor: Cursor) -> None:
        """Remember how late the index was for rows that polls did not find: they will look back that far."""
        lag = _lag(batch, cursor, self._doors.rows.server_now())
        if lag > max(cursor.index_lag_seconds, self._pace.overlap_seconds):
            await cursors.note_lag(self._doors.db, self._id, self._resource.name, lag)

    def _report(
        self, event: str, started: float, calls: int, fields: Mapping[str, object], *, quiet: bool = False
    ) -> None:
        _log.log(
            logging.DEBUG if quiet else logging.INFO,
            event,
            integration=self._id,
            resource=self._resource.name,
            calls=self._doors.calls() - calls,
            seconds=round(time.monotonic() - started, 3),
            **fields,
        )


def shortfall_tolerated(rows_known: int) -> int:
    """By how many rows a scan may fall short of the list's own count: rows move while it goes on."""
    return max(20, rows_known // 50)


def _incomplete(scan: Scan, rows: int) -> str | None:
    """Why the scan can't prove an absence: it saw fewer records than the list said there are."""
    if scan.rows_known is None:
        return None
    short = scan.rows_known - scan.ghosts - rows
    if short > shortfall_tolerated(scan.rows_known):
        return f"saw {rows} of {scan.rows_known} rows"
    return None


def _is_news(observation: Observation, silent_before: datetime | None) -> bool:
    if silent_before is None:
        return True
    return observation.latest is not None and observation.latest >= silent_before


def _since(cursor: Cursor, overlap_seconds: float) -> datetime | None:
    if cursor.polled_until is None:
        return None
    # A quarter more than the index was ever seen to be late.
    overlap = max(overlap_seconds, cursor.index_lag_seconds * _LAG_MARGIN)
    return cursor.polled_until - timedelta(seconds=min(overlap, _LONGEST_OVERLAP))


def _lag(batch: Batch, cursor: Cursor, now: datetime) -> float:
    """How late the list showed a change that the poll before should have seen; 0 when it was in time."""
    if cursor.polled_until is None:
        return 0.0
    late = [
        (now - o.latest).total_seconds()
        for o in batch.observations
        if o.news and o.latest is not None and o.latest < cursor.polled_until
    ]
    return max((seconds for seconds in late if 0 < seconds < _LONGEST_OVERLAP), default=0.0)
