"""Holds: changes that capture does not publish without a person's decision, and the decisions.

    deletions          more records disappeared at once than is plausible; ``key`` is blank
    derived_deletions  many records no longer yield what they did; ``key`` is the model
    emptied_field      many records lost a field's value; ``key`` is ``model.field``
    missing_key        records lack a key that nearly all had; ``key`` is ``row:name`` or ``detail:name``

The records of a hold are not published until it is approved, or until they look right again.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from pyroaring import BitMap64

from bridge.store.database import Database, Tx

HoldKind = Literal["deletions", "derived_deletions", "emptied_field", "missing_key"]
KINDS: tuple[HoldKind, ...] = ("deletions", "derived_deletions", "emptied_field", "missing_key")
HoldState = Literal["held", "approved", "discarded", "done", "healed"]
BELIEVED_DAYS = 7
"""How long an approved mass change is believed: its other records may be read later."""


def kind_of(word: str) -> HoldKind:
    """Return the kind of that name. Raises ``ValueError`` if there is none."""
    for kind in KINDS:
        if kind == word:
            return kind
    raise ValueError(word)


class Hold(Struct, frozen=True, kw_only=True):
    """Records that are held together. ``evidence``: what was seen, for people."""

    id: int
    integration_id: str
    resource: str
    kind: HoldKind
    key: str
    evidence: str
    row_count: int
    known_count: int
    found_at: datetime
    state: HoldState


_COLUMNS = ", ".join(Hold.__struct_fields__)
# Discarded deletions are closed. Other discarded holds still hold their records.
_OPEN = "(state IN ('held', 'approved') OR state = 'discarded' AND kind <> 'deletions')"


async def replace_hold(
    tx: Tx, integration_id: str, resource: str, row_ids: BitMap64, known_count: int
) -> int:
    """Hold deletions, replacing those that wait already (the newer scan is right). Return the hold's id.

    Approved deletions stay as they were when a person approved them.
    """
    row = await tx.fetchrow(
        "INSERT INTO holds AS h (integration_id, resource, kind, key, evidence, row_ids, row_count, "
        "known_count) VALUES ($1, $2, 'deletions', '', $3, $4, $5, $6) "
        f"ON CONFLICT (integration_id, resource, kind, key) WHERE {_OPEN} DO UPDATE SET "
        "row_ids = CASE h.state WHEN 'held' THEN excluded.row_ids ELSE h.row_ids END, "
        "evidence = CASE h.state WHEN 'held' THEN excluded.evidence ELSE h.evidence END, "
        "row_count = CASE h.state WHEN 'held' THEN excluded.row_count ELSE h.row_count END, "
        "known_count = CASE h.state WHEN 'held' THEN excluded.known_count ELSE h.known_count END "
        "RETURNING id",
        integration_id,
        resource,
        f"{len(row_ids):,} of {known_count:,} records disappeared at once",
        row_ids.serialize(),
        len(row_ids),
        known_count,
    )
    return int(row[0])


class Withheld(Struct, frozen=True, kw_only=True):
    """Records to hold for one reason. Without ``evidence`` they only join an existing hold."""

    kind: HoldKind
    key: str
    row_ids: frozenset[int]
    evidence: str = ""
    known_count: int = 0


async def add_to_hold(tx: Tx, integration_id: str, resource: str, more: Withheld) -> tuple[int, bool] | None:
    """Add records to the hold of that kind and key. Return its id, and whether it is new.

    ``None``: there is no such hold, and without evidence none is opened. Call under ``snapshots.lock``.
    """
    row = await tx.fetchrow(
        f"SELECT id, row_ids FROM holds WHERE integration_id = $1 AND resource = $2 AND kind = $3 "
        f"AND key = $4 AND {_OPEN}",
        integration_id,
        resource,
        more.kind,
        more.key,
    )
    if row is None:
        return await _open(tx, integration_id, resource, more) if more.evidence else None
    row_ids = BitMap64.deserialize(row[1]) | BitMap64(more.row_ids)
    await tx.execute(
        "UPDATE holds SET row_ids = $2, row_count = $3, "
        "evidence = CASE WHEN $4 = '' THEN evidence ELSE $4 END, "
        "known_count = CASE WHEN $5 = 0 THEN known_count ELSE $5 END WHERE id = $1",
        row[0],
        row_ids.serialize(),
        len(row_ids),
        more.evidence,
        more.known_count,
    )
    return int(row[0]), False


async def _open(tx: Tx, integration_id: str, resource: str, first: Withheld) -> tuple[int, bool]:
    hold_id = await tx.fetchval(
        "INSERT INTO holds (integration_id, resource, kind, key, evidence, row_ids, row_count, known_count) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        integration_id,
        resource,
        first.kind,
        first.key,
        first.evidence,
        BitMap64(first.row_ids).serialize(),
        len(first.row_ids),
        first.known_count,
    )
    return int(hold_id), True


async def release_from_holds(
    tx: Tx, integration_id: str, resource: str, row_ids: Iterable[int]
) -> list[Hold]:
    """Remove records that were accepted, or are gone, from the holds. Return the holds that this empties,
    which are healed."""
    healed = []
    accepted = BitMap64(row_ids)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, row_ids FROM holds WHERE integration_id = $1 AND resource = $2 "
        f"AND kind <> 'deletions' AND state <> 'approved' AND {_OPEN}",
        integration_id,
        resource,
    )
    for row in rows:
        before = BitMap64.deserialize(row["row_ids"])
        left = before - accepted
        if len(left) == len(before):
            continue
        await tx.execute(
            "UPDATE holds SET row_ids = $2, row_count = $3 WHERE id = $1",
            row["id"],
            left.serialize(),
            len(left),
        )
        if not left:
            await end_hold(tx, row["id"])
            healed.append(_hold(row))
    return healed


async def end_hold(tx: Tx, hold_id: int) -> None:
    """End a hold, because its records look right again."""
    await tx.execute(
        "UPDATE holds SET state = 'healed', decided_at = now(), unseen = true WHERE id = $1", hold_id
    )


async def withdraw(tx: Tx, integration_id: str, resource: str) -> None:
    """Drop held deletions that a newer complete scan does not support."""
    await tx.execute(
        "UPDATE holds SET state = 'discarded', decided_at = now() "
        "WHERE integration_id = $1 AND resource = $2 AND kind = 'deletions' AND state = 'held'",
        integration_id,
        resource,
    )


async def load_waiting_holds(
    db: "Database | Tx", integration_id: str | None = None, kind: HoldKind | None = None
) -> list[Hold]:
    """Return the holds that wait for a decision, are approved but unfinished, or are discarded but still hold
    their records."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM holds WHERE {_OPEN} "
        "AND ($1::text IS NULL OR integration_id = $1) AND ($2::text IS NULL OR kind = $2) ORDER BY id",
        integration_id,
        kind,
    )
    return [_hold(r) for r in rows]


