"""Statistics of a resource's records: which keys they have, and how often they lose values.

There is one row per resource, read and written with each batch of records under ``snapshots.lock``.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from bridge.store.database import Database, Tx
from bridge.store.stored_records import KeyCount, LossCount


class Habits(Struct, frozen=True, kw_only=True):
    """Statistics. ``keys``: by ``row:name`` or ``detail:name``; ``losses``: by a hold's kind and key."""

    keys: Mapping[str, KeyCount] = {}
    losses: Mapping[str, LossCount] = {}


_decode_keys = msgspec.json.Decoder(dict[str, KeyCount]).decode
_decode_losses = msgspec.json.Decoder(dict[str, LossCount]).decode


async def load_habits(db: "Database | Tx", integration_id: str, resource: str) -> Habits:
    """Return the statistics of a resource; empty ones before any of its records was accepted."""
    row = await db.fetchrow(
        "SELECT keys, losses FROM habits WHERE integration_id = $1 AND resource = $2",
        integration_id,
        resource,
    )
    return Habits() if row is None else Habits(keys=_decode_keys(row[0]), losses=_decode_losses(row[1]))


async def save_habits(tx: Tx, integration_id: str, resource: str, now: Habits) -> None:
    """Replace the statistics of a resource."""
    await tx.execute(
        "INSERT INTO habits (integration_id, resource, keys, losses) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (integration_id, resource) DO UPDATE SET keys = excluded.keys, losses = excluded.losses",
        integration_id,
        resource,
        msgspec.json.encode(now.keys).decode(),
        msgspec.json.encode(now.losses).decode(),
    )


async def forget_key(tx: Tx, integration_id: str, resource: str, key: str) -> None:
    """Reset a key, the keys below it, and the losses of that name."""
    now = await load_habits(tx, integration_id, resource)
    keys = {k: v for k, v in now.keys.items() if k != key and not k.startswith(f"{key}.")}
    losses = {k: v for k, v in now.losses.items() if k.partition(":")[2] != key}
    await save_habits(tx, integration_id, resource, Habits(keys=keys, losses=losses))
