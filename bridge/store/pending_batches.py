"""Pending deliveries of endpoints that get nothing now, many deliveries to a row.

While an endpoint hangs or fails, hundreds of events a second may become pending for it. A row each would cost
the store, and the healthy endpoints beside it, more than their own deliveries do. A *batch* holds such events
and their bodies once for all endpoints; a *share* says which of them one endpoint is to get. A share becomes
rows of ``pending_deliveries`` when its endpoint has room, or when one of them is asked for.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from trackerrms_contracts import events, ids
from trackerrms_contracts.webhooks import Delivery

from bridge.sealing import Sealer
from bridge.store import delivery_log, pending
from bridge.store.database import Database, Tx
from bridge.store.pending import BODY_PURPOSE, Event, PendingDelivery

FROM = 16
"""So many deliveries to one endpoint are worth a share; fewer become rows of ``pending_deliveries``."""
_SHEET_EVENTS = 256
_SHEET_BYTES = 4 * 1024 * 1024
_ROWS_AT_ONCE = 32
"""More rows in one statement would hold up what else the process does."""


class Untried(Struct, frozen=True, kw_only=True, gc=False):
    """A delivery that was not tried, in no order, to be tried in so many seconds. ``first_at`` is ``None``
    where it is pending from now on."""

    endpoint_id: str
    event: Event
    body: bytes
    after_seconds: float
    first_at: datetime | None = None


_events = msgspec.json.Decoder(list[Event])
_bodies = msgspec.msgpack.Decoder(list[bytes])


def unpack_pending(sealer: Sealer, untried: Untried) -> PendingDelivery:
    """Return it as a row of ``pending_deliveries``."""
    return PendingDelivery(
        delivery_id=ids.delivery_id(untried.endpoint_id, untried.event.event_id),
        endpoint_id=untried.endpoint_id,
        event=untried.event,
        sequence=events.sequence_of(untried.body),
        sealed=sealer.seal(BODY_PURPOSE, untried.body),
        after_seconds=untried.after_seconds,
        first_at=untried.first_at,
    )


# --- writing ----------------------------------------------------------------------------------------------


async def add_batches(tx: Tx, sealer: Sealer, untried: Sequence[Untried]) -> None:
    """Remember these deliveries, of any endpoints, in the order in which they are given."""
    for sheet in _sheets(untried):
        await _put_sheet(tx, sealer, sheet)


def _sheets(untried: Sequence[Untried]) -> Iterator[dict[str, list[Untried]]]:
    """By event: as many as make a sheet."""
    sheet: dict[str, list[Untried]] = {}
    size = 0
    for one in untried:
        event_id = one.event.event_id
        if event_id not in sheet:
            if sheet and (len(sheet) == _SHEET_EVENTS or size + len(one.body) > _SHEET_BYTES):
                yield sheet
                sheet, size = {}, 0
            size += len(one.body)
        sheet.setdefault(event_id, []).append(one)
    if sheet:
        yield sheet


_SHEET = "INSERT INTO pending_batches (events, bodies) VALUES ($1, $2) RETURNING id"
_SHARE = """
INSERT INTO pending_batch_shares (sheet_id, endpoint_id, places, delivery_ids, event_types, due_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
"""


async def _put_sheet(tx: Tx, sealer: Sealer, sheet: dict[str, list[Untried]]) -> None:
    firsts = [of_event[0] for of_event in sheet.values()]
    sheet_id = await tx.fetchval(
        _SHEET,
        msgspec.json.encode([one.event for one in firsts]),
        sealer.seal(BODY_PURPOSE, msgspec.msgpack.encode([one.body for one in firsts])),
    )
    shares: dict[str, dict[int, Untried]] = {}
    for place, of_event in enumerate(sheet.values()):
        for one in of_event:
            shares.setdefault(one.endpoint_id, {})[place] = one
    for endpoint_id, share in shares.items():
        await tx.execute(
            _SHARE,
            sheet_id,
            endpoint_id,
            list(share),
            [ids.delivery_id(endpoint_id, one.event.event_id) for one in share.values()],
            sorted({one.event.event_type for one in share.values()}),
            min(one.after_seconds for one in share.values()),
        )


# --- turning into rows ------------------------------------------------------------------------------------

_DUE = """
SELECT first.sheet_id, first.endpoint_id FROM unnest($1::text[]) AS wanted (endpoint_id)
 CROSS JOIN LATERAL (
       SELECT sheet_id, endpoint_id FROM pending_batch_shares
        WHERE endpoint_id = wanted.endpoint_id AND due_at <= clock_timestamp()
        ORDER BY sheet_id LIMIT 1) AS first
"""
_OF_ENDPOINT = (
    "SELECT sheet_id, endpoint_id FROM pending_batch_shares WHERE endpoint_id = $1 ORDER BY sheet_id"
)
_OF_DELIVERY = "SELECT sheet_id, endpoint_id FROM pending_batch_shares WHERE $1 = ANY(delivery_ids)"


async def unpack_due(db: Database, sealer: Sealer, endpoint_ids: Sequence[str]) -> int:
    """Make rows of each endpoint's first share, if it is due; returns how many rows."""
    return await _unpack(db, sealer, await db.fetch(_DUE, endpoint_ids))


async def unpack_all(db: Database, sealer: Sealer, endpoint_id: str) -> int:
    """Make rows of all shares that the endpoint has now; returns how many rows."""
    return await _unpack(db, sealer, await db.fetch(_OF_ENDPOINT, endpoint_id))


async def unpack_delivery(db: Database, sealer: Sealer, delivery_id: str) -> int:
    """Make rows of the share that has this delivery, where one has; returns how many rows."""
    return await _unpack(db, sealer, await db.fetch(_OF_DELIVERY, delivery_id))


async def _unpack(db: Database, sealer: Sealer, keys: Sequence[Any]) -> int:
    made = 0
    for key in keys:
        async with db.transaction() as tx:
            made += await _unpack_one(tx, sealer, key[0], key[1])
    return made


_TAKE = """
DELETE FROM pending_batch_shares WHERE sheet_id = $1 AND endpoint_id = $2
RETURNING places, delivery_ids, parked_at, due_at - clock_timestamp()
"""
_SHEET_OF = "SELECT events, bodies FROM pending_batches WHERE id = $1"
_LAST_SHARE = """
DELETE FROM pending_batches
 WHERE id = $1 AND NOT EXISTS (SELECT FROM pending_batch_shares WHERE sheet_id = $1)
"""


async def _unpack_one(tx: Tx, sealer: Sealer, sheet_id: int, endpoint_id: str) -> int:
    share = await tx.fetchrow(_TAKE, sheet_id, endpoint_id)
    if share is None:
        return 0  # another process was here first
    sheet = await tx.fetchrow(_SHEET_OF, sheet_id)
    await tx.execute(_LAST_SHARE, sheet_id)
    known = _events.decode(sheet[0])
    bodies = _bodies.decode(sealer.open(BODY_PURPOSE, sheet[1]))
    # What was parked twice, as after a crash, may be delivered by now.
    done = await delivery_log.delivered(tx, share[1])
    left = [
        Untried(
            endpoint_id=endpoint_id,
            event=known[place],
            body=bodies[place],
            after_seconds=max(0.0, share[3].total_seconds()),
            first_at=share[2],
        )
        for place, delivery_id in zip(share[0], share[1], strict=True)
        if delivery_id not in done
    ]
    return await add_pending_in_batches(tx, [unpack_pending(sealer, one) for one in left])


async def add_pending_in_batches(tx: Tx, rows: Sequence[PendingDelivery]) -> int:
    """Do ``pending.add_pending`` for some rows at a time; return how many are new.

    In the order of events, in which their bodies are written: two writers that meet cannot deadlock."""
    ordered = sorted(rows, key=lambda one: one.event.event_id)
    starts = range(0, len(ordered), _ROWS_AT_ONCE)
    return sum([await pending.add_pending(tx, ordered[start : start + _ROWS_AT_ONCE]) for start in starts])


# --- looking ----------------------------------------------------------------------------------------------

_LISTED = """
SELECT h.endpoint_id, h.places, h.delivery_ids, h.parked_at, h.due_at, s.events
  FROM pending_batch_shares AS h JOIN pending_batches AS s ON s.id = h.sheet_id
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
) -> list[Delivery]:
    """The newest ``limit`` deliveries, or more, that stand in shares, ``before`` a time and a delivery id."""
    # Each share that is found has one delivery of that type at least; the first may be listed already.
    rows = await db.fetch(_LISTED, endpoint_id, event_type, since, until, before[0], owner, limit + 1)
    found: list[Delivery] = []
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


def _delivery(endpoint_id: str, event: Event, delivery_id: str, at: datetime, due_at: datetime) -> Delivery:
    return Delivery(
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


# --- keeping ----------------------------------------------------------------------------------------------


async def prune_batches(db: Database, days: float) -> None:
    """Delete shares of endpoints that were deleted, or disabled long ago, and batches that no share needs."""
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
        "WHERE NOT EXISTS (SELECT FROM pending_batch_shares WHERE sheet_id = b.id)"
    )
