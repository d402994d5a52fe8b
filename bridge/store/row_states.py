"""The rows read from TrackerRMS: what each looked like when its content was last read.

An unchanged scan reads this table and writes nothing to it.
"""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from bridge.store.database import Database, Tx
from bridge.store.stored_records import BY_RECORD, RowState

# Positional columns: decoding a million rows by name would cost twice as much.
_KNOWN = """
SELECT row_id, quick, fingerprint, version, gone, dating, state
FROM row_states WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[])
"""


async def known(
    db: "Database | Tx", integration_id: str, resource: str, row_ids: Sequence[int]
) -> dict[int, RowState]:
    """The sources of these rows that were read before, by row id."""
    rows = await db.fetch(_KNOWN, integration_id, resource, row_ids)
    return {
        r[0]: RowState(
            row_id=r[0], quick=r[1], fingerprint=r[2], version=r[3], gone=r[4], dating=r[5], state=r[6]
        )
        for r in rows
    }


_QUICK = """
SELECT row_id, quick FROM row_states
WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[]) AND NOT gone AND quick IS NOT NULL
  AND ($4::text IS NULL OR state IN ($4, $5))
"""


async def quick(
    db: "Database | Tx",
    integration_id: str,
    resource: str,
    row_ids: Sequence[int],
    state: str | None = None,
) -> dict[int, bytes]:
    """The quick fingerprints of these rows, for the fast path of a scan; without those read in the list of
    another state."""
    rows = await db.fetch(_QUICK, integration_id, resource, row_ids, state, BY_RECORD)
    return {r[0]: r[1] for r in rows}


async def load_states(db: Database, integration_id: str, resource: str) -> set[str]:
    """The states in whose lists records stand."""
    query = (
        "SELECT DISTINCT state FROM row_states WHERE integration_id = $1 AND resource = $2 AND NOT gone "
        "AND state IS NOT NULL"
    )
    return {row[0] for row in await db.fetch(query, integration_id, resource)}


async def count_by_record(db: Database, integration_id: str, resource: str) -> int:
    """How many records stand in the lists of two states."""
    query = (
        "SELECT count(*) FROM row_states "
        "WHERE integration_id = $1 AND resource = $2 AND NOT gone AND state = $3"
    )
    return int(await db.fetchval(query, integration_id, resource, BY_RECORD))


async def by_record(db: Database, integration_id: str, resource: str) -> list[int]:
    """Return the records that stand in the lists of two states."""
    query = (
        "SELECT row_id FROM row_states "
        "WHERE integration_id = $1 AND resource = $2 AND NOT gone AND state = $3"
    )
    return [row[0] for row in await db.fetch(query, integration_id, resource, BY_RECORD)]


async def settle_states(
    tx: Tx, integration_id: str, resource: str, state: str, row_ids: Sequence[int]
) -> None:
    """Take records that stood in the lists of two states for ones of this state, and have them read again."""
    await tx.execute(
        "UPDATE row_states SET state = $3, quick = NULL, fingerprint = NULL "
        "WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($4::bigint[]) AND state = $5",
        integration_id,
        resource,
        state,
        row_ids,
        BY_RECORD,
    )


_UPSERT = """
INSERT INTO row_states AS s (integration_id, resource, row_id, quick, fingerprint, version, gone, dating,
                             state, missed, read_at)
SELECT $1, $2, n.row_id, n.quick, n.fingerprint, n.version, n.gone, n.dating, n.state, 0, now()
FROM unnest($3::bigint[], $4::bytea[], $5::bytea[], $6::timestamptz[], $7::boolean[], $8::integer[],
            $9::text[])
    AS n (row_id, quick, fingerprint, version, gone, dating, state)
ON CONFLICT (integration_id, resource, row_id) DO UPDATE
SET quick = excluded.quick, fingerprint = excluded.fingerprint,
    version = excluded.version, dating = excluded.dating, gone = excluded.gone,
    state = coalesce(excluded.state, s.state), missed = 0, read_at = now()
"""


