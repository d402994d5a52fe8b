"""Pending deliveries: not delivered yet, with their sealed bodies and the process that holds each.

One process at a time tries a row: ``holder`` names the process's lease, and the rows of a dead process are
free once its lease has expired. If an endpoint asks for order, only the first row of each entity is due; the
others wait (``next_attempt_at`` infinity) until ``make_due`` finds them first. Call ``lock_order`` before any
change of the first row, so that no row is added behind one that is about to leave.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, assert_never

from trackerrms_contracts import events

from bridge.sealing import Sealer
from bridge.store.database import Database, Tx
from bridge.store.delivery import (
    Delivery,
    DeliveryAttempt,
    EndpointGone,
    EndpointOrderKey,
    Event,
    Failed,
    NotTried,
    Retry,
    Undelivered,
)

CHANNEL = "pending_deliveries"
LEASE_PREFIX = "webhooks:"
BODY_PURPOSE = "webhook body"
"""The purpose for which the bodies of pending events are sealed."""


async def lock_order(tx: Tx, endpoint_ids: Collection[str]) -> None:
    """Prevent others from changing the ordered pending rows of these endpoints until ``tx`` ends."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('pending:' || id, 0)) "
        "FROM (SELECT unnest($1::text[]) AS id ORDER BY 1) AS ids",
        sorted(endpoint_ids),
    )


# The update keeps ``prune_pending`` from deleting a body that is needed again.
_BODIES = """
INSERT INTO pending_bodies AS e (event_id, sealed) SELECT * FROM unnest($1::text[], $2::bytea[])
ON CONFLICT (event_id) DO UPDATE SET stored_at = clock_timestamp()
"""

_ADD = """
INSERT INTO pending_deliveries (
                  delivery_id, endpoint_id, event_id, event_type, subject, integration_id, sequence, ordered,
                  topic, partition, kafka_offset, event_at, attempts, next_attempt_at, state,
                  last_status, last_error, holder, first_at)
SELECT d, n, e, k, s, i, q, o, t, p, f, a, r,
       CASE WHEN o AND r = 0 THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => w) END,
       CASE WHEN g THEN 'failed' ELSE 'pending' END, c, x, h, coalesce(y, clock_timestamp())
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[],
              $9::text[], $10::int[], $11::bigint[], $12::timestamptz[], $13::int[], $14::float8[],
              $15::bool[], $16::smallint[], $17::text[], $18::text[], $19::timestamptz[])
       AS parked (d, n, e, k, s, i, q, o, t, p, f, a, r, w, g, c, x, h, y)
ON CONFLICT (delivery_id) DO NOTHING
"""


async def add_pending(
    tx: Tx, sealer: Sealer, undelivered: Sequence[tuple[Delivery, Undelivered]], holder: str | None = None
) -> int:
    """Add rows; existing ones do not change. Return the number of new rows.

    ``holder`` claims a delivery whose attempt is in flight. For ordered deliveries, call ``lock_order``
    before and ``make_due`` afterwards.
    """
    bodies = {
        delivery.event.event_id: delivery.body for delivery, _ in undelivered if delivery.body is not None
    }
    if bodies:
        ids = sorted(bodies)
        await tx.execute(_BODIES, ids, [sealer.seal(BODY_PURPOSE, bodies[event_id]) for event_id in ids])
    rows = [_new_row(delivery, outcome, holder) for delivery, outcome in undelivered]
    tag = await tx.execute(_ADD, *map(list, zip(*rows, strict=True)))
    # Rows that are due later are found when their time comes; for ordered rows, ``make_due`` notifies.
    if any(_is_due(delivery, outcome) for delivery, outcome in undelivered):
        await tx.execute(f"NOTIFY {CHANNEL}")
    return int(tag.rpartition(" ")[2])


def _is_due(delivery: Delivery, outcome: Undelivered) -> bool:
    under_way = isinstance(outcome, NotTried) and outcome.under_way
    return not (delivery.ordered or under_way or _state(delivery, outcome)[1])


def _new_row(delivery: Delivery, outcome: Undelivered, holder: str | None) -> tuple[Any, ...]:
    e = delivery.event
    attempts, after_seconds, status, error = _state(delivery, outcome)
    under_way = isinstance(outcome, NotTried) and outcome.under_way
    return (
        delivery.id, delivery.endpoint_id, e.event_id, e.event_type, e.subject, e.integration_id,
        events.sequence_of(delivery.body or b""), delivery.ordered, e.topic, e.partition, e.offset, e.at,
        attempts, after_seconds or 0.0, after_seconds is None, status, error, holder if under_way else None,
        delivery.first_at,
    )  # fmt: skip


