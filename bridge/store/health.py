"""Health of endpoints with failures: since when they fail, and until when they asked to wait."""

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct

from bridge.store.database import Database, Tx


class EndpointHealth(Struct, frozen=True, kw_only=True):
    """A failing endpoint: since when, the last failure and its error, and whether its owner was warned."""

    endpoint_id: str
    failing_since: datetime
    last_failure_at: datetime
    last_error: str | None
    warned: bool


_FAILED = """
INSERT INTO endpoint_health AS h (endpoint_id, failing_since, last_failure_at, last_error, held_until)
SELECT id, clock_timestamp(), clock_timestamp(), error,
       CASE WHEN held > 0 THEN clock_timestamp() + make_interval(secs => held) END
  FROM unnest($1::text[], $2::text[], $3::float8[]) AS f (id, error, held) ORDER BY id
ON CONFLICT (endpoint_id) DO UPDATE
   SET failing_since = coalesce(h.failing_since, excluded.failing_since),
       last_failure_at = excluded.last_failure_at, last_error = excluded.last_error,
       held_until = greatest(h.held_until, excluded.held_until)
"""

# An endpoint without failures has no such row and costs nothing here. The row keeps its other columns.
_SUCCEEDED = """
WITH failing AS (
    SELECT endpoint_id, warned_at IS NOT NULL AS warned FROM endpoint_health
     WHERE endpoint_id = ANY($1::text[]) AND failing_since IS NOT NULL ORDER BY endpoint_id FOR UPDATE
)
UPDATE endpoint_health AS h SET failing_since = NULL, last_error = NULL, warned_at = NULL
  FROM failing WHERE h.endpoint_id = failing.endpoint_id
RETURNING h.endpoint_id, failing.warned
"""


async def record_failures(tx: Tx, failures: Mapping[str, tuple[str | None, float]]) -> None:
    """Record failed attempts: by endpoint, the error, and for how many seconds it asked to wait."""
    ids = sorted(failures)
    await tx.execute(_FAILED, ids, [failures[i][0] for i in ids], [failures[i][1] for i in ids])


async def record_successes(tx: Tx, endpoint_ids: Collection[str]) -> list[str]:
    """Record successful attempts. Return the endpoints whose owners had been warned."""
    return [row[0] for row in await tx.fetch(_SUCCEEDED, sorted(endpoint_ids)) if row[1]]


async def paused_endpoints(db: Database) -> dict[str, float]:
    """Return for how many more seconds endpoints asked to wait."""
    rows = await db.fetch(
        "SELECT endpoint_id, extract(epoch FROM held_until - clock_timestamp())::float8 "
        "FROM endpoint_health WHERE held_until > clock_timestamp()"
    )
    return {row[0]: row[1] for row in rows}


async def failing_for(db: Database, seconds: float) -> list[EndpointHealth]:
    """Return the enabled endpoints that failed recently and had only failures for ``seconds``."""
    rows = await db.fetch(
        "SELECT endpoint_id, failing_since, last_failure_at, last_error, warned_at IS NOT NULL "
        "FROM endpoint_health JOIN endpoints ON id = endpoint_id AND enabled "
        "WHERE last_failure_at >= failing_since + make_interval(secs => $1)",
        seconds,
    )
    return [
        EndpointHealth(
            endpoint_id=r[0], failing_since=r[1], last_failure_at=r[2], last_error=r[3], warned=r[4]
        )
        for r in rows
    ]


async def note_owner_warned(tx: Tx, endpoint_id: str) -> bool:
    """Record that the owner is warned. Return ``False`` if another process did it."""
    return bool(
        await tx.fetchval(
            "UPDATE endpoint_health SET warned_at = clock_timestamp() "
            "WHERE endpoint_id = $1 AND warned_at IS NULL RETURNING true",
            endpoint_id,
        )
    )


async def reset_health(tx: Tx, endpoint_id: str) -> None:
    """Reset the health of an endpoint that was disabled: after enabling it, the past does not count."""
    await tx.execute("DELETE FROM endpoint_health WHERE endpoint_id = $1", endpoint_id)


async def listeners_to(tx: Tx, integration_id: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the enabled operational endpoints of an account, each with the event types that it wants."""
    rows = await tx.fetch(
        "SELECT id, event_types FROM endpoints WHERE operational AND enabled "
        "AND (cardinality(integrations) = 0 OR $1 = ANY(integrations))",
        integration_id,
    )
    return [(row[0], tuple(row[1])) for row in rows]


async def listeners(tx: Tx, owner: str, besides: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the enabled operational endpoints of ``owner``, each with the event types that it wants."""
    rows = await tx.fetch(
        "SELECT id, event_types FROM endpoints WHERE operational AND enabled AND owner = $1 AND id <> $2",
        owner,
        besides,
    )
    return [(row[0], tuple(row[1])) for row in rows]
