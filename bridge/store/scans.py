"""The scan ledger: the progress of each scan of a resource, and what it saw.

``advance_scan`` runs in the transaction that commits the pages (invariants 1 and 2).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from pyroaring import BitMap64

from bridge.store.database import Database, Tx

ScanKind = Literal["initial", "sweep", "resync", "republish"]


class Scan(Struct, frozen=True, kw_only=True):
    """A scan of all pages of a resource, one segment (state) after another.

    ``pages_known`` and ``rows_known`` are the lists' own counts for the segments begun; ``pages_done`` and
    ``rows_done`` those for the completed ones. ``ghosts`` were listed but gone by id. ``flaw`` says why it
    can't prove a deletion; ``None`` if it can. ``meaning``: a digest of what its pages are read with;
    ``None`` before its first page.
    """

    id: int
    integration_id: str
    resource: str
    kind: ScanKind
    started_at: datetime
    segment: int
    next_page: int
    pages_read: int
    pages_known: int | None
    rows_known: int | None
    pages_done: int
    rows_done: int
    rows_seen: int
    ghosts: int
    rows_changed: int
    calls: int
    flaw: str | None
    finished_at: datetime | None
    meaning: bytes | None = None


_COLUMNS = ", ".join(Scan.__struct_fields__)


async def running(db: "Database | Tx", integration_id: str, resource: str) -> Scan | None:
    """Return the unfinished scan of a resource."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM scans WHERE integration_id = $1 AND resource = $2 AND finished_at IS NULL",
        integration_id,
        resource,
    )
    return None if row is None else Scan(**dict(row))


async def all_running(db: Database, integration_id: str) -> set[str]:
    """Return the resources that have an unfinished scan."""
    rows = await db.fetch(
        "SELECT resource FROM scans WHERE integration_id = $1 AND finished_at IS NULL", integration_id
    )
    return {r[0] for r in rows}


async def last_finished_age(db: Database, integration_id: str, resource: str) -> float | None:
    """Return the seconds since the newest finished scan of a resource began; ``None`` before its first."""
    row = await db.fetchrow(
        "SELECT extract(epoch FROM now() - started_at)::float8 FROM scans WHERE integration_id = $1 "
        "AND resource = $2 AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
        integration_id,
        resource,
    )
    return None if row is None else float(row[0])


async def age_seconds(db: Database, scan_id: int) -> float:
    """Return the seconds since a scan began, by the database's clock."""
    age = await db.fetchval(
        "SELECT extract(epoch FROM clock_timestamp() - started_at)::float8 FROM scans WHERE id = $1", scan_id
    )
    return float(age or 0.0)


async def begin_again(tx: Tx, integration_id: str, resource: str, kind: ScanKind) -> Scan:
    """Start a scan of that kind from the first page, replacing the one in progress. Return it."""
    await tx.execute(
        "DELETE FROM scans WHERE integration_id = $1 AND resource = $2 AND finished_at IS NULL",
        integration_id,
        resource,
    )
    return await start_scan(tx, integration_id, resource, kind)


async def last_finished(db: Database, integration_id: str, resource: str) -> Scan | None:
    """Return the newest finished scan of a resource."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM scans WHERE integration_id = $1 AND resource = $2 "
        "AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
        integration_id,
        resource,
    )
    return None if row is None else Scan(**dict(row))


async def start_scan(db: "Database | Tx", integration_id: str, resource: str, kind: ScanKind) -> Scan:
    """Start a scan. If one runs already, return that one instead."""
    row = await db.fetchrow(
        "INSERT INTO scans (integration_id, resource, kind, started_at) "
        # now() would be the transaction's start, which is before what it waited for.
        f"VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
        integration_id,
        resource,
        kind,
    )
    if row is not None:
        return Scan(**dict(row))
    already = await running(db, integration_id, resource)
    return already if already is not None else await start_scan(db, integration_id, resource, kind)


async def note_meaning(tx: Tx, scan_id: int, meaning: bytes) -> None:
    """Record, before a scan's first page, what decides besides the rows on the content of its records."""
    await tx.execute("UPDATE scans SET meaning = $2 WHERE id = $1 AND pages_read = 0", scan_id, meaning)


