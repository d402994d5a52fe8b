"""Deletion: records that a complete read did not see are proved gone and deleted, or held."""

import random
import time
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct
from pyroaring import BitMap64

from bridge import metrics
from bridge.capture.change_writer import ChangeWriter, WriteSummary
from bridge.capture.loss_checks import LossChecks
from bridge.capture.paging import Pages
from bridge.capture.proof import DeletionVerdict, Guard, Prover
from bridge.capture.record_reader import RecordReader
from bridge.capture.shape_checks import ShapeChecks
from bridge.capture.spot_reads import StoreFindings
from bridge.capture.unlisted import Unlisted
from bridge.store import holds, leases, row_states
from bridge.store.database import Database
from bridge.store.leases import Lease
from bridge.store.scans import Scan
from bridge.tracker.schema import Resource

_log = structlog.get_logger(__name__)
_DELETED_AT_ONCE = 500
_CONTROLS = 5


class CaptureContext(Struct, frozen=True, kw_only=True):
    """Everything that the readers of one integration share."""

    integration_id: str
    db: Database
    lease: Lease
    pages: Pages
    rows: RecordReader
    shape: ShapeChecks
    loss_checks: LossChecks
    changes: ChangeWriter
    prover: Prover
    guard: Guard
    calls: Callable[[], int]
    """Return the number of requests sent so far."""
    judge: StoreFindings


class Deletion:
    """The deletions of one resource of one integration."""

    def __init__(self, capture: CaptureContext, resource: Resource) -> None:
        self._capture = capture
        self._resource = resource
        self._id = capture.integration_id
        # Create the series at the start: Prometheus sees no increase in a series that begins with its first
        # merge.
        metrics.MERGED.labels(self._id, resource.name)
        self._unlisted = Unlisted(capture.db, capture.lease, capture.integration_id, resource)

    async def of_scan(self, scan: Scan, seen: BitMap64) -> tuple[WriteSummary, str | None]:
        """Delete the records that a complete scan did not see and by-id reads prove gone. Return why not, if
        so."""
        capture, name = self._capture, self._resource.name
        missing = BitMap64()
        async for row_ids in row_states.live_before(capture.db, self._id, name, scan.started_at):
            missing |= BitMap64(row_ids) - seen
        known = await row_states.count_live_rows(capture.db, self._id, name)
        asked = missing - await self._unlisted.resting(missing)
        if not asked:
            await self._withdraw()
            await self._unlisted.note(DeletionVerdict(), missing)
            return WriteSummary(events={}), None
        if await self._waits_already(asked, known):
            await self._hold(asked, known)
            return WriteSummary(events={}), None
        flagged = frozenset(capture.rows.flagged(name))
        verdict = await capture.prover.prove(self._resource, list(asked), _some(seen), known, flagged=flagged)
        if verdict.held:
            await self._hold(asked, known)
            return WriteSummary(events={}), None
        if verdict.flaw is None:
            await self._withdraw()
        self._log_merged(verdict)
        deleted = await self._delete(verdict.gone)
        await self._unlisted.note(verdict, missing)
        return deleted, verdict.flaw

    def _log_merged(self, verdict: DeletionVerdict) -> None:
        """Log and count the records whose id returns another record: most likely they were merged into it."""
        name = self._resource.name
        metrics.MERGED.labels(self._id, name).inc(len(verdict.merged))
        for row_id, other in verdict.merged.items():
            _log.info("record.merged", integration=self._id, resource=name, row=row_id, into=other)

    async def begin_whole_read(self) -> None:
        """Begin a complete read. Call this before the first page: if the read fails, missed records start
        over."""
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            await row_states.begin_whole_read(tx, self._id, self._resource.name)

    async def of_whole_read(self, seen: BitMap64) -> WriteSummary:
        """Delete what two complete reads in a row did not see. For resources that can't be read by id."""
        capture, name = self._capture, self._resource.name
        known_ids = BitMap64()
        async for row_ids in row_states.live(capture.db, self._id, name):
            known_ids |= BitMap64(row_ids)
        async with leases.fenced(capture.db, capture.lease) as tx:
            twice = await row_states.mark_missed(tx, self._id, name, list(known_ids - seen))
        if not twice:
            await self._withdraw()
            return WriteSummary(events={})
        if capture.guard.holds(len(twice), len(known_ids)):
            await self._hold(BitMap64(twice), len(known_ids))
            return WriteSummary(events={})
        await self._withdraw()
        return await self._delete(twice)

    async def carry_out(self, held: holds.Hold) -> WriteSummary:
        """Delete the records that a person approved, if they are still gone."""
        capture, name = self._capture, self._resource.name
        started, calls = time.monotonic(), capture.calls()
        row_ids: Sequence[int] = list(await holds.row_ids(capture.db, held.id))
        if self._resource.by_id is not None:
            controls = await row_states.some_live(capture.db, self._id, name, row_ids, _CONTROLS)
            verdict = await capture.prover.prove(
                self._resource,
                row_ids,
                controls,
                held.known_count,
                approved=True,
                flagged=frozenset(capture.rows.flagged(name)),
            )
            if verdict.flaw is not None:
                _log.error("deletions.not_proved", integration=self._id, resource=name, why=verdict.flaw)
                await holds.reopen(capture.db, held.id)
                return WriteSummary(events={})
            self._log_merged(verdict)
            row_ids = verdict.gone
        else:
            row_ids = await row_states.missed(capture.db, self._id, name, row_ids)
        applied = await self._delete(row_ids)
        async with leases.fenced(capture.db, capture.lease) as tx:
            await holds.finish_hold(tx, held.id)
        _log.info(
            "deletions.carried_out",
            integration=self._id,
            resource=name,
            approved=held.row_count,
            records=len(row_ids),
            calls=capture.calls() - calls,
            seconds=round(time.monotonic() - started, 3),
            **applied.counts(),
        )
        return applied

    async def _waits_already(self, missing: BitMap64, known: int) -> bool:
        """Report whether so many are missing and a hold waits: another proof would only use the budget."""
        if not self._capture.guard.holds(len(missing), known):
            return False
        waiting = await holds.load_waiting_holds(self._capture.db, self._id, "deletions")
        return any(held.resource == self._resource.name for held in waiting)

    async def _delete(self, row_ids: Sequence[int]) -> WriteSummary:
        capture = self._capture
        total = WriteSummary(events={})
        for start in range(0, len(row_ids), _DELETED_AT_ONCE):
            part = row_ids[start : start + _DELETED_AT_ONCE]
            async with leases.fenced(capture.db, capture.lease) as tx:
                total = total.plus(await capture.changes.delete(tx, self._resource.name, part, "sweep"))
        return total

    async def _hold(self, missing: BitMap64, known: int) -> None:
        capture, name = self._capture, self._resource.name
        async with leases.fenced(capture.db, capture.lease) as tx:
            held_id = await holds.replace_hold(tx, self._id, name, missing, known)
        _log.error(
            "hold.opened",
            integration=self._id,
            resource=name,
            kind="deletions",
            hold=held_id,
            missing=len(missing),
            known=known,
            advice="check TrackerRMS, then run: bridge holds approve | discard",
        )

    async def _withdraw(self) -> None:
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            await holds.withdraw(tx, self._id, self._resource.name)


def _some(seen: BitMap64) -> list[int]:
    """Return a few records that the scan saw, to read as a control."""
    if not seen:
        return []
    return [seen[random.randrange(len(seen))] for _ in range(_CONTROLS)]  # noqa: S311 (no secret)
