"""Read requests: records to read by id at once, besides the polls, because they are known to have changed.

A queue from the command stage (and one day from TrackerRMS's own webhooks) to the poller of the integration.
A request proves nothing: it only says where to look.
"""

from collections.abc import Sequence

from msgspec import Struct
from trackerrms_contracts.events import Cause

from bridge.store.database import Database, Tx

CHANNEL = "read_requests"


class ReadRequest(Struct, frozen=True, kw_only=True):
    """A record of ``resource`` to read. ``command_id``: the command that wrote it."""

    integration_id: str
    resource: str
    row_id: int
    cause: Cause
    command_id: str | None = None


class QueuedReadRequest(ReadRequest, frozen=True, kw_only=True):
    """A read request in the queue."""

    position: int


async def add_read_requests(tx: Tx, requests: Sequence[ReadRequest]) -> None:
    """Queue requests, and wake the pollers when ``tx`` commits."""
    if not requests:
        return
    await tx.execute(
        "INSERT INTO read_requests (integration_id, resource, row_id, cause, command_id) "
        "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])",
        [request.integration_id for request in requests],
        [request.resource for request in requests],
        [request.row_id for request in requests],
        [request.cause for request in requests],
        [request.command_id for request in requests],
    )
    await tx.execute(f"NOTIFY {CHANNEL}")


async def requested_resources(db: Database, integration_id: str) -> set[str]:
    """Return the resources that have requests."""
    rows = await db.fetch(
        "SELECT DISTINCT resource FROM read_requests WHERE integration_id = $1", integration_id
    )
    return {row[0] for row in rows}


async def next_read_requests(
    db: Database, integration_id: str, resource: str, limit: int
) -> list[QueuedReadRequest]:
    """Return the first requests of one resource, in order."""
    rows = await db.fetch(
        "SELECT position, resource, row_id, cause, command_id FROM read_requests WHERE integration_id = $1 "
        "AND resource = $2 ORDER BY position LIMIT $3",
        integration_id,
        resource,
        limit,
    )
    return [
        QueuedReadRequest(
            position=row[0],
            integration_id=integration_id,
            resource=row[1],
            row_id=row[2],
            cause=row[3],
            command_id=row[4],
        )
        for row in rows
    ]


async def drop(tx: Tx, requests: Sequence[QueuedReadRequest]) -> None:
    """Remove processed requests from the queue."""
    await tx.execute(
        "DELETE FROM read_requests WHERE position = ANY($1::bigint[])", [h.position for h in requests]
    )
