"""The outbox: messages that a transaction has decided on and Kafka has not acknowledged yet.

**Order.** ``position`` is assigned when a row is written, not when it is committed: a smaller position may
become visible after a greater one. The order per key holds all the same, because a writer of an entity holds
its row lock or its lease until the commit, and the next writer of that entity gets its positions after that.
So of the rows of one key, a statement always sees the first ones, in order, without a gap. Two rules follow
for readers. Never ask for "positions after the last one seen": a row that became visible late would be
skipped. And a reader that has rows in flight asks for the first rows *and* leaves out those in flight
(``take_rows(…, in_flight)``).
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from bridge.errors import Transient
from bridge.store import leases
from bridge.store.database import Database, Tx
from bridge.tasks import cancel_and_wait

SHARDS = range(16)
"""Never change this: the shard of a key decides which relay keeps its order."""

_CHANNEL = "outbox"


class OutboxRow(Struct, frozen=True, kw_only=True, gc=False):
    """A message for Kafka. ``value`` ``None`` is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class StoredRow(OutboxRow, frozen=True, kw_only=True, gc=False):
    """A message that waits in the outbox."""

    position: int
    shard: int
    created_at: datetime


class ShardProgress(Struct, frozen=True, kw_only=True):
    """The relay's progress with one shard, since the installation began."""

    shard: int
    sent_position: int
    sent_count: int
    sent_at: datetime


_encode_headers = msgspec.msgpack.Encoder().encode
_headers = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...])


def shard_of(key: bytes) -> int:
    """Return the shard of every message with that key."""
    return zlib.crc32(key) % len(SHARDS)


async def append(tx: Tx, rows: Sequence[OutboxRow]) -> None:
    """Add ``rows`` in order, and wake the relay when ``tx`` commits (invariant 1).

    The caller holds the lock or the lease under which the entities of these keys are written.
    """
    if not rows:
        return
    await tx.copy_records_to_table(
        "outbox",
        columns=("shard", "topic", "key", "value", "headers"),
        records=[
            (shard_of(row.key), row.topic, row.key, row.value, _encode_headers(row.headers)) for row in rows
        ],
    )
    await tx.execute(f"NOTIFY {_CHANNEL}")


# The first rows of each shard, so that a blocked shard takes no room from the others.
_FIRST_POSITIONS = """
SELECT first.position
  FROM unnest($1::smallint[]) AS wanted (shard)
 CROSS JOIN LATERAL (
       SELECT position FROM outbox WHERE shard = wanted.shard ORDER BY position LIMIT $2) AS first
 ORDER BY first.position
"""

_ROWS = """
SELECT position, shard, topic, key, value, headers, created_at
  FROM outbox WHERE position = ANY($1::bigint[]) ORDER BY position
"""


async def take_rows(
    db: Database, shards: Collection[int], limit: int, in_flight: Collection[int] = frozenset()
) -> list[StoredRow]:
    """Return up to ``limit`` of the first rows of ``shards``, by position, except the positions
    ``in_flight``.

    Reading marks nothing: only the holder of the relay's lease may publish what it reads. The rows in flight
    must come from earlier calls and must be published before the rows returned here.
    """
    per_shard = 2 * (limit + len(in_flight)) // max(1, len(shards)) + 1
    found = await db.fetch(_FIRST_POSITIONS, list(shards), per_shard)
    taken = set(in_flight)
    positions = [row[0] for row in found if row[0] not in taken][:limit]
    if not positions:
        return []
    return [_stored(*row) for row in await db.fetch(_ROWS, positions)]


def _stored(
    position: int,
    shard: int,
    topic: str,
    key: bytes,
    value: bytes | None,
    headers: bytes,
    created_at: datetime,
) -> StoredRow:
    return StoredRow(
        position=position,
        shard=shard,
        topic=topic,
        key=key,
        value=value,
        headers=_headers.decode(headers),
        created_at=created_at,
    )


_MARK_SENT = """
WITH sent AS (
    DELETE FROM outbox WHERE position = ANY($1::bigint[]) RETURNING shard, position
)
INSERT INTO relay_progress AS progress (shard, sent_position, sent_count, sent_at)
SELECT shard, max(position), count(*), now() FROM sent GROUP BY shard
ON CONFLICT (shard) DO UPDATE
   SET sent_position = greatest(progress.sent_position, excluded.sent_position),
       sent_count = progress.sent_count + excluded.sent_count,
       sent_at = excluded.sent_at
"""


async def mark_sent(tx: Tx, lease: leases.Lease, rows: Sequence[StoredRow]) -> None:
    """Remove ``rows``, which the broker has acknowledged (invariant 3), and record the progress.

    Repeating it has no effect. Raises ``LeaseLost`` and changes nothing if ``lease`` is no longer held
    (invariant 4).
    """
    await leases.assert_held(tx, lease)
    await tx.execute(_MARK_SENT, [row.position for row in rows])


async def depth(db: Database) -> tuple[int, timedelta]:
    """Return how many rows wait, and how long the oldest has waited (zero if none waits)."""
    row = await db.fetchrow("SELECT count(*), coalesce(now() - min(created_at), '0') FROM outbox")
    return (row[0], row[1]) if row is not None else (0, timedelta())


_MOST_COUNTED = 10_000


async def outbox_head(db: Database) -> tuple[int, float]:
    """Return how many rows wait, counted up to 10,000, and how many seconds the first has waited.

    Cheap with millions of rows: it reads only the first ones, by the primary key.
    """
    row = await db.fetchrow(
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 "
        "FROM (SELECT created_at FROM outbox ORDER BY position LIMIT $1) AS first",
        _MOST_COUNTED,
    )
    return (row[0], row[1]) if row is not None else (0, 0.0)


async def progress(db: Database) -> list[ShardProgress]:
    """Return what was sent so far, by shard; shards without any are left out."""
    found = await db.fetch(
        "SELECT shard, sent_position, sent_count, sent_at FROM relay_progress ORDER BY shard"
    )
    return [ShardProgress(shard=s, sent_position=p, sent_count=c, sent_at=at) for s, p, c, at in found]


class Wakeup:
    """Waits for a commit that added rows; see ``listen_for_commits``."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self, *_: object) -> None:
        """Wake up: a commit added rows, or the connection that would report it is lost."""
        self._event.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Return at the next commit, at once if one happened since the last call, or after the timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        self._event.clear()


@contextlib.asynccontextmanager
async def listen_for_commits(db: Database, channel: str = _CHANNEL) -> AsyncIterator[Wakeup]:
    """Yield a ``Wakeup`` for commits with ``append``, or for other notifications on ``channel``.

    While the connection is down only the timeout of ``wait`` ends it, so callers give one. The connection is
    restored in the background.
    """
    wakeup = Wakeup()
    task = asyncio.create_task(_listen(db, wakeup, channel), name=f"{channel} listener")
    try:
        yield wakeup
    finally:
        await cancel_and_wait(task, raise_errors=True)


async def _listen(db: Database, wakeup: Wakeup, channel: str) -> None:
    while True:
        closed = asyncio.Event()
        # Log nothing: the relay's own statements meet the same error and report it.
        with contextlib.suppress(Transient):
            async with db.dedicated() as connection:
                connection.add_termination_listener(lambda *_, closed=closed: closed.set())
                await connection.add_listener(channel, wakeup.notify)
                wakeup.notify()
                await closed.wait()
        await asyncio.sleep(1)