def _state(delivery: Delivery, outcome: Undelivered) -> tuple[int, float | None, int | None, str | None]:
    """Return the number of attempts, the seconds until the next one (``None``: no more), the status and the
    error."""
    tried = delivery.attempts + 1
    match outcome:
        case Retry(attempt=attempt, after_seconds=after):
            return tried, after, attempt.status, attempt.error
        case Failed(attempt=DeliveryAttempt(status=status), error=error):
            return tried, None, status, error
        case Failed(error=error):
            return delivery.attempts, None, None, error
        case EndpointGone(attempt=attempt):
            return tried, 0.0, attempt.status, attempt.error
        case NotTried(after_seconds=after):
            return delivery.attempts, after, None, None
        case _:
            assert_never(outcome)


_MAKE_DUE = """
UPDATE pending_deliveries SET next_attempt_at = clock_timestamp()
  FROM (SELECT DISTINCT ON (o.endpoint_id, o.subject) o.delivery_id, o.next_attempt_at
          FROM unnest($1::text[], $2::text[]) AS pair (endpoint_id, subject)
          JOIN pending_deliveries AS o USING (endpoint_id, subject)
         WHERE o.state = 'pending' AND o.ordered
         ORDER BY o.endpoint_id, o.subject, o.sequence) AS first
 WHERE pending_deliveries.delivery_id = first.delivery_id AND first.next_attempt_at = 'infinity'
"""


async def make_due(tx: Tx, pairs: Collection[EndpointOrderKey]) -> None:
    """Make the first row of each pair due, unless it already has a time."""
    tag = await tx.execute(_MAKE_DUE, [endpoint for endpoint, _ in pairs], [subject for _, subject in pairs])
    if tag != "UPDATE 0":
        await tx.execute(f"NOTIFY {CHANNEL}")


_KEYS_PENDING = """
SELECT DISTINCT o.endpoint_id, o.subject
  FROM unnest($1::text[], $2::text[]) AS pair (endpoint_id, subject)
  JOIN pending_deliveries AS o USING (endpoint_id, subject)
 WHERE o.state = 'pending' AND o.ordered
"""


async def keys_pending(db: Database, pairs: Collection[EndpointOrderKey]) -> set[EndpointOrderKey]:
    """Return the pairs with ordered pending rows. New deliveries queue behind them."""
    rows = await db.fetch(
        _KEYS_PENDING, [endpoint for endpoint, _ in pairs], [subject for _, subject in pairs]
    )
    return {(row[0], row[1]) for row in rows}


# now(), not clock_timestamp(): an index lookup needs a value that is stable within the statement.
_CLAIM = """
WITH free AS (
    SELECT due.delivery_id
      FROM unnest($2::text[], $3::int[]) AS wanted (endpoint_id, room)
     CROSS JOIN LATERAL (
           SELECT o.delivery_id FROM pending_deliveries AS o
            WHERE o.endpoint_id = wanted.endpoint_id AND o.state = 'pending' AND o.next_attempt_at <= now()
              AND (o.holder IS NULL OR NOT EXISTS (
                      SELECT FROM leases WHERE name = o.holder AND expires_at > now()))
              AND (NOT o.ordered OR NOT EXISTS (
                      SELECT FROM pending_deliveries AS before
                       WHERE before.endpoint_id = o.endpoint_id AND before.subject = o.subject
                         AND before.sequence < o.sequence AND before.state = 'pending' AND before.ordered))
            ORDER BY o.next_attempt_at LIMIT wanted.room FOR UPDATE OF o SKIP LOCKED) AS due
), taken AS (
    UPDATE pending_deliveries AS p SET holder = $1 FROM free
     WHERE p.delivery_id = free.delivery_id RETURNING p.*
)
SELECT t.delivery_id, t.endpoint_id, t.event_id, t.event_type, t.subject, t.integration_id, t.topic,
       t.partition, t.kafka_offset, t.event_at, t.ordered, t.attempts, t.first_at, e.sealed
  FROM taken AS t LEFT JOIN pending_bodies AS e USING (event_id)
 ORDER BY t.next_attempt_at, t.sequence
"""


async def claim_due(
    db: Database, sealer: Sealer, holder: str, rooms: Iterable[tuple[str, int]]
) -> list[Delivery]:
    """Claim due deliveries: for each (endpoint, room) at most ``room``, those due longest first.

    ``body`` is ``None`` if the store does not have it.
    """
    wanted = list(rooms)
    rows = await db.fetch(_CLAIM, holder, [endpoint for endpoint, _ in wanted], [room for _, room in wanted])
    return [_delivery(sealer, row) for row in rows]


