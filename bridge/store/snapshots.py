"""Snapshots: the version number and the keyed hashes of each entity.

All of an integration's snapshots change under ``lock``: otherwise two writers would count entities that
several records yield (tags, roles) at once.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import astuple
from trackerrms_contracts.entities import Model

from bridge.store.database import Database, Tx
from bridge.store.stored_records import Snapshot


async def lock(tx: Tx, integration_id: str) -> None:
    """Become the only writer of this integration's snapshots until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"snapshots:{integration_id}")


_COLUMNS = ", ".join(Snapshot.__struct_fields__)

# LIMIT and OFFSET make PostgreSQL look up each key in the index. Without statistics (during a first load,
# until the first ANALYZE) it would read all snapshots of the integration at every step.
_BY_PARENT = f"""
SELECT s.* FROM unnest($2::text[]) AS k (parent)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM snapshots
    WHERE integration_id = $1 AND parent = k.parent AND NOT deleted AND parent <> '' OFFSET 0) AS s
"""


async def of_parents(tx: Tx, integration_id: str, parents: Sequence[str]) -> list[Snapshot]:
    """Return the live entities that these records yielded."""
    return [_snapshot(r) for r in await tx.fetch(_BY_PARENT, integration_id, parents)]


_BY_KEY = f"""
SELECT s.* FROM unnest($2::text[], $3::text[]) AS k (model, remote_id)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM snapshots
    WHERE integration_id = $1 AND model = k.model AND remote_id = k.remote_id LIMIT 1) AS s
"""


async def by_keys(tx: Tx, integration_id: str, keys: Sequence[tuple[Model, str]]) -> list[Snapshot]:
    """Return the entities of these (model, remote id), including deleted ones."""
    models = [str(model) for model, _ in keys]
    return [_snapshot(r) for r in await tx.fetch(_BY_KEY, integration_id, models, [k for _, k in keys])]


_IN_USE = """
SELECT k.shared FROM unnest($2::text[]) AS k (shared)
WHERE EXISTS (SELECT FROM snapshots s
              WHERE s.integration_id = $1 AND s.shared = k.shared AND NOT s.deleted)
"""


async def shared_in_use(tx: Tx, integration_id: str, shared: Sequence[str]) -> set[str]:
    """Return which of these tags and roles at least one live link refers to."""
    return {r[0] for r in await tx.fetch(_IN_USE, integration_id, shared)}


_UNUSED = """
SELECT t.remote_id FROM snapshots t
WHERE t.integration_id = $1 AND t.model = $2 AND NOT t.deleted
  AND NOT EXISTS (SELECT FROM snapshots s
                  WHERE s.integration_id = $1 AND s.shared = $2 || ':' || t.remote_id AND NOT s.deleted)
"""


async def unused(db: Database, integration_id: str, model: Model) -> list[str]:
    """Return the tags or roles that no live link refers to."""
    return [r[0] for r in await db.fetch(_UNUSED, integration_id, str(model))]


async def count_live_entities(tx: Tx, integration_id: str, model: Model) -> int:
    """Return how many entities of a model are known to exist; uses the index snapshots_live."""
    query = "SELECT count(*) FROM snapshots WHERE integration_id = $1 AND model = $2 AND NOT deleted"
    return int(await tx.fetchval(query, integration_id, str(model)))


async def count_some(db: Database, integration_id: str, model: Model, most: int = 10) -> int:
    """Return how many live entities of a model there are, counting up to ``most``."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM (SELECT FROM snapshots WHERE integration_id = $1 AND model = $2 "
        "AND NOT deleted LIMIT $3) AS counted",
        integration_id,
        str(model),
        most,
    )
    return count


# The inner LIMIT: entities of one record are adjacent, and a few records are enough.
_HAVING = """
SELECT DISTINCT parent FROM (
    SELECT parent FROM snapshots
    WHERE integration_id = $1 AND model = $2 AND NOT deleted AND parent <> '' AND NOT parent = ANY($3)
      AND ($4::integer IS NULL OR substring(fields FROM $4 + 1 FOR 8) <> '\\x0000000000000000')
      AND ($6::text[] IS NULL OR parent = ANY($6))
    LIMIT 20 * $5) AS found
LIMIT $5
"""


async def some_having(
    db: Database,
    integration_id: str,
    model: Model,
    place: int | None,
    besides: Sequence[str],
    count: int,
    among: Sequence[str] | None = None,
) -> list[str]:
    """Return some records, except ``besides``, that yielded an entity of a model. If ``place`` is given, the
    field whose hash is at that offset has a value. ``among``: only these records."""
    rows = await db.fetch(_HAVING, integration_id, str(model), besides, place, count, among)
    return [r[0] for r in rows]


_UPSERT = f"""
INSERT INTO snapshots (integration_id, {_COLUMNS})
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[],
                         $8::bytea[], $9::boolean[], $10::timestamptz[], $11::bytea[])
ON CONFLICT (integration_id, model, remote_id) DO UPDATE
SET parent = excluded.parent, shared = excluded.shared, sequence = excluded.sequence, hash = excluded.hash,
    fields = excluded.fields, deleted = excluded.deleted, changed_at = excluded.changed_at,
    last = excluded.last
"""


async def put_snapshots(tx: Tx, integration_id: str, snapshots: Sequence[Snapshot]) -> None:
    """Write snapshots, new or replaced."""
    if not snapshots:
        return
    columns: list[list[Any]] = [[str(s.model) for s in snapshots]]
    columns += [[getattr(s, name) for s in snapshots] for name in _COLUMNS.split(", ")[1:]]
    await tx.execute(_UPSERT, integration_id, *columns)


async def insert_snapshots(tx: Tx, integration_id: str, snapshots: Sequence[Snapshot]) -> None:
    """Write new snapshots, of entities that the caller looked for under ``lock`` and that are not stored, not
    even as deleted.

    ``put_snapshots`` costs more, and a first load writes only new ones.
    """
    if not snapshots:
        return
    await tx.copy_records_to_table(
        "snapshots",
        columns=("integration_id", *Snapshot.__struct_fields__),
        records=[(integration_id, *astuple(snapshot)) for snapshot in snapshots],
    )


async def restore(tx: Tx, integration_id: str, changes: Sequence[tuple[Snapshot, Snapshot | None]]) -> None:
    """Restore (new, old) pairs: what could not be published must not count as published."""
    new = [snapshot for snapshot, old in changes if old is None]
    await put_snapshots(tx, integration_id, [old for _, old in changes if old is not None])
    if new:
        await tx.execute(
            "DELETE FROM snapshots s USING unnest($2::text[], $3::text[]) AS k (model, remote_id) "
            "WHERE s.integration_id = $1 AND s.model = k.model AND s.remote_id = k.remote_id",
            integration_id,
            [str(s.model) for s in new],
            [s.remote_id for s in new],
        )


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        model=Model(row[0]),
        remote_id=row[1],
        parent=row[2],
        shared=row[3],
        sequence=row[4],
        hash=row[5],
        fields=row[6],
        deleted=row[7],
        changed_at=row[8],
        last=row[9],
    )