async def put_row_states(tx: Tx, integration_id: str, resource: str, sources: Sequence[RowState]) -> None:
    """Remember rows as read now; the caller sees to it that no version goes back unproved."""
    if not sources:
        return
    await tx.execute(
        _UPSERT,
        integration_id,
        resource,
        [s.row_id for s in sources],
        [s.quick for s in sources],
        [s.fingerprint for s in sources],
        [s.version for s in sources],
        [s.gone for s in sources],
        [s.dating for s in sources],
        [s.state for s in sources],
    )


async def insert_row_states(tx: Tx, integration_id: str, resource: str, sources: Sequence[RowState]) -> None:
    """Record rows that were never read before.

    It is ``put_row_states`` for what the caller looked for, under the lock of the integration's snapshots,
    and did not find."""
    if not sources:
        return
    await tx.copy_records_to_table(
        "row_states",
        columns=(
            "integration_id",
            "resource",
            "row_id",
            "quick",
            "fingerprint",
            "version",
            "gone",
            "dating",
            "state",
        ),
        records=[
            (integration_id, resource, s.row_id, s.quick, s.fingerprint, s.version, s.gone, s.dating, s.state)
            for s in sources
        ],
    )


async def withhold(tx: Tx, integration_id: str, resource: str, row_ids: Sequence[int]) -> None:
    """Rows that exist and whose content was not accepted: their next sight leads to a new read."""
    await tx.execute(
        "UPDATE row_states SET quick = NULL, fingerprint = NULL, missed = 0, read_at = now() "
        "WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[])",
        integration_id,
        resource,
        row_ids,
    )


_LIVE_BEFORE = """
SELECT row_id FROM row_states
WHERE integration_id = $1 AND resource = $2 AND NOT gone AND read_at < $3 AND row_id > $4
ORDER BY row_id LIMIT $5
"""
_SLICE = 50_000


async def live_before(
    db: Database, integration_id: str, resource: str, moment: datetime
) -> AsyncIterator[list[int]]:
    """The rows believed to exist and not read since ``moment`` (database time), in slices, ascending."""
    last = -(2**63)
    while rows := await db.fetch(_LIVE_BEFORE, integration_id, resource, moment, last, _SLICE):
        yield [r[0] for r in rows]
        last = rows[-1][0]


async def live(db: Database, integration_id: str, resource: str) -> AsyncIterator[list[int]]:
    """The rows believed to exist, in slices, ascending."""
    last = -(2**63)
    query = (
        "SELECT row_id FROM row_states "
        "WHERE integration_id = $1 AND resource = $2 AND NOT gone AND row_id > $3 "
        "ORDER BY row_id LIMIT $4"
    )
    while rows := await db.fetch(query, integration_id, resource, last, _SLICE):
        yield [r[0] for r in rows]
        last = rows[-1][0]


async def missed(db: Database, integration_id: str, resource: str, row_ids: Sequence[int]) -> list[int]:
    """Which of these rows the newest two complete reads, with none that went wrong between, did not see."""
    rows = await db.fetch(
        "SELECT row_id FROM row_states WHERE integration_id = $1 AND resource = $2 AND NOT gone "
        "AND missed >= 2 AND row_id = ANY($3::bigint[])",
        integration_id,
        resource,
        row_ids,
    )
    return [r[0] for r in rows]


async def count_live_rows(db: "Database | Tx", integration_id: str, resource: str) -> int:
    """How many rows of a resource are believed to exist."""
    query = "SELECT count(*) FROM row_states WHERE integration_id = $1 AND resource = $2 AND NOT gone"
    return int(await db.fetchval(query, integration_id, resource))


