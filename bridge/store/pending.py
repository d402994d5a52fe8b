"""Pending deliveries: those that are not made yet, with their sealed bodies, and which process tries which.

A row is tried by one process at a time: its ``holder`` names that process's lease, and a dead process's rows
are free once its lease has run out. Of one entity and one endpoint that asks for order, only the first row is
due; the others wait (``next_attempt_at`` infinity) until ``make_due`` finds them first. ``lock_order`` comes
before whatever changes which row that is, so that no row is added behind one that is just going.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from bridge.store.database import Database, Tx

CHANNEL = "pending_deliveries"
LEASE_PREFIX = "webhooks:"
BODY_PURPOSE = "webhook body"
"""What the bodies of pending events are sealed for."""
EndpointOrderKey = tuple[str, str]
"""An endpoint, and an entity's id: what order is kept for."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """What is delivered. ``topic``, ``partition`` and ``offset`` are ``None`` of what is not on Kafka."""

    event_id: str
    event_type: str
    subject: str
    integration_id: str
    topic: str | None
    partition: int | None
    offset: int | None
    at: datetime


class PendingDelivery(Struct, frozen=True, kw_only=True):
    """A delivery to remember. ``sealed`` is ``None`` where the body is to be read from Kafka again, and
    ``first_at`` where it is pending from now on."""

    delivery_id: str
    endpoint_id: str
    event: Event
    sequence: str
    sealed: bytes | None
    ordered: bool = False
    attempts: int = 0
    after_seconds: float = 0.0
    given_up: bool = False
    status: int | None = None
    error: str | None = None
    holder: str | None = None
    first_at: datetime | None = None


class Claimed(Struct, frozen=True, kw_only=True):
    """A pending delivery that this process is to try now."""

    delivery_id: str
    endpoint_id: str
    event: Event
    ordered: bool
    attempts: int
    first_at: datetime
    sealed: bytes | None


class AttemptOutcome(Struct, frozen=True, kw_only=True):
    """What came of a claimed delivery that was not made: again after so long, or given up (``None``)."""

    delivery_id: str
    attempts: int
    after_seconds: float | None
    status: int | None
    error: str | None


async def lock_order(tx: Tx, endpoint_ids: Collection[str]) -> None:
    """Be alone, until ``tx`` ends, in changing what is pending in order to these endpoints."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('pending:' || id, 0)) "
        "FROM (SELECT unnest($1::text[]) AS id ORDER BY 1) AS ids",
        sorted(endpoint_ids),
    )


# The update keeps whoever forgets bodies from taking one that has just been wanted again.
_BODIES = """
INSERT INTO pending_bodies AS e (event_id, sealed) SELECT * FROM unnest($1::text[], $2::bytea[])
ON CONFLICT (event_id) DO UPDATE SET stored_at = clock_timestamp()
"""

_PARK = """
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


async def add_pending(tx: Tx, parked: Sequence[PendingDelivery]) -> int:
    """Remember these deliveries; those that are pending already stay as they are. Returns how many are new.

    Ordered ones follow ``lock_order`` and are followed by ``make_due``.
    """
    bodies = {p.event.event_id: p.sealed for p in parked if p.sealed is not None}
    if bodies:
        ids = sorted(bodies)
        await tx.execute(_BODIES, ids, [bodies[event_id] for event_id in ids])
    rows = [_columns(p) for p in parked]
    tag = await tx.execute(_PARK, *map(list, zip(*rows, strict=True)))
    # What is due later is found when somebody looks then; what keeps its order, ``make_due`` tells of.
    if not all(p.after_seconds or p.ordered or p.holder for p in parked):
        await tx.execute(f"NOTIFY {CHANNEL}")
    return int(tag.rpartition(" ")[2])


def _columns(p: PendingDelivery) -> tuple[Any, ...]:
    e = p.event
    return (
        p.delivery_id, p.endpoint_id, e.event_id, e.event_type, e.subject, e.integration_id, p.sequence,
        p.ordered, e.topic, e.partition, e.offset, e.at, p.attempts, p.after_seconds, p.given_up, p.status,
        p.error, p.holder, p.first_at,
    )  # fmt: skip


_RELEASE = """
UPDATE pending_deliveries SET next_attempt_at = clock_timestamp()
  FROM (SELECT DISTINCT ON (o.endpoint_id, o.subject) o.delivery_id, o.next_attempt_at
          FROM unnest($1::text[], $2::text[]) AS pair (endpoint_id, subject)
          JOIN pending_deliveries AS o USING (endpoint_id, subject)
         WHERE o.state = 'pending' AND o.ordered
         ORDER BY o.endpoint_id, o.subject, o.sequence) AS first
 WHERE pending_deliveries.delivery_id = first.delivery_id AND first.next_attempt_at = 'infinity'
"""


