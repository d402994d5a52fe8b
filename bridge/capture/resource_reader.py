"""Complete reads of one resource: the steps and the end of a scan, and what polls share with them.

Each step reads pages without a transaction (invariant 8). Then it commits what they held together with the
ledger that says they were read (invariants 1 and 2), under the poller's fence.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import structlog
from msgspec import UNSET, Struct
from pyroaring import BitMap64
from trackerrms_contracts.events import Cause

from bridge.capture.attribution import TOUCHED
from bridge.capture.change_writer import WriteSummary
from bridge.capture.deletion import CaptureContext, Deletion
from bridge.capture.list_caps import remark_cap, remark_unlisted
from bridge.capture.observations import Observation
from bridge.capture.orphans import Orphans
from bridge.capture.read_ahead import ReadAhead
from bridge.capture.record_reader import Batch, Context
from bridge.capture.spot_reads import SpotReads
from bridge.capture.state_lists import StateLists
from bridge.clock import utc_now, whole_milliseconds
from bridge.runtime import heartbeat
from bridge.store import cursors, leases, parked, row_states, scans, statistics
from bridge.store.cursors import PollCursor
from bridge.store.database import Tx
from bridge.store.scans import Scan, ScanProgress
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.pages import Page
from bridge.tracker.schema import Resource

_log = structlog.get_logger(__name__)
CAUSES: dict[scans.ScanKind, Cause] = {
    "initial": "initial",
    "sweep": "sweep",
    "resync": "resync",
    "republish": "resync",
}
LONGEST_OVERLAP = 24 * 3600.0
_LONG_STEP_SECONDS = 2.0
_FIRST_COUNT = 1_000
_FEWEST_READS, _FIRST_READS, _MOST_READS = 5, 20, 500


class ReadPace(Struct, frozen=True, kw_only=True):
    """Size of a step: the most pages at once; the overlap of polls in seconds; whether the first load is
    silent."""

    page_batch: int
    first_pages: int
    overlap_seconds: float
    silent: bool


ReaderName = Literal["scan", "poll"]


class ResourceReader:
    """Reads one resource of one integration."""

    def __init__(self, capture: CaptureContext, pace: ReadPace, resource: Resource) -> None:
        self.capture = capture
        self.pace = pace
        self.resource = resource
        self._id = capture.integration_id
        self._pages_at_once = pace.first_pages
        self.reads_at_once = _FIRST_READS
        """Number of by-id reads per step: as many as take a second or two, so that other work gets its
        turn."""
        self._ahead: ReadAhead | None = None
        self._unknown_statuses: set[str] = set()
        self._went_back = False
        """True if time really went back for a record since the last scan."""
        self._loaded, self._count_at = 0, _FIRST_COUNT
        self.states = StateLists(capture, resource)
        self.spots = SpotReads(
            self._id, capture.db, capture.changes, capture.judge, resource, pace.overlap_seconds
        )
        self.newer: dict[ReaderName, BitMap64] = {"scan": BitMap64(), "poll": BitMap64()}
        """By reader: rows that another reader has read after the pages that this one holds."""
        self.deletion = Deletion(capture, resource)
        self.orphans = Orphans(capture, resource)

    def take_unknown_statuses(self) -> set[str]:
        """Return the unknown placement statuses that applications had since the last call."""
        found, self._unknown_statuses = self._unknown_statuses, set()
        return found

    async def republish_before(self, scan: Scan | None) -> datetime | None:
        """Return the moment, by this machine's clock, since which a republishing scan has published
        records."""
        if scan is None or scan.kind != "republish":
            return None
        now = utc_now()
        began = now - timedelta(seconds=await scans.age_seconds(self.capture.db, scan.id))
        return whole_milliseconds(began)

    async def step(self, scan: Scan, context: Callable[[str | None], Context]) -> bool:
        """Read the next pages of a scan. Return ``True`` if they were the last of its last segment."""
        capture = self.capture
        started, calls = time.monotonic(), capture.calls()
        state = self.resource.states[scan.segment]
        ahead = await self._read_ahead(scan, state)
        ahead.pass_over(self.newer["scan"])
        batch = await self.observe(await self._looking(scan, context(state)), ahead.parts, self.reads_at_once)
        ahead.note(batch)
        if ahead.ends:
            ahead.flaw = ahead.flaw or await capture.pages.before_first(self.resource, state, ahead.read.seen)
            await remark_cap(capture, self.resource, state, ahead.read)
        progress = self._progress(scan, ahead, batch, capture.calls() - calls)
        republish = await self.republish_before(scan)
        if scan.kind == "sweep":
            await self._note_lag(batch, await cursors.load_cursor(capture.db, self._id, self.resource.name))
        async with leases.fenced(capture.db, capture.lease) as tx:
            applied = await self.commit(
                tx,
                batch,
                CAUSES[scan.kind],
                silent_before=self.silent_before(scan.started_at) if scan.kind == "initial" else None,
                republish=republish,
                reader="scan",
            )
            finding = await self.spots.report(tx, batch.observations, applied)
            if progress is not None:
                await scans.advance_scan(tx, scan.id, progress)
        self.spots.pass_over(batch.seen)
        ahead.committed(progress)
        self._ahead = None if ahead.ends else ahead
        if finding is not None:
            await self.capture.judge([finding])
        if scan.kind == "initial":
            await self._count(batch)
        self._adapt(batch, time.monotonic() - started)
        self.report(
            "scan.pages_committed",
            started,
            calls,
            {
                "kind": scan.kind,
                "pages": 0 if progress is None else progress.last_page - progress.first_page + 1,
                "rows": len(batch.seen),
                "ghosts": batch.ghosts,
                **applied.counts(),
            },
        )
        return progress is not None and progress.next_segment >= len(self.resource.states)

    async def _looking(self, scan: Scan, context: Context) -> Context:
        """Return the context with the records that a sweep reads by id although their rows are unchanged."""
        each = scan.kind == "sweep" and self.resource.details == "always"
        return msgspec.structs.replace(context, each=each, spots=await self.spots.of(scan))

    async def _read_ahead(self, scan: Scan, state: str | None) -> ReadAhead:
        """Return the next pages: left over from an earlier step, or read from TrackerRMS.

        Only this step uses them. If it fails, the next one begins at the ledger's position.
        """
        capture = self.capture
        ahead, self._ahead = self._ahead, None
        # A resync reads every row itself, including those read since.
        again = scan.kind in ("resync", "republish") and bool(self.newer["scan"])
        if ahead is None or again or not ahead.follows(scan):
            seen = await scans.seen_in(capture.db, scan.id, scan.segment)
            before = await row_states.count_live_rows(capture.db, self._id, self.resource.name)
            read = capture.pages.begin(self.resource, before=before, seen=seen, pages=scan.next_page - 1)
            ahead = ReadAhead(scan, read)
        if not ahead.parts:
            count = self._pages_ahead(scan)
            self.newer["scan"].clear()
            run = await capture.pages.run(ahead.read, self.resource, state, scan.next_page, count)
            self.states.count(state, run.first, sum(len(page.rows) for page in run.pages))
            ahead.hold(run)
        return ahead

    async def _count(self, batch: Batch) -> None:
        """Refresh the statistics of the tables that a first load fills: at a thousand records, then
        rarely."""
        self._loaded += len(batch.observations)
        if self._loaded >= self._count_at:
            self._count_at = 8 * self._loaded
            await statistics.refresh_young(self.capture.db)

    def _adapt(self, batch: Batch, seconds: float) -> None:
        """Read fewer pages at once if they led to by-id reads, which are slow. So polls can interleave, and a
        restart repeats little."""
        wanted = self.pace.page_batch if not batch.observations else self._pages_at_once // 2
        if seconds > _LONG_STEP_SECONDS:
            # The budget is small: requests and polls of this resource wait for the end of a step.
            wanted = self._pages_at_once // 2
            self._pages_at_once = max(1, wanted)
        else:
            self._pages_at_once = max(self.pace.first_pages, min(wanted, self._pages_at_once * 2))
        self.adapt_reads(batch, seconds)

    def adapt_reads(self, batch: Batch, seconds: float) -> None:
        """Allow a step more or fewer by-id reads, depending on how long these took."""
        reads = len(batch.observations) + batch.ghosts
        if seconds > _LONG_STEP_SECONDS:
            self.reads_at_once = max(_FEWEST_READS, self.reads_at_once // 2)
        elif 2 * reads >= self.reads_at_once and seconds < _LONG_STEP_SECONDS / 2:
            self.reads_at_once = min(_MOST_READS, self.reads_at_once * 2)

    async def finish(self, scan: Scan) -> WriteSummary:
        """End a scan after its last page: prove deletions, publish them, close the ledger."""
        capture = self.capture
        started, calls = time.monotonic(), capture.calls()
        seen, duplicates = await scans.seen(capture.db, scan.id)
        flaw = scan.flaw or _incomplete(scan, len(seen))
        applied = WriteSummary(events={})
        if flaw is None:
            applied, flaw = await self.deletion.of_scan(scan, seen)
        in_one_list = {} if flaw else await self.states.in_one_list(scan)
        async with leases.fenced(capture.db, capture.lease) as tx:
            await self.states.settle(tx, in_one_list)
            await parked.release_nameless(tx, self._id, self.resource.name, scan.started_at)
            await scans.finish_scan(tx, scan, flaw)
            await cursors.forget_lag(tx, self._id, self.resource.name)
        await capture.rows.times.forget(self.resource)
        self._went_back = False
        if flaw is None:
            await self.spots.settle(seen)
        await self.states.end_scan()
        self.orphans.note(applied)
        await self.orphans.find()
        if flaw is None and self.resource.name == "applications":
            await remark_unlisted(capture, capture.pages.states("jobs"))
        fields: dict[str, object] = {
            "kind": scan.kind,
            "rows": len(seen),
            "duplicates": duplicates,
            "flaw": flaw,
        }
        self.report("scan.finished", started, calls, fields | applied.counts())
        return applied

    async def observe(self, context: Context, pages: Sequence[Page], most: int | None = None) -> Batch:
        """Observe pages as ``RecordReader.observe`` does, and mark what lacks what other records lack too."""
        batch = await self.capture.rows.observe(context, pages, most)
        news = await self.spots.sift(batch.observations)
        sifted = await self.capture.shape.sift(context.resource, context.state, news)
        true = await self._without_late_ones(context, sifted)
        checked = await self.capture.loss_checks.sift(context, true)
        return msgspec.structs.replace(batch, observations=checked)

    async def _without_late_ones(
        self, context: Context, observations: Sequence[Observation]
    ) -> list[Observation]:
        """Drop what only an older row says, unless a by-id record shows that time went back."""
        trusted = [o for o in observations if o.on_trust]
        if not trusted:
            return list(observations)
        families = [o.found for o in trusted if isinstance(o.found, EntitySet)]
        proved, unproved = await self.capture.changes.compare_by_id(self.capture.db, families)
        self._went_back = self._went_back or bool(proved)
        times, left = self.capture.rows.times, []
        for one in observations:
            row_id = one.source.row_id
            if one.on_trust and row_id in unproved and not self._went_back:
                await times.doubted(self.resource, row_id)
                continue
            if one.on_trust:
                await times.went_back(self.resource, row_id)
            left.append(one)
        return left

    def _pages_ahead(self, scan: Scan) -> int:
        """Return how many pages to request at once, none of them beyond the known end of the list."""
        if scan.next_page == 1 or scan.pages_known is None:
            return 1
        left = scan.pages_known - scan.pages_done - scan.next_page + 1
        return max(1, min(left, self._pages_at_once))

    def silent_before(self, began: datetime) -> datetime | None:
        """Return the time before which changes are stored silently; ``None`` if none are.

        Polls look back by the overlap, and publish what changed in it.
        """
        if not self.pace.silent:
            return None
        return began - timedelta(seconds=self.pace.overlap_seconds)

    def note_read(self, row_ids: Iterable[int], reader: ReaderName | None = None) -> None:
        """Remember which rows were just read: pages that other readers hold are older."""
        found = BitMap64(row_ids)
        for other, newer in self.newer.items():
            if other != reader:
                newer |= found
        self.spots.note_active(found)

    async def commit(
        self,
        tx: Tx,
        batch: Batch,
        cause: Cause,
        *,
        silent_before: datetime | None = None,
        republish: datetime | None = None,
        reader: ReaderName = "poll",
    ) -> WriteSummary:
        """Write a batch in the caller's transaction. ``reader`` is the reader that holds its pages.

        Records last updated before ``silent_before``, if given, cause no event.
        """
        # Beat, so that a long poll or load counts as alive.
        heartbeat.beat()
        changes = self.capture.changes
        await changes.report(tx, self.resource.name, batch.anonymous)
        name = self.resource.name
        # They may have been parked as unreadable while nothing could show that they are absent.
        await parked.unpark_records(tx, self._id, name, batch.absent)
        self.note_read((o.source.row_id for o in batch.observations), reader)
        # Changes since the load began are published, whichever reader sees them first.
        published: list[Observation] = []
        silenced: list[Observation] = []
        for observation in batch.observations:
            (published if _is_news(observation, silent_before) else silenced).append(observation)
        applied = await changes.apply(tx, name, silenced, cause, silent=True)
        for command, seen in (await self._by_command(tx, published, cause)).items():
            by = cause if command is None else "command"
            command_id = UNSET if command is None else command
            applied = applied.plus(
                await changes.apply(tx, name, seen, by, republish=republish, command_id=command_id)
            )
        self._unknown_statuses |= applied.unknown_statuses
        # Kept even if the transaction fails later: a tag in use is never deleted.
        return self.orphans.note(applied)

    async def _by_command(
        self, tx: Tx, published: Sequence[Observation], cause: Cause
    ) -> Mapping[str | None, Sequence[Observation]]:
        """Group what polls and sweeps found by command. First loads and resyncs publish all with their own
        cause."""
        if not published or self.resource.name not in TOUCHED or cause not in ("poll", "sweep"):
            return {None: published}
        return await self.capture.changes.by_command(tx, published)

    def _progress(self, scan: Scan, ahead: ReadAhead, batch: Batch, calls: int) -> ScanProgress | None:
        """Return the entry for the ledger; ``None`` if not even one page was read to its end."""
        if ahead.last < scan.next_page:
            return None
        # The counts of completed segments stay; this segment's count is the list's present one.
        rows_before = scan.rows_done
        rows_here = ahead.total_count
        size = self.capture.pages.page_size(self.resource)
        pages_here = None if rows_here is None else -(-rows_here // size)
        return ScanProgress(
            segment=scan.segment,
            first_page=scan.next_page,
            last_page=ahead.last,
            next_segment=scan.segment + 1 if ahead.ends else scan.segment,
            next_page=1 if ahead.ends else ahead.last + 1,
            pages_known=None if pages_here is None else scan.pages_done + pages_here,
            rows_known=None if rows_here is None else rows_before + rows_here,
            seen=ahead.seen,
            ghosts=ahead.ghosts,
            changed=len(batch.observations),
            calls=calls,
            flaw=ahead.flaw,
        )

    async def _note_lag(self, batch: Batch, cursor: PollCursor) -> None:
        """Remember the index's lag for rows that polls missed, so that polls look back that far."""
        lag = lag_of(batch, cursor, self.capture.rows.server_now())
        if lag > max(cursor.index_lag_seconds, self.pace.overlap_seconds):
            await cursors.note_lag(self.capture.db, self._id, self.resource.name, lag)

    def report(
        self, event: str, started: float, calls: int, fields: Mapping[str, object], *, quiet: bool = False
    ) -> None:
        """Log the end of a piece of work that began at ``started`` and at that count of calls."""
        _log.log(
            logging.DEBUG if quiet else logging.INFO,
            event,
            integration=self._id,
            resource=self.resource.name,
            calls=self.capture.calls() - calls,
            seconds=round(time.monotonic() - started, 3),
            **fields,
        )


def shortfall_tolerated(rows_known: int) -> int:
    """Return by how many rows a scan may fall short of the list's own count, as rows move meanwhile."""
    return max(20, rows_known // 50)


def _incomplete(scan: Scan, rows: int) -> str | None:
    """Return why the scan can't prove an absence: it saw fewer records than the list counts."""
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


def lag_of(batch: Batch, cursor: PollCursor, now: datetime) -> float:
    """Return how late the list showed a change that the previous poll should have seen; 0 if it was in
    time."""
    if cursor.polled_until is None:
        return 0.0
    late = [
        (now - o.latest).total_seconds()
        for o in batch.observations
        if o.news and o.latest is not None and o.latest < cursor.polled_until
    ]
    return max((seconds for seconds in late if 0 < seconds < LONGEST_OVERLAP), default=0.0)
