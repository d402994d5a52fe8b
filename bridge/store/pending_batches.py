"""Pending deliveries of endpoints that receive nothing now, with many deliveries per row.

While an endpoint hangs or fails, hundreds of events per second may become pending for it. One row for each
would cost the store, and the healthy endpoints, more than their own deliveries do. A *batch* holds such
events and their bodies once for all endpoints; a *share* lists those that one endpoint gets. A share becomes
rows of ``pending_deliveries`` when its endpoint has capacity, or when one of its deliveries is requested.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from trackerrms_contracts import webhooks

from bridge.sealing import Sealer
from bridge.store import delivery_log, pending
from bridge.store.database import Database, Tx
from bridge.store.delivery import Delivery, Event, NotTried
from bridge.store.pending import BODY_PURPOSE

FROM = 16
"""The smallest number of deliveries for a share; fewer become rows of ``pending_deliveries``."""
_BATCH_EVENTS = 256
_BATCH_BYTES = 4 * 1024 * 1024
_ROWS_AT_ONCE = 32
"""More rows in one statement would delay the rest of the process."""


_events = msgspec.json.Decoder(list[Event])
_bodies = msgspec.msgpack.Decoder(list[bytes])


# --- writing ----------------------------------------------------------------------------------------------


async def add_batches(tx: Tx, sealer: Sealer, untried: Sequence[tuple[Delivery, NotTried]]) -> None:
    """Add unordered deliveries of any endpoints, in the given order."""
    for batch in _batches(untried):
        await _add_batch(tx, sealer, batch)


_ByEvent: TypeAlias = dict[str, list[tuple[Delivery, NotTried]]]


def _batches(untried: Sequence[tuple[Delivery, NotTried]]) -> Iterator[_ByEvent]:
    """Yield the deliveries of one batch at a time, by event."""
    batch: _ByEvent = {}
    size = 0
    for delivery, outcome in untried:
        event_id, length = delivery.event.event_id, len(delivery.read_body())
        if event_id not in batch:
            if batch and (len(batch) == _BATCH_EVENTS or size + length > _BATCH_BYTES):
                yield batch
                batch, size = {}, 0
            size += length
        batch.setdefault(event_id, []).append((delivery, outcome))
    if batch:
        yield batch


_ADD_BATCH = "INSERT INTO pending_batches (events, bodies) VALUES ($1, $2) RETURNING id"
_ADD_SHARE = """
INSERT INTO pending_batch_shares (batch_id, endpoint_id, places, delivery_ids, event_types, due_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
"""


async def _add_batch(tx: Tx, sealer: Sealer, batch: _ByEvent) -> None:
    firsts = [of_event[0][0] for of_event in batch.values()]
    batch_id = await tx.fetchval(
        _ADD_BATCH,
        msgspec.json.encode([delivery.event for delivery in firsts]),
        sealer.seal(BODY_PURPOSE, msgspec.msgpack.encode([delivery.read_body() for delivery in firsts])),
    )
    shares: dict[str, dict[int, tuple[Delivery, NotTried]]] = {}
    for place, of_event in enumerate(batch.values()):
        for delivery, outcome in of_event:
            shares.setdefault(delivery.endpoint_id, {})[place] = (delivery, outcome)
    for endpoint_id, share in shares.items():
        await tx.execute(
            _ADD_SHARE,
            batch_id,
            endpoint_id,
            list(share),
            [delivery.id for delivery, _ in share.values()],
            sorted({delivery.event.event_type for delivery, _ in share.values()}),
            min(outcome.after_seconds for _, outcome in share.values()),
        )


# --- unpacking --------------------------------------------------------------------------------------------

_DUE = """
SELECT first.batch_id, first.endpoint_id FROM unnest($1::text[]) AS wanted (endpoint_id)
 CROSS JOIN LATERAL (
       SELECT batch_id, endpoint_id FROM pending_batch_shares
        WHERE endpoint_id = wanted.endpoint_id AND due_at <= clock_timestamp()
        ORDER BY batch_id LIMIT 1) AS first
"""
_OF_ENDPOINT = (
    "SELECT batch_id, endpoint_id FROM pending_batch_shares WHERE endpoint_id = $1 ORDER BY batch_id"
)
_OF_DELIVERY = "SELECT batch_id, endpoint_id FROM pending_batch_shares WHERE $1 = ANY(delivery_ids)"


async def unpack_due(db: Database, sealer: Sealer, endpoint_ids: Sequence[str]) -> int:
    """Turn each endpoint's first share into rows, if it is due. Return the number of rows."""
    return await _unpack(db, sealer, await db.fetch(_DUE, endpoint_ids))


async def unpack_all(db: Database, sealer: Sealer, endpoint_id: str) -> int:
    """Turn all shares of the endpoint into rows. Return the number of rows."""
    return await _unpack(db, sealer, await db.fetch(_OF_ENDPOINT, endpoint_id))


async def unpack_delivery(db: Database, sealer: Sealer, delivery_id: str) -> int:
    """Turn the share that contains this delivery, if any, into rows. Return the number of rows."""
    return await _unpack(db, sealer, await db.fetch(_OF_DELIVERY, delivery_id))


async def _unpack(db: Database, sealer: Sealer, keys: Sequence[Any]) -> int:
    made = 0
    for key in keys:
        async with db.transaction() as tx:
            made += await _unpack_one(tx, sealer, key[0], key[1])
    return made


_TAKE_SHARE = """
DELETE FROM pending_batch_shares WHERE batch_id = $1 AND endpoint_id = $2
RETURNING places, delivery_ids, parked_at, due_at - clock_timestamp()
"""
_LOAD_BATCH = "SELECT events, bodies FROM pending_batches WHERE id = $1"
_DELETE_BATCH = """
DELETE FROM pending_batches
 WHERE id = $1 AND NOT EXISTS (SELECT FROM pending_batch_shares WHERE batch_id = $1)
"""


async def _unpack_one(tx: Tx, sealer: Sealer, batch_id: int, endpoint_id: str) -> int:
    share = await tx.fetchrow(_TAKE_SHARE, batch_id, endpoint_id)
    if share is None:
        return 0  # another process was here first
    batch = await tx.fetchrow(_LOAD_BATCH, batch_id)
    await tx.execute(_DELETE_BATCH, batch_id)
    known = _events.decode(batch[0])
    bodies = _bodies.decode(sealer.open(BODY_PURPOSE, batch[1]))
    outcome = NotTried(after_seconds=max(0.0, share[3].total_seconds()))
    # A delivery that was added twice, because of a crash, may be delivered by now.
    done = await delivery_log.delivered(tx, share[1])
    left: list[tuple[Delivery, NotTried]] = []
    for place, delivery_id in zip(share[0], share[1], strict=True):
        if delivery_id not in done:
            delivery = Delivery(
                id=delivery_id,
                endpoint_id=endpoint_id,
                event=known[place],
                body=bodies[place],
                first_at=share[2],
            )
            left.append((delivery, outcome))
    return await add_in_parts(tx, sealer, left)


async def add_in_parts(tx: Tx, sealer: Sealer, untried: Sequence[tuple[Delivery, NotTried]]) -> int:
    """Call ``pending.add_pending`` for some rows at a time. Return the number of new rows.

    Rows and bodies are written in the order of events, so that two concurrent writers cannot deadlock."""
    ordered = sorted(untried, key=lambda one: one[0].event.event_id)
    starts = range(0, len(ordered), _ROWS_AT_ONCE)
    return sum(
        [await pending.add_pending(tx, sealer, ordered[start : start + _ROWS_AT_ONCE]) for start in starts]
    )


# --- listing ----------------------------------------------------------------------------------------------

_LISTED = """
SELECT h.endpoint_id, h.places, h.delivery_ids, h.parked_at, h.due_at, b.events
  FROM pending_batch_shares AS h JOIN pending_batches AS b ON b.id = h.batch_id
 WHERE ($1::text IS NULL OR h.endpoint_id = $1) AND ($2::text IS NULL OR $2 = ANY(h.event_types))
   AND h.parked_at >= $3 AND h.parked_at < $4 AND h.parked_at <= $5
   AND ($6::text IS NULL OR h.endpoint_id IN (SELECT id FROM endpoints WHERE owner = $6))
 ORDER BY h.parked_at DESC LIMIT $7
"""


async def list_batched(
    db: Database,
    *,
    endpoint_id: str | None,
    event_type: str | None,
    since: datetime,
    until: datetime,
    before: tuple[datetime, str],
    owner: str | None,
    limit: int,
) -> list[webhooks.Delivery]:
    """Return at least the newest ``limit`` deliveries of shares, ``before`` a time and a delivery id."""
    # Each found share has at least one delivery of that type; those of the first may be listed already.
    rows = await db.fetch(_LISTED, endpoint_id, event_type, since, until, before[0], owner, limit + 1)
    found: list[webhooks.Delivery] = []
    for row in rows:
        if len(found) >= limit and row[3] < found[limit - 1].last_at:
            break
        known = _events.decode(row[5])
        found += [
            _delivery(row[0], known[place], delivery_id, row[3], row[4])
            for place, delivery_id in zip(row[1], row[2], strict=True)
            if (row[3], delivery_id) < before and event_type in (None, known[place].event_type)
        ]
    return found


def _delivery(
    endpoint_id: str, event: Event, delivery_id: str, at: datetime, due_at: datetime
) -> webhooks.Delivery:
    return webhooks.Delivery(
        id=delivery_id,
        endpoint_id=endpoint_id,
        event_id=event.event_id,
        event_type=event.event_type,
        subject=event.subject,
        integration_id=event.integration_id,
        state="pending",
        attempts=0,
        next_attempt_at=due_at,
        last_status=None,
        last_error=None,
        first_at=at,
        last_at=at,
    )


# --- pruning ----------------------------------------------------------------------------------------------


async def prune_batches(db: Database, days: float) -> None:
    """Delete the shares of endpoints that were deleted or disabled long ago, and batches without shares."""
    await db.execute(
        "DELETE FROM pending_batch_shares WHERE NOT EXISTS (SELECT FROM endpoints WHERE id = endpoint_id)"
    )
    await db.execute(
        "DELETE FROM pending_batch_shares WHERE parked_at < now() - make_interval(secs => $1) "
        "AND NOT EXISTS (SELECT FROM endpoints WHERE id = endpoint_id AND enabled)",
        days * 86_400,
    )
    await db.execute(
        "DELETE FROM pending_batches AS b "
        "WHERE NOT EXISTS (SELECT FROM pending_batch_shares WHERE batch_id = b.id)"
    )
