"""Deletions held back: more records disappeared at once than is believable without a person's word."""

from datetime import datetime
from typing import Literal

from msgspec import Struct
from pyroaring import BitMap64

from bridge.store.database import Database, Tx

State = Literal["held", "approved", "discarded", "done"]


class Held(Struct, frozen=True, kw_only=True):
    """A set of records that disappeared at once, of ``known_count`` that existed."""

    id: int
    integration_id: str
    resource: str
    row_count: int
    known_count: int
    found_at: datetime
    state: State


_COLUMNS = ", ".join(Held.__struct_fields__)


async def hold(tx: Tx, integration_id: str, resource: str, row_ids: BitMap64, known_count: int) -> int:
    """Hold a set back, replacing one that waits already (the newer scan knows better); returns its id.

    One that a person has approved stays as that person saw it.
    """
    row = await tx.fetchrow(
        "INSERT INTO held_deletions AS h (integration_id, resource, row_ids, row_count, known_count) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (integration_id, resource) "
        "WHERE state IN ('held', 'approved') DO UPDATE SET "
        "row_ids = CASE h.state WHEN 'held' THEN excluded.row_ids ELSE h.row_ids END, "
        "row_count = CASE h.state WHEN 'held' THEN excluded.row_count ELSE h.row_count END, "
        "known_count = CASE h.state WHEN 'held' THEN excluded.known_count ELSE h.known_count END "
        "RETURNING id",
        integration_id,
        resource,
        row_ids.serialize(),
        len(row_ids),
        known_count,
    )
    return int(row[0])


async def withdraw(tx: Tx, integration_id: str, resource: str) -> None:
    """Drop a hold that a newer complete scan no longer supports."""
    await tx.execute(
        "UPDATE held_deletions SET state = 'discarded', decided_at = now() "
        "WHERE integration_id = $1 AND resource = $2 AND state = 'held'",
        integration_id,
        resource,
    )


async def waiting(db: Database, integration_id: str | None = None) -> list[Held]:
    """What waits for a decision, or was approved and is not done yet."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM held_deletions WHERE state IN ('held', 'approved') "
        "AND ($1::text IS NULL OR integration_id = $1) ORDER BY id",
        integration_id,
    )
    return [Held(**dict(r)) for r in rows]


async def row_ids(db: Database, held_id: int) -> BitMap64:
    """The records of a held set."""
    return BitMap64.deserialize(
        await db.fetchval("SELECT row_ids FROM held_deletions WHERE id = $1", held_id)
    )


async def decide(db: Database, held_id: int, state: Literal["approved", "discarded"]) -> bool:
    """Approve or discard what is held; ``False`` when there is no such hold any more."""
    tag = await db.execute(
        "UPDATE held_deletions SET state = $2, decided_at = now() WHERE id = $1 AND state = 'held'",
        held_id,
        state,
    )
    return tag.endswith(" 1")


async def reopen(db: Database, held_id: int) -> None:
    """What was approved could not be proved: a person must look again."""
    await db.execute(
        "UPDATE held_deletions SET state = 'held', decided_at = NULL WHERE id = $1 AND state = 'approved'",
        held_id,
    )


async def finish(tx: Tx, held_id: int) -> None:
    """An approved set has been carried out."""
    await tx.execute("UPDATE held_deletions SET state = 'done', decided_at = now() WHERE id = $1", held_id)
