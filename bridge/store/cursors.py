"""Progress of the incremental polls of each resource, and their errors."""

from datetime import datetime

from msgspec import Struct

from bridge.store.database import Database, Tx


class PollCursor(Struct, frozen=True, kw_only=True):
    """Progress of polls. ``polled_until`` is by TrackerRMS's clock. ``index_lag_seconds`` is the recent lag
    of its index, ``longest_lag_seconds`` the longest ever."""

    polled_until: datetime | None = None
    index_lag_seconds: float = 0.0
    longest_lag_seconds: float = 0.0
    polled_at: datetime | None = None
    error: str | None = None


async def load_cursor(db: Database, integration_id: str, resource: str) -> PollCursor:
    """Return the cursor of a resource; an empty one before its first poll."""
    row = await db.fetchrow(
        "SELECT polled_until, index_lag_seconds, longest_lag_seconds, polled_at, error FROM cursors "
        "WHERE integration_id = $1 AND resource = $2",
        integration_id,
        resource,
    )
    return PollCursor() if row is None else PollCursor(**dict(row))


_ADVANCE = """
INSERT INTO cursors AS c (integration_id, resource, polled_until, index_lag_seconds, longest_lag_seconds,
                          polled_at, poll_calls, changes_found)
VALUES ($1, $2, $3, $4, $4, now(), $5, $6)
ON CONFLICT (integration_id, resource) DO UPDATE
SET polled_until = coalesce(excluded.polled_until, c.polled_until), polled_at = now(),
    index_lag_seconds = excluded.index_lag_seconds,
    longest_lag_seconds = greatest(c.longest_lag_seconds, excluded.index_lag_seconds),
    poll_calls = c.poll_calls + excluded.poll_calls,
    changes_found = c.changes_found + excluded.changes_found, error = NULL, error_at = NULL
"""


async def advance_cursor(
    tx: "Tx | Database",
    integration_id: str,
    resource: str,
    *,
    until: datetime | None,
    lag_seconds: float,
    calls: int,
    changes: int,
) -> None:
    """Record a poll whose pages are all committed (invariant 2).

    ``until`` may be before the stored time: a clock that was wrong for a while must not blind the polls until
    that time, and records that are read twice cause no event.
    """
    await tx.execute(_ADVANCE, integration_id, resource, until, lag_seconds, calls, changes)


async def start_cursor(db: Database, integration_id: str, resource: str, moment: datetime) -> None:
    """Let the polls of a resource begin at ``moment``, by TrackerRMS's clock."""
    await db.execute(
        "INSERT INTO cursors AS c (integration_id, resource, polled_until) VALUES ($1, $2, $3) "
        "ON CONFLICT (integration_id, resource) DO UPDATE "
        "SET polled_until = coalesce(c.polled_until, excluded.polled_until)",
        integration_id,
        resource,
        moment,
    )


async def note_lag(db: Database, integration_id: str, resource: str, seconds: float) -> None:
    """Record the index's lag, as a sweep found what the polls missed."""
    await db.execute(
        "UPDATE cursors SET index_lag_seconds = greatest(index_lag_seconds, $3), "
        "longest_lag_seconds = greatest(longest_lag_seconds, $3) "
        "WHERE integration_id = $1 AND resource = $2",
        integration_id,
        resource,
        seconds,
    )


async def forget_lag(tx: Tx, integration_id: str, resource: str) -> None:
    """Halve the recorded lag of the index, once per sweep."""
    await tx.execute(
        "UPDATE cursors SET index_lag_seconds = index_lag_seconds / 2 "
        "WHERE integration_id = $1 AND resource = $2",
        integration_id,
        resource,
    )


async def fail(db: Database, integration_id: str, resource: str, error: str) -> None:
    """Record why a resource can't be polled, for ``bridge status``. ``advance_cursor`` clears it."""
    await db.execute(
        "INSERT INTO cursors (integration_id, resource, error, error_at) VALUES ($1, $2, $3, now()) "
        "ON CONFLICT (integration_id, resource) DO UPDATE SET error = excluded.error, error_at = now()",
        integration_id,
        resource,
        _storable(error),
    )


async def fail_scan(db: Database, integration_id: str, resource: str, error: str) -> None:
    """Record why a load, a sweep or an approved deletion can't continue, until ``scan_went_on``."""
    await db.execute(
        "INSERT INTO cursors (integration_id, resource, scan_error, scan_error_at) "
        "VALUES ($1, $2, $3, now()) "
        "ON CONFLICT (integration_id, resource) DO UPDATE "
        "SET scan_error = excluded.scan_error, scan_error_at = now()",
        integration_id,
        resource,
        _storable(error),
    )


async def scan_went_on(db: Database, integration_id: str, resource: str) -> None:
    """Clear the error of ``fail_scan``: the failed step has succeeded, or is no longer wanted."""
    await db.execute(
        "UPDATE cursors SET scan_error = NULL, scan_error_at = NULL "
        "WHERE integration_id = $1 AND resource = $2 AND scan_error IS NOT NULL",
        integration_id,
        resource,
    )


def _storable(error: str) -> str:
    # PostgreSQL does not accept NUL in text, and a quoted answer may contain one.
    return error.replace("\0", "")
