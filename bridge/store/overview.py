"""Queries for operators: progress of polls and scans, parked records, commands in progress, lease holders.

Only ``bridge status`` and monitoring use these; no decision depends on them.
"""

from datetime import datetime

from msgspec import Struct

from bridge.store.database import Database


class PollSummary(Struct, frozen=True, kw_only=True):
    """The incremental polls of one resource so far. ``error`` says why it can't be polled now.

    ``scan_error`` says why its load, sweep or approved deletions can't continue; polls may still work.
    """

    polled_at: datetime | None = None
    index_lag_seconds: float = 0.0
    poll_calls: int = 0
    changes_found: int = 0
    error: str | None = None
    error_at: datetime | None = None
    scan_error: str | None = None
    scan_error_at: datetime | None = None


async def polls(db: Database, integration_id: str) -> dict[str, PollSummary]:
    """Return the polls by resource; a resource that was never polled is left out."""
    columns = PollSummary.__struct_fields__
    rows = await db.fetch(
        f"SELECT resource, {', '.join(columns)} FROM cursors WHERE integration_id = $1", integration_id
    )
    return {r["resource"]: PollSummary(**{name: r[name] for name in columns}) for r in rows}


# Uses only the index snapshots_live: the entities themselves may be large if values are kept.
RECORDS = """
SELECT model, count(*) FROM snapshots WHERE integration_id = $1 AND NOT deleted GROUP BY model
"""


async def records(db: Database, integration_id: str) -> dict[str, int]:
    """Return how many entities of each model are known to exist."""
    rows = await db.fetch(RECORDS, integration_id)
    return {r[0]: r[1] for r in rows}


async def count_parked_by_resource(db: Database, integration_id: str) -> dict[str, int]:
    """Return how many records of each resource are parked."""
    rows = await db.fetch(
        "SELECT resource, count(*) FROM parked WHERE integration_id = $1 GROUP BY resource", integration_id
    )
    return {r[0]: r[1] for r in rows}


async def proved_at(db: Database, integration_id: str) -> dict[str, datetime]:
    """Return, by resource, when the newest complete scan ended, which could prove deletions.

    Uses the index scans_finished; some fifty scans of each resource are kept.
    """
    rows = await db.fetch(
        "SELECT resource, max(finished_at) FROM scans "
        "WHERE integration_id = $1 AND flaw IS NULL AND finished_at IS NOT NULL GROUP BY resource",
        integration_id,
    )
    return {r[0]: r[1] for r in rows}


class CommandCounts(Struct, frozen=True, kw_only=True):
    """Commands of one integration. ``received``: not begun; ``waiting``: to be retried; ``failed`` and
    ``unknown``: of those received within a day."""

    received: int = 0
    running: int = 0
    waiting: int = 0
    oldest_seconds: float | None = None
    failed: int = 0
    unknown: int = 0


# Each has its own index: all commands of a month may be stored.
UNDER_WAY = """
SELECT count(*) FILTER (WHERE state = 'received'),
       count(*) FILTER (WHERE state = 'running' AND step IS DISTINCT FROM 'waiting'),
       count(*) FILTER (WHERE state = 'running' AND step = 'waiting'),
       extract(epoch FROM clock_timestamp() - min(received_at))::float8
  FROM commands WHERE integration_id = $1 AND finished_at IS NULL
"""
OF_A_DAY = """
SELECT count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'unknown')
  FROM commands WHERE received_at > now() - interval '1 day' AND integration_id = $1
"""


async def commands(db: Database, integration_id: str) -> CommandCounts:
    """Count an integration's commands by state."""
    (under_way,) = await db.fetch(UNDER_WAY, integration_id)
    (of_a_day,) = await db.fetch(OF_A_DAY, integration_id)
    return CommandCounts(
        received=under_way[0],
        running=under_way[1],
        waiting=under_way[2],
        oldest_seconds=None if under_way[3] is None else round(under_way[3], 3),
        failed=of_a_day[0],
        unknown=of_a_day[1],
    )


async def lease_holders(db: Database) -> dict[str, str]:
    """Return the leases held now and their holders: ``poller:<integration id>``, ``relay…``, ``commands:…``.
    The table has one row per role and process that ran within a day."""
    rows = await db.fetch("SELECT name, holder FROM leases WHERE expires_at > clock_timestamp()")
    return {r[0]: r[1] for r in rows}
