"""The log of attempts: one line each, written in batches, kept for a time.

A delivery that was made has no other row: its last line stands for it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from bridge.store.database import Database, Tx
from bridge.store.pending import Event

RESPONSE_PURPOSE = "webhook response"
"""What the beginnings of receivers' answers are sealed for."""

_LOGGED = (
    "delivery_id", "endpoint_id", "event_id", "event_type", "subject", "integration_id", "topic", "partition",
    "kafka_offset", "event_at", "attempt", "at", "first_at", "delivered", "status", "error", "reason",
    "elapsed_ms", "response", "signed_with",
)  # fmt: skip


class Logged(Struct, frozen=True, kw_only=True, gc=False):
    """A line of the log; ``response`` is sealed for ``RESPONSE_PURPOSE``."""

    delivery_id: str
    endpoint_id: str
    event: Event
    attempt: int
    at: datetime
    first_at: datetime
    delivered: bool
    status: int | None
    error: str | None
    reason: str | None
    elapsed_ms: int
    response: bytes | None
    signed_with: str


class AttemptFailure(Struct, frozen=True, kw_only=True):
    """What an attempt that failed met: a status, where there was one, and the name of what went wrong."""

    status: int | None
    error: str | None


async def log(tx: Tx, lines: Sequence[Logged]) -> None:
    """Add lines, all at once."""
    await tx.copy_records_to_table(
        "webhook_attempts", columns=_LOGGED, records=[_line(line) for line in lines]
    )


def _line(line: Logged) -> tuple[Any, ...]:
    e = line.event
    return (
        line.delivery_id, line.endpoint_id, e.event_id, e.event_type, e.subject, e.integration_id, e.topic,
        e.partition, e.offset, e.at, line.attempt, line.at, line.first_at, line.delivered, line.status,
        line.error, line.reason, line.elapsed_ms, line.response, line.signed_with,
    )  # fmt: skip


async def delivered(db: "Database | Tx", delivery_ids: Sequence[str]) -> set[str]:
    """Those of them that the log shows as delivered."""
    rows = await db.fetch(
        "SELECT DISTINCT delivery_id FROM webhook_attempts WHERE delivered AND delivery_id = ANY($1::text[])",
        delivery_ids,
    )
    return {row[0] for row in rows}


async def last_failure(tx: Tx, endpoint_id: str) -> AttemptFailure | None:
    """Return what the endpoint's last attempt that failed met; ``None`` where the log has none."""
    row = await tx.fetchrow(
        "SELECT status, error FROM webhook_attempts WHERE endpoint_id = $1 AND NOT delivered "
        "ORDER BY at DESC LIMIT 1",
        endpoint_id,
    )
    return None if row is None else AttemptFailure(status=row["status"], error=row["error"])


async def prune_attempts(db: Database, days: float, batch: int = 20_000) -> int:
    """Forget attempts of over ``days`` ago, the oldest ``batch`` of them; returns how many."""
    tag = await db.execute(
        "DELETE FROM webhook_attempts WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhook_attempts "
        "WHERE at < now() - make_interval(secs => $1) LIMIT $2))",
        days * 86_400,
        batch,
    )
    return int(tag.rpartition(" ")[2])