def _delivery(sealer: Sealer, row: Any) -> Delivery:
    event = Event(
        event_id=row[2],
        event_type=row[3],
        subject=row[4],
        integration_id=row[5],
        topic=row[6],
        partition=row[7],
        offset=row[8],
        at=row[9],
    )
    return Delivery(
        id=row[0],
        endpoint_id=row[1],
        event=event,
        body=None if row[13] is None else sealer.open(BODY_PURPOSE, row[13]),
        ordered=row[10],
        attempts=row[11],
        first_at=row[12],
    )


async def remove_delivered(tx: Tx, holder: str, delivery_ids: Sequence[str]) -> None:
    """Delete delivered rows. A body is deleted with the last delivery that needs it."""
    events = await tx.fetch(
        "DELETE FROM pending_deliveries WHERE delivery_id = ANY($1::text[]) AND holder = $2 "
        "RETURNING event_id",
        delivery_ids,
        holder,
    )
    await tx.execute(
        _FORGET_BODIES + " AND event_id = ANY($1::text[])",
        sorted({row[0] for row in events}),
    )


# ``add_pending`` touches the body first: a body touched a moment ago may belong to a transaction that is not
# visible yet. ``prune_pending`` deletes it later.
_FORGET_BODIES = """
DELETE FROM pending_bodies WHERE stored_at < clock_timestamp() - interval '90 seconds'
   AND NOT EXISTS (SELECT FROM pending_deliveries WHERE pending_deliveries.event_id = pending_bodies.event_id)
"""

_UPDATE = """
UPDATE pending_deliveries AS o
   SET attempts = t.attempts, last_status = t.status, last_error = t.error, last_at = clock_timestamp(),
       holder = NULL, state = CASE WHEN t.again IS NULL THEN 'failed' ELSE 'pending' END,
       next_attempt_at = clock_timestamp() + make_interval(secs => coalesce(t.again, 0))
  FROM unnest($2::text[], $3::int[], $4::float8[], $5::smallint[], $6::text[])
       AS t (delivery_id, attempts, again, status, error)
 WHERE o.delivery_id = t.delivery_id AND o.holder = $1
"""


async def update_pending(tx: Tx, holder: str, undelivered: Sequence[tuple[Delivery, Undelivered]]) -> None:
    """Write the outcomes of deliveries that ``holder`` claims, and release them."""
    rows = [(delivery.id, *_state(delivery, outcome)) for delivery, outcome in undelivered]
    await tx.execute(_UPDATE, holder, *map(list, zip(*rows, strict=True)))


_MOST_COUNTED = 10_000
OLDEST = "SELECT min(first_at) FROM pending_deliveries WHERE state = 'pending'"
_HEAD = f"""
SELECT (SELECT count(*) FROM (SELECT FROM pending_deliveries WHERE state = 'pending' LIMIT $1) AS counted)
       + (SELECT coalesce(sum(size), 0) FROM (
                 SELECT cardinality(places) AS size FROM pending_batch_shares LIMIT $1) AS counted),
       coalesce(extract(epoch FROM clock_timestamp() - least(({OLDEST}), (
                SELECT parked_at FROM pending_batch_shares ORDER BY batch_id LIMIT 1))), 0)::float8
"""


async def pending_head(db: Database) -> tuple[int, float]:
    """Return the number of pending deliveries, counted up to 10,000, and the age of the oldest in seconds.

    This is cheap with millions of rows: the count ends early, and the oldest is the first entry of the index
    ``pending_deliveries_oldest``. Failed rows are in neither index.
    """
    row = await db.fetchrow(_HEAD, _MOST_COUNTED)
    return (min(_MOST_COUNTED, row[0]), row[1]) if row is not None else (0, 0.0)


async def prune_pending(db: Database, days: float) -> None:
    """Delete pending rows of deleted endpoints, old failed rows, bodies that no delivery needs, and leases of
    dead processes."""
    await db.execute(
        "DELETE FROM pending_deliveries WHERE NOT EXISTS (SELECT FROM endpoints WHERE id = endpoint_id)"
    )
    await db.execute(
        "DELETE FROM pending_deliveries WHERE last_at < now() - make_interval(secs => $1) "
        "AND (state = 'failed' OR NOT EXISTS (SELECT FROM endpoints WHERE id = endpoint_id AND enabled))",
        days * 86_400,
    )
    await db.execute(_FORGET_BODIES)
    await db.execute(
        "DELETE FROM leases WHERE starts_with(name, $1) "
        "AND expires_at < clock_timestamp() - interval '1 day'",
        LEASE_PREFIX,
    )
