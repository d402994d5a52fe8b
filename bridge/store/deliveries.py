"""Deliveries for people: lists and details, and requests for resends and recoveries.

A delivered delivery has no row of its own: its last attempt in the log represents it. A pending or failed one
is a row of ``pending_deliveries``, or part of a batch. ``NOTIFY`` wakes the webhook stage.
"""

import base64
import binascii
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Utc
from trackerrms_contracts.webhooks import TEST_TYPE, Attempt, Delivery, DeliveryPage, DeliveryState, Recovery

from bridge.clock import utc_now
from bridge.sealing import Sealer
from bridge.store import delivery, pending, pending_batches, recoveries
from bridge.store.database import Database
from bridge.store.delivery import Event, NotTried
from bridge.store.delivery_log import RESPONSE_PURPOSE

# --- lists and details ------------------------------------------------------------------------------------

_PENDING = """
SELECT delivery_id, endpoint_id, event_id, event_type, subject, integration_id, state, attempts,
       CASE WHEN state = 'pending' AND isfinite(next_attempt_at) THEN next_attempt_at END AS next_attempt_at,
       last_status, last_error, first_at, last_at
  FROM pending_deliveries
"""
_MADE = """
SELECT delivery_id, endpoint_id, event_id, event_type, subject, integration_id, 'delivered', attempt,
       NULL::timestamptz, status, error, first_at, at AS last_at
  FROM webhook_attempts
"""
_PAGE = """
SELECT * FROM (
    ({pending} WHERE {filters} AND ($2::text IS NULL OR state = $2) AND ($2 IS DISTINCT FROM 'delivered')
        AND (last_at, delivery_id) < ($6::timestamptz, $7::text)
      ORDER BY last_at DESC, delivery_id DESC LIMIT $8)
    UNION ALL
    ({made} WHERE delivered AND {filters} AND ($2::text IS NULL OR $2 = 'delivered')
        AND (at, delivery_id) < ($6::timestamptz, $7::text)
      ORDER BY at DESC, delivery_id DESC LIMIT $8)
) AS found ORDER BY last_at DESC, delivery_id DESC LIMIT $8
"""
_FILTERS = """($1::text IS NULL OR endpoint_id = $1) AND ($3::text IS NULL OR event_type = $3)
        AND {at} >= $4::timestamptz AND {at} < $5::timestamptz
        AND ($9::text IS NULL OR endpoint_id IN (SELECT id FROM endpoints WHERE owner = $9))"""
_LIST = _PAGE.format(pending=_PENDING, made=_MADE, filters="{filters}")
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def load_deliveries(
    db: Database,
    *,
    endpoint_id: str | None = None,
    state: DeliveryState | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
    owner: str | None = None,
) -> DeliveryPage:
    """Return deliveries by the time of their last attempt, newest first. Raises ``ValueError`` for an invalid
    ``cursor``."""
    after_at, after_id = _read_cursor(cursor) if cursor else (_LAST, "")
    pending_filters, made_filters = _FILTERS.format(at="last_at"), _FILTERS.format(at="at")
    query = _LIST.replace("{filters}", pending_filters, 1).replace("{filters}", made_filters, 1)
    rows = await db.fetch(
        query,
        endpoint_id,
        state,
        event_type,
        since or _FIRST,
        until or _LAST,
        after_at,
        after_id,
        limit,
        owner,
    )
    found = [_delivery(row) for row in rows]
    if state in (None, "pending"):
        found += await pending_batches.list_batched(
            db,
            endpoint_id=endpoint_id,
            event_type=event_type,
            since=since or _FIRST,
            until=until or _LAST,
            before=(after_at, after_id),
            owner=owner,
            limit=limit,
        )
        found = sorted(found, key=lambda one: (one.last_at or _FIRST, one.id), reverse=True)[:limit]
    more = len(found) == limit and limit > 0
    return DeliveryPage(items=tuple(found), next_cursor=_cursor(found[-1]) if more else None)


async def load_delivery(
    db: Database, sealer: Sealer, delivery_id: str
) -> tuple[Delivery, list[Attempt]] | None:
    """Return a delivery and its attempts, oldest first; ``None`` if it is unknown."""
    row = await db.fetchrow(f"{_PENDING} WHERE delivery_id = $1", delivery_id)
    if row is None:
        await pending_batches.unpack_delivery(db, sealer, delivery_id)
        row = await db.fetchrow(f"{_PENDING} WHERE delivery_id = $1", delivery_id)
    if row is None:
        row = await db.fetchrow(
            f"{_MADE} WHERE delivery_id = $1 AND delivered ORDER BY at DESC LIMIT 1", delivery_id
        )
    if row is None:
        return None
    lines = await db.fetch(
        "SELECT at, status, error, reason, elapsed_ms, response, signed_with FROM webhook_attempts "
        "WHERE delivery_id = $1 ORDER BY at",
        delivery_id,
    )
    return _delivery(row), [_attempt(sealer, line) for line in lines]