async def has_meaning(db: Database, integration_id: str, resource: str, meaning: bytes) -> bool:
    """Report whether the newest scan of a resource was, or will be, read with that meaning from its first
    page on; ``True`` before the first scan."""
    found = await db.fetchval(
        "SELECT pages_read = 0 OR coalesce(meaning = $3, false) FROM scans "
        "WHERE integration_id = $1 AND resource = $2 ORDER BY started_at DESC LIMIT 1",
        integration_id,
        resource,
        meaning,
    )
    return found is None or bool(found)


class ScanProgress(Struct, frozen=True, kw_only=True):
    """Progress of a scan by a run of pages: its new position, and what it saw."""

    segment: int
    first_page: int
    last_page: int
    next_segment: int
    next_page: int
    pages_known: int | None
    rows_known: int | None
    seen: BitMap64
    ghosts: int
    changed: int
    calls: int
    flaw: str | None


_ADVANCE = """
UPDATE scans
SET segment = $2, next_page = $3, pages_read = pages_read + $4, pages_known = $5, rows_known = $6,
    rows_seen = rows_seen + $7, rows_changed = rows_changed + $8, calls = calls + $9,
    flaw = coalesce(flaw, $10), ghosts = ghosts + $11, updated_at = now(),
    pages_done = CASE WHEN segment < $2 THEN coalesce($5, pages_done) ELSE pages_done END,
    rows_done = CASE WHEN segment < $2 THEN coalesce($6, rows_done) ELSE rows_done END
WHERE id = $1 AND finished_at IS NULL
"""


async def advance_scan(tx: Tx, scan_id: int, progress: ScanProgress) -> None:
    """Record a run of pages as read, in the transaction that commits what they held (invariant 2)."""
    await tx.execute(
        _ADVANCE,
        scan_id,
        progress.next_segment,
        progress.next_page,
        progress.last_page - progress.first_page + 1,
        progress.pages_known,
        progress.rows_known,
        len(progress.seen),
        progress.changed,
        progress.calls,
        progress.flaw,
        progress.ghosts,
    )
    await tx.execute(
        # A requested resync may have replaced the scan while its pages were read.
        "INSERT INTO scan_pages (scan_id, segment, first_page, last_page, seen) "
        "SELECT id, $2, $3, $4, $5 FROM scans WHERE id = $1",
        scan_id,
        progress.segment,
        progress.first_page,
        progress.last_page,
        progress.seen.serialize(),
    )


async def seen(db: Database, scan_id: int) -> tuple[BitMap64, int]:
    """Return every id that a scan saw, and how many ids it saw repeatedly."""
    rows = await db.fetch("SELECT seen FROM scan_pages WHERE scan_id = $1", scan_id)
    bitmaps = [BitMap64.deserialize(r[0]) for r in rows]
    union = BitMap64()
    for bitmap in bitmaps:
        union |= bitmap
    return union, sum(len(b) for b in bitmaps) - len(union)


async def seen_in(db: Database, scan_id: int, segment: int) -> BitMap64:
    """Return every id that a scan saw in one of its lists."""
    rows = await db.fetch("SELECT seen FROM scan_pages WHERE scan_id = $1 AND segment = $2", scan_id, segment)
    union = BitMap64()
    for row in rows:
        union |= BitMap64.deserialize(row[0])
    return union


async def pages(db: Database, scan_id: int) -> Sequence[tuple[int, int, int]]:
    """Return the runs of pages (segment, first, last) that a scan committed, in order."""
    rows = await db.fetch(
        "SELECT segment, first_page, last_page FROM scan_pages WHERE scan_id = $1 ORDER BY 1, 2", scan_id
    )
    return [(r[0], r[1], r[2]) for r in rows]


_KEEP_FINISHED = 50


async def finish_scan(tx: Tx, scan: Scan, flaw: str | None) -> None:
    """End a scan. Its bitmaps are deleted; the counts of the newest fifty scans of a resource are kept."""
    await tx.execute(
        "UPDATE scans SET finished_at = clock_timestamp(), flaw = coalesce(flaw, $2) WHERE id = $1",
        scan.id,
        flaw,
    )
    await tx.execute("DELETE FROM scan_pages WHERE scan_id = $1", scan.id)
    await tx.execute(
        "DELETE FROM scans WHERE id IN (SELECT id FROM scans WHERE integration_id = $1 AND resource = $2 "
        "AND finished_at IS NOT NULL ORDER BY finished_at DESC OFFSET $3)",
        scan.integration_id,
        scan.resource,
        _KEEP_FINISHED,
    )