async def some_live(
    db: Database, integration_id: str, resource: str, besides: Sequence[int], count: int
) -> list[int]:
    """The rows read last that are believed to exist and are none of ``besides``: controls for a proof."""
    rows = await db.fetch(
        "SELECT row_id FROM row_states WHERE integration_id = $1 AND resource = $2 AND NOT gone "
        "AND NOT row_id = ANY($3::bigint[]) ORDER BY fingerprint IS NULL, read_at DESC LIMIT $4",
        integration_id,
        resource,
        besides,
        count,
    )
    return [r[0] for r in rows]


async def newest_rows(db: Database, integration_id: str, resource: str, count: int) -> list[int]:
    """The rows with the highest ids, made last most likely, whose content was accepted."""
    rows = await db.fetch(
        "SELECT row_id FROM row_states WHERE integration_id = $1 AND resource = $2 AND NOT gone "
        "AND fingerprint IS NOT NULL ORDER BY row_id DESC LIMIT $3",
        integration_id,
        resource,
        count,
    )
    return [r[0] for r in rows]


_AT_RANDOM = """
SELECT DISTINCT s.row_id FROM unnest($3::bigint[]) AS k (least)
CROSS JOIN LATERAL (
    SELECT row_id FROM row_states
    WHERE integration_id = $1 AND resource = $2 AND row_id >= k.least AND NOT gone
      AND fingerprint IS NOT NULL
    ORDER BY row_id LIMIT 1) AS s
"""


async def at_random(db: Database, integration_id: str, resource: str, count: int) -> list[int]:
    """Up to ``count`` rows whose content was accepted, by random ids between the lowest and the highest."""
    ends = await db.fetchrow(
        "SELECT min(row_id), max(row_id) FROM row_states WHERE integration_id = $1 AND resource = $2",
        integration_id,
        resource,
    )
    if ends is None or ends[0] is None:
        return []
    least = [random.randint(ends[0], ends[1]) for _ in range(count)]  # noqa: S311 (no secret)
    return [r[0] for r in await db.fetch(_AT_RANDOM, integration_id, resource, least)]


# A count is negative while a read is under way. Still negative at the next one's beginning: that read was
# flawed, failed or was cut off, and the count begins anew.
_BEGIN_WHOLE_READ = """
UPDATE row_states SET missed = -greatest(missed, 0)
WHERE integration_id = $1 AND resource = $2 AND NOT gone AND missed <> 0
"""


async def begin_whole_read(tx: Tx, integration_id: str, resource: str) -> None:
    """Suspend the misses until ``mark_missed``, so that only complete reads in a row count."""
    await tx.execute(_BEGIN_WHOLE_READ, integration_id, resource)


_MARK_MISSED = """
UPDATE row_states
   SET missed = CASE WHEN row_id = ANY($3::bigint[]) THEN least(abs(missed) + 1, 1000) ELSE 0 END
WHERE integration_id = $1 AND resource = $2 AND NOT gone
  AND (row_id = ANY($3::bigint[]) OR missed <> 0)
"""


async def mark_missed(tx: Tx, integration_id: str, resource: str, row_ids: Sequence[int]) -> list[int]:
    """Count one more complete read without these rows; those missed twice or more are returned.

    ``begin_whole_read`` was called when that read began.
    """
    await tx.execute(_MARK_MISSED, integration_id, resource, row_ids)
    rows = await tx.fetch(
        "SELECT row_id FROM row_states "
        "WHERE integration_id = $1 AND resource = $2 AND NOT gone AND missed >= 2",
        integration_id,
        resource,
    )
    return [r[0] for r in rows]


async def mark_gone(tx: Tx, integration_id: str, resource: str, row_ids: Sequence[int]) -> list[int]:
    """Mark rows as deleted in TrackerRMS; returns those that were believed to exist until now."""
    rows = await tx.fetch(
        "UPDATE row_states SET gone = true, quick = NULL, fingerprint = NULL, missed = 0 "
        "WHERE integration_id = $1 AND resource = $2 AND row_id = ANY($3::bigint[]) "
        "AND NOT gone RETURNING row_id",
        integration_id,
        resource,
        row_ids,
    )
    return [r[0] for r in rows]