def _delivery(row: Any) -> Delivery:
    return Delivery(**dict(zip(Delivery.__struct_fields__, row, strict=True)))


def _attempt(sealer: Sealer, row: Any) -> Attempt:
    said = b"" if row[5] is None else sealer.open(RESPONSE_PURPOSE, row[5])
    return Attempt(
        at=row[0],
        status=row[1],
        error=row[2],
        reason=row[3],
        elapsed_ms=row[4],
        response_excerpt=said.decode("utf-8", "replace"),
        signed_with=row[6],
    )


def _cursor(last: Delivery) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((last.last_at, last.id))).decode("ascii")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, after = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[Utc, str])
        at = at.astimezone(UTC)
    except (binascii.Error, msgspec.MsgspecError, ValueError, OverflowError):
        raise ValueError("not a cursor of this list") from None
    if not after.startswith("dl_") or not ids.is_entity_id(after.removeprefix("dl_")):
        raise ValueError("not a cursor of this list")
    return at, after


# --- requests ---------------------------------------------------------------------------------------------

_NOW_AGAIN = """
UPDATE pending_deliveries SET state = 'pending', next_attempt_at = clock_timestamp()
 WHERE delivery_id = $1 AND (state = 'failed' OR isfinite(next_attempt_at)) AND holder IS NULL
RETURNING true
"""
_STANDING = "SELECT EXISTS (SELECT FROM pending_deliveries WHERE delivery_id = $1)"
_LAST_LINE = """
SELECT endpoint_id, event_id, event_type, subject, integration_id, topic, partition, kafka_offset, event_at
  FROM webhook_attempts WHERE delivery_id = $1 ORDER BY at DESC LIMIT 1
"""


async def request_resend(db: Database, sealer: Sealer, delivery_id: str) -> str | None:
    """Request another attempt soon. Return the id of the delivery to follow; ``None`` if it is unknown.

    A pending delivery is tried now, unless it waits in order behind another. A delivered one becomes a new
    delivery with its own id; its body is read from Kafka again.
    """
    await pending_batches.unpack_delivery(db, sealer, delivery_id)
    async with db.transaction() as tx:
        if await tx.fetchval(_NOW_AGAIN, delivery_id) or await tx.fetchval(_STANDING, delivery_id):
            await tx.execute(f"NOTIFY {pending.CHANNEL}")
            return delivery_id
        row = await tx.fetchrow(_LAST_LINE, delivery_id)
        if row is None:
            return None
        event = Event(
            event_id=row[1], event_type=row[2], subject=row[3], integration_id=row[4], topic=row[5],
            partition=row[6], offset=row[7], at=row[8],
        )  # fmt: skip
        again = ids.delivery_id(row[0], event.event_id, secrets.randbits(62) + 1)
        await pending.add_pending(tx, sealer, [(_unread(again, row[0], event), NotTried())])
    return again


async def send_test(db: Database, sealer: Sealer, endpoint_id: str) -> str:
    """Request the delivery of a ``webhook.test`` event, whose body the webhook stage writes. Return the
    delivery's id."""
    event = Event(
        event_id=ids.operational_id(endpoint_id, TEST_TYPE, secrets.token_hex(16)),
        event_type=TEST_TYPE,
        subject=endpoint_id,
        integration_id="",
        topic=None,
        partition=None,
        offset=None,
        at=utc_now(),
    )
    delivery_id = ids.delivery_id(endpoint_id, event.event_id)
    async with db.transaction() as tx:
        await pending.add_pending(tx, sealer, [(_unread(delivery_id, endpoint_id, event), NotTried())])
    return delivery_id


def _unread(delivery_id: str, endpoint_id: str, event: Event) -> delivery.Delivery:
    return delivery.Delivery(id=delivery_id, endpoint_id=endpoint_id, event=event, body=None)


async def recover_deliveries(
    db: Database, endpoint_id: str, since: datetime, until: datetime | None = None
) -> str:
    """Request the delivery of the events that the endpoint missed in that time. Return the recovery's id."""
    async with db.transaction() as tx:
        return await recoveries.request_recovery(tx, endpoint_id, since, until or utc_now())


async def load_recoveries(db: Database, endpoint_id: str) -> list[Recovery]:
    """Return the endpoint's recoveries, newest first."""
    return await recoveries.newest_recoveries(db, endpoint_id)