async def of_resource(tx: "Database | Tx", integration_id: str, resource: str) -> list[Hold]:
    """Return the holds of one resource except deletions: those of ``load_waiting_holds``, and mass changes
    that were approved recently and are still believed."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM holds WHERE integration_id = $1 AND resource = $2 AND kind <> 'deletions' "
        f"AND ({_OPEN} OR state = 'done' AND decided_at > now() - make_interval(days => $3)) ORDER BY id",
        integration_id,
        resource,
        BELIEVED_DAYS,
    )
    return [_hold(r) for r in rows]


async def row_ids(db: "Database | Tx", hold_id: int) -> BitMap64:
    """Return the records of a hold."""
    return BitMap64.deserialize(await db.fetchval("SELECT row_ids FROM holds WHERE id = $1", hold_id))


async def decide_hold(db: Database, hold_id: int, state: Literal["approved", "discarded"]) -> bool:
    """Approve or discard a hold. Return ``False`` if it is no longer open.

    A discarded hold that still holds its records can be approved later.
    """
    tag = await db.execute(
        "UPDATE holds SET state = $2, decided_at = now(), unseen = true "
        "WHERE id = $1 "
        "AND (state = 'held' OR state = 'discarded' AND $2 = 'approved' AND kind <> 'deletions')",
        hold_id,
        state,
    )
    return tag.endswith(" 1")


async def any_unseen(db: Database, integration_id: str, resources: Iterable[str]) -> bool:
    """Report whether ``take_unseen`` would return any hold; it has its own index."""
    query = "SELECT EXISTS (SELECT FROM holds WHERE integration_id = $1 AND unseen AND resource = ANY($2))"
    return bool(await db.fetchval(query, integration_id, list(resources)))


async def take_unseen(tx: Tx, integration_id: str, resources: Iterable[str]) -> list[Hold]:
    """Return, once each, the holds of these resources that were decided or healed since the last call."""
    rows = await tx.fetch(
        "UPDATE holds SET unseen = false WHERE integration_id = $1 AND unseen AND resource = ANY($2) "
        f"RETURNING {_COLUMNS}",
        integration_id,
        list(resources),
    )
    return [_hold(r) for r in rows]


class UnreportedHold(Struct, frozen=True, kw_only=True):
    """A hold whose state was not reported yet. ``reported``: the last reported state."""

    hold: Hold
    reported: str | None


async def take_unreported(tx: Tx, count: int) -> list[UnreportedHold]:
    """Return holds whose state was not reported to operational endpoints, oldest first, and mark them."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, reported FROM holds WHERE reported IS DISTINCT FROM state ORDER BY id "
        "LIMIT $1 FOR UPDATE SKIP LOCKED",
        count,
    )
    await tx.execute(
        "UPDATE holds SET reported = state WHERE id = ANY($1::bigint[])", [row["id"] for row in rows]
    )
    return [UnreportedHold(hold=_hold(row), reported=row["reported"]) for row in rows]


async def reopen(db: Database, hold_id: int) -> None:
    """Reopen an approved hold that could not be proved: a person must decide again."""
    await db.execute(
        "UPDATE holds SET state = 'held', decided_at = NULL WHERE id = $1 AND state = 'approved'", hold_id
    )


async def finish_hold(tx: Tx, hold_id: int) -> None:
    """Record that an approved hold has been carried out."""
    await tx.execute("UPDATE holds SET state = 'done', decided_at = now() WHERE id = $1", hold_id)


def _hold(row: Any) -> Hold:
    return Hold(**{name: row[name] for name in Hold.__struct_fields__})
