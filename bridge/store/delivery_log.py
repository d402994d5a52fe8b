"""The log of attempts: one line per attempt, written in batches and kept for a limited time.

A delivered delivery has no other row: its last line represents it.
"""

from collections.abc import Sequence
from typing import Any

from bridge.store.database import Database, Tx
from bridge.store.delivery import Delivery, DeliveryAttempt

RESPONSE_PURPOSE = "webhook response"
"""The purpose for which the beginnings of responses are sealed."""

_COLUMNS = (
    "delivery_id", "endpoint_id", "event_id", "event_type", "subject", "integration_id", "topic", "partition",
    "kafka_offset", "event_at", "attempt", "at", "first_at", "delivered", "status", "error", "reason",
    "elapsed_ms", "response", "signed_with",
)  # fmt: skip


async def append_attempts(tx: Tx, attempts: Sequence[tuple[Delivery, DeliveryAttempt]]) -> None:
    """Add a line for each attempt in one statement."""
    await tx.copy_records_to_table(
        "webhook_attempts", columns=_COLUMNS, records=[_line(*attempted) for attempted in attempts]
    )


def _line(delivery: Delivery, attempt: DeliveryAttempt) -> tuple[Any, ...]:
    e = delivery.event
    return (
        delivery.id, delivery.endpoint_id, e.event_id, e.event_type, e.subject, e.integration_id, e.topic,
        e.partition, e.offset, e.at, delivery.attempts + 1, attempt.at, delivery.first_at or attempt.at,
        attempt.error is None, attempt.status, attempt.error, attempt.reason, attempt.elapsed_ms,
        attempt.response, attempt.signed_with,
    )  # fmt: skip


async def delivered(db: "Database | Tx", delivery_ids: Sequence[str]) -> set[str]:
    """Return the deliveries that the log shows as delivered."""
    rows = await db.fetch(
        "SELECT DISTINCT delivery_id FROM webhook_attempts WHERE delivered AND delivery_id = ANY($1::text[])",
        delivery_ids,
    )
    return {row[0] for row in rows}


async def last_failure(tx: Tx, endpoint_id: str) -> tuple[int | None, str | None]:
    """Return the status and the error of the endpoint's last failed attempt, if the log has one."""
    row = await tx.fetchrow(
        "SELECT status, error FROM webhook_attempts WHERE endpoint_id = $1 AND NOT delivered "
        "ORDER BY at DESC LIMIT 1",
        endpoint_id,
    )
    return (None, None) if row is None else (row["status"], row["error"])


async def prune_attempts(db: Database, days: float, batch: int = 20_000) -> int:
    """Delete at most ``batch`` attempts that are older than ``days``. Return their number."""
    tag = await db.execute(
        "DELETE FROM webhook_attempts WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhook_attempts "
        "WHERE at < now() - make_interval(secs => $1) LIMIT $2))",
        days * 86_400,
        batch,
    )
    return int(tag.rpartition(" ")[2])
