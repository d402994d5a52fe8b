"""From missing to deleted: what a complete read did not see is proved, held, or published as deleted."""

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
    """What a walk uses of one integration."""

    integration_id: str
    db: Database
    lease: Lease
    pages: Pages
    rows: RecordReader
    shape: ShapeChecks
    vouching: LossChecks
    changes: ChangeWriter
    prover: Prover
    guard: Guard
    calls: Callable[[], int]
    """Requests sent so far."""
    judge: StoreFindings


class Deletion:
    """The deletions of one resource of one integration."""

    def __init__(self, doors: CaptureContext, resource: Resource) -> None:
        self._doors = doors
        self._resource = resource
        self._id = doors.integration_id
        # From the start: of a series that begins with its first merge, Prometheus sees no increase.
        metrics.MERGED.labels(self._id, resource.name)
        self._unlisted = Unlisted(doors.db, doors.lease, doors.integration_id, resource)

    async def of_scan(self, scan: Scan, seen: BitMap64) -> tuple[WriteSummary, str | None]:
        """Delete what a complete scan did not see and by-id reads prove gone; or say why not."""
        doors, name = self._doors, self._resource.name
        missing = BitMap64()
        async for row_ids in row_states.live_before(doors.db, self._id, name, scan.started_at):
            missing |= BitMap64(row_ids) - seen
        known = await row_states.count_live_rows(doors.db, self._id, name)
        asked = missing - await self._unlisted.resting(missing)
        if not asked:
            await self._withdraw()
            await self._unlisted.note(DeletionVerdict(), missing)
            return WriteSummary(events={}), None
        if await self._waits_already(asked, known):
            await self._hold(asked, known)
            return WriteSummary(events={}), None
        flagged = frozenset(doors.rows.flagged(name))
        verdict = await doors.prover.prove(self._resource, list(asked), _some(seen), known, flagged=flagged)
        if verdict.held:
            await self._hold(asked, known)
            return WriteSummary(events={}), None
        if verdict.flaw is None:
            await self._withdraw()
        self._tell_merged(verdict)
        deleted = await self._delete(verdict.gone)
        await self._unlisted.note(verdict, missing)
        return deleted, verdict.flaw

    def _tell_merged(self, verdict: DeletionVerdict) -> None:
        """Say which records are answered with another: they were merged into it, most likely."""
        name = self._resource.name
        metrics.MERGED.labels(self._id, name).inc(len(verdict.merged))
        for row_id, other in verdict.merged.items():
            _log.info("record.merged", integration=self._id, resource=name, row=row_id, into=other)

    async def begin_whole_read(self) -> None:
        """Call before the first page: a read that never gets to ``of_whole_read`` ends the row of misses."""
        async with leases.fenced(self._doors.db, self._doors.lease) as tx:
            await row_states.begin_whole_read(tx, self._id, self._resource.name)

    async def of_whole_read(self, seen: BitMap64) -> WriteSummary:
        """Delete what two complete reads in a row did not see, of a resource that has no by-id read."""
        doors, name = self._doors, self._resource.name
        known_ids = BitMap64()
        async for row_ids in row_states.live(doors.db, self._id, name):
            known_ids |= BitMap64(row_ids)
        async with leases.fenced(doors.db, doors.lease) as tx:
            twice = await row_states.mark_missed(tx, self._id, name, list(known_ids - seen))
        if not twice:
            await self._withdraw()
            return WriteSummary(events={})
        if doors.guard.holds(len(twice), len(known_ids)):
            await self._hold(BitMap64(twice), len(known_ids))
            return WriteSummary(events={})
        await self._withdraw()
        return await self._delete(twice)

    async def carry_out(self, held: holds.Hold) -> WriteSummary:
        """Delete what a person approved, as far as it is still gone."""
        doors, name = self._doors, self._resource.name
        started, calls = time.monotonic(), doors.calls()
        row_ids: Sequence[int] = list(await holds.row_ids(doors.db, held.id))
        if self._resource.by_id is not None:
            controls = await row_states.some_live(doors.db, self._id, name, row_ids, _CONTROLS)
            verdict = await doors.prover.prove(
                self._resource,
                row_ids,
                controls,
                held.known_count,
                approved=True,
                flagged=frozenset(doors.rows.flagged(name)),
            )
            if verdict.flaw is not None:
                _log.error("deletions.not_proved", integration=self._id, resource=name, why=verdict.flaw)
                await holds.reopen(doors.db, held.id)
                return WriteSummary(events={})
            self._tell_merged(verdict)
            row_ids = verdict.gone
        else:
            row_ids = await row_states.missed(doors.db, self._id, name, row_ids)
        applied = await self._delete(row_ids)
        async with leases.fenced(doors.db, doors.lease) as tx:
            await holds.finish_hold(tx, held.id)
        _log.info(
            "deletions.carried_out",
            integration=self._id,
            resource=name,
            approved=held.row_count,
            records=len(row_ids),
            calls=doors.calls() - calls,
            seconds=round(time.monotonic() - started, 3),
            **applied.counts(),
        )
        return applied

    async def _waits_already(self, missing: BitMap64, known: int) -> bool:
        """Whether so many are missing, and a hold waits: proving them again would only spend the budget."""
        if not self._doors.guard.holds(len(missing), known):
            return False
        waiting = await holds.load_waiting_holds(self._doors.db, self._id, "deletions")
        return any(held.resource == self._resource.name for held in waiting)

    async def _delete(self, row_ids: Sequence[int]) -> WriteSummary:
        doors = self._doors
        total = WriteSummary(events={})
        for start in range(0, len(row_ids), _DELETED_AT_ONCE):
            part = row_ids[start : start + _DELETED_AT_ONCE]
            async with leases.fenced(doors.db, doors.lease) as tx:
                total = total.plus(await doors.changes.delete(tx, self._resource.name, part, "sweep"))
        return total

    async def _hold(self, missing: BitMap64, known: int) -> None:
        doors, name = self._doors, self._resource.name
        async with leases.fenced(doors.db, doors.lease) as tx:
            held_id = await holds.replace_hold(tx, self._id, name, missing, known)
        _log.error(
            "hold.opened",
            integration=self._id,
            resource=name,
            kind="deletions",
            hold=held_id,
            missing=len(missing),
            known=known,
            advice="look at TrackerRMS, then: bridge holds approve | discard",
        )

    async def _withdraw(self) -> None:
        async with leases.fenced(self._doors.db, self._doors.lease) as tx:
            await holds.withdraw(tx, self._id, self._resource.name)


def _some(seen: BitMap64) -> list[int]:
    """A few records that the scan saw, to be read as a control."""
    if not seen:
        return []
    return [seen[random.randrange(len(seen))] for _ in range(_CONTROLS)]  # noqa: S311 (no secret)
