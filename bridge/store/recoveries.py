"""Recoveries: an endpoint receives the events that it missed in a range of time."""

import secrets
from datetime import datetime
from typing import Any

from trackerrms_contracts.webhooks import Recovery

from bridge.store.database import Database, Tx
from bridge.store.pending import CHANNEL

_COLUMNS = ", ".join(Recovery.__struct_fields__)


async def request_recovery(tx: Tx, endpoint_id: str, since: datetime, until: datetime) -> str:
    """Request a recovery and notify the webhook stage."""
    recovery_id = f"rcv_{secrets.token_hex(12)}"
    await tx.execute(
        "INSERT INTO recoveries (id, endpoint_id, since, until) VALUES ($1, $2, $3, $4)",
        recovery_id,
        endpoint_id,
        since,
        until,
    )
    await tx.execute(f"NOTIFY {CHANNEL}")
    return recovery_id


async def newest_recoveries(db: Database, endpoint_id: str) -> list[Recovery]:
    """Return the endpoint's recoveries, newest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM recoveries WHERE endpoint_id = $1 ORDER BY requested_at DESC LIMIT 100",
        endpoint_id,
    )
    return [_recovery(row) for row in rows]


async def load_waiting_recoveries(db: Database) -> list[Recovery]:
    """Return the unfinished recoveries, oldest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM recoveries WHERE state IN ('waiting', 'running') "
        "ORDER BY requested_at LIMIT 100"
    )
    return [_recovery(row) for row in rows]


async def begin_recovery(db: Database, recovery_id: str) -> None:
    """Record that a process works on a recovery."""
    await db.execute("UPDATE recoveries SET state = 'running' WHERE id = $1", recovery_id)


async def finish_recovery(
    db: Database, recovery_id: str, found: int, missing: int, reason: str | None = None
) -> None:
    """Finish a recovery, or fail it with ``reason``. ``found`` events matched, ``missing`` of them are
    pending now."""
    await db.execute(
        "UPDATE recoveries SET state = CASE WHEN $3::text IS NULL THEN 'done' ELSE 'failed' END, "
        "reason = $3, found = $2, pending = $4, finished_at = clock_timestamp() WHERE id = $1",
        recovery_id,
        found,
        reason,
        missing,
    )


_REVIVE = """
UPDATE pending_deliveries SET state = 'pending', next_attempt_at = clock_timestamp()
 WHERE endpoint_id = $1 AND state = 'failed' AND event_at >= $2 AND event_at < $3
RETURNING delivery_id
"""


async def revive(tx: Tx, recovery: Recovery) -> int:
    """Make the failed deliveries of that time pending again. Return their number."""
    rows = await tx.fetch(_REVIVE, recovery.endpoint_id, recovery.since, recovery.until)
    await tx.execute(f"NOTIFY {CHANNEL}")
    return len(rows)


def _recovery(row: Any) -> Recovery:
    return Recovery(**dict(zip(Recovery.__struct_fields__, row, strict=True)))