async def make_due(tx: Tx, pairs: Collection[EndpointOrderKey]) -> None:
    """Make the first of each pair's rows due, unless it has its own time already."""
    tag = await tx.execute(_RELEASE, [endpoint for endpoint, _ in pairs], [subject for _, subject in pairs])
    if tag != "UPDATE 0":
        await tx.execute(f"NOTIFY {CHANNEL}")


_HELD = """
SELECT DISTINCT o.endpoint_id, o.subject
  FROM unnest($1::text[], $2::text[]) AS pair (endpoint_id, subject)
  JOIN pending_deliveries AS o USING (endpoint_id, subject)
 WHERE o.state = 'pending' AND o.ordered
"""


async def keys_pending(db: Database, pairs: Collection[EndpointOrderKey]) -> set[EndpointOrderKey]:
    """Those of ``pairs`` for which something is pending in order: what is new must queue up behind it."""
    rows = await db.fetch(_HELD, [endpoint for endpoint, _ in pairs], [subject for _, subject in pairs])
    return {(row[0], row[1]) for row in rows}


# now(), not clock_timestamp(): only what is stable within the statement can be looked up in an index.
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


async def claim_due(db: Database, holder: str, rooms: Iterable[tuple[str, int]]) -> list[Claimed]:
    """Take what is due: for each (endpoint, room) as many as there is room for, those due longest first."""
    wanted = list(rooms)
    rows = await db.fetch(_CLAIM, holder, [endpoint for endpoint, _ in wanted], [room for _, room in wanted])
    return [_claimed(row) for row in rows]


def _claimed(row: Any) -> Claimed:
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
    return Claimed(
        delivery_id=row[0],
        endpoint_id=row[1],
        event=event,
        ordered=row[10],
        attempts=row[11],
        first_at=row[12],
        sealed=row[13],
    )


async def remove_delivered(tx: Tx, holder: str, delivery_ids: Sequence[str]) -> None:
    """Remove deliveries that were made; a body goes with the last delivery that needs it."""
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


# Whoever parks touches the body first: one that was touched a moment ago may be wanted by a transaction
# that is not visible yet. ``prune_pending`` comes back for it.
_FORGET_BODIES = """
DELETE FROM pending_bodies WHERE stored_at < clock_timestamp() - interval '90 seconds'
   AND NOT EXISTS (SELECT FROM pending_deliveries WHERE pending_deliveries.event_id = pending_bodies.event_id)
"""

_TRIED = """
UPDATE pending_deliveries AS o
   SET attempts = t.attempts, last_status = t.status, last_error = t.error, last_at = clock_timestamp(),
       holder = NULL, state = CASE WHEN t.again IS NULL THEN 'failed' ELSE 'pending' END,
       next_attempt_at = clock_timestamp() + make_interval(secs => coalesce(t.again, 0))
  FROM unnest($2::text[], $3::int[], $4::float8[], $5::smallint[], $6::text[])
       AS t (delivery_id, attempts, again, status, error)
 WHERE o.delivery_id = t.delivery_id AND o.holder = $1
"""


async def tried(tx: Tx, holder: str, outcomes: Sequence[AttemptOutcome]) -> None:
    """These were not delivered, or not even tried."""
    await tx.execute(
        _TRIED,
        holder,
        [t.delivery_id for t in outcomes],
        [t.attempts for t in outcomes],
        [t.after_seconds for t in outcomes],
        [t.status for t in outcomes],
        [t.error for t in outcomes],
    )


_MOST_COUNTED = 10_000
OLDEST = "SELECT min(first_at) FROM pending_deliveries WHERE state = 'pending'"
_HEAD = f"""
SELECT (SELECT count(*) FROM (SELECT FROM pending_deliveries WHERE state = 'pending' LIMIT $1) AS counted)
       + (SELECT coalesce(sum(size), 0) FROM (
                 SELECT cardinality(places) AS size FROM pending_batch_shares LIMIT $1) AS counted),
       coalesce(extract(epoch FROM clock_timestamp() - least(({OLDEST}), (
                SELECT parked_at FROM pending_batch_shares ORDER BY sheet_id LIMIT 1))), 0)::float8
"""


async def pending_head(db: Database) -> tuple[int, float]:
    """Return how many deliveries are pending, counted to 10,000, and since how many seconds the oldest is.

    Cheap with millions of rows: the count ends early, and the oldest is the first entry of the index
    ``pending_deliveries_oldest``; rows that were given up are in neither index.
    """
    row = await db.fetchrow(_HEAD, _MOST_COUNTED)
    return (min(_MOST_COUNTED, row[0]), row[1]) if row is not None else (0, 0.0)


async def prune_pending(db: Database, days: float) -> None:
    """Delete what is pending for deleted endpoints, what was given up long ago, bodies that no delivery
    needs, and leases of dead processes."""
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
