"""Accepted records that are read again, for the account answered otherwise when they were read.

Their fingerprints are dropped: the next sight of their rows, in a poll or a sweep, leads to a new read.
"""

from datetime import datetime

from trackerrms_contracts.entities import Model

from bridge.store.database import Tx

_SINCE = """
UPDATE row_states SET quick = NULL, fingerprint = NULL
WHERE integration_id = $1 AND resource = $2 AND NOT gone AND fingerprint IS NOT NULL AND read_at >= $3
"""


async def doubt_since(tx: Tx, integration_id: str, resource: str, moment: datetime) -> int:
    """Have the records read again that were read since that moment (database time); return how many."""
    return _count(await tx.execute(_SINCE, integration_id, resource, moment))


# The last record that was read with the value before: all that were read since then lack it.
_WITHOUT = """
WITH filled AS MATERIALIZED (
    SELECT DISTINCT parent FROM snapshots
    WHERE integration_id = $1 AND model = $3 AND NOT deleted AND parent <> ''
      AND ($4::integer IS NULL OR substring(fields FROM $4 + 1 FOR 8) <> '\\x0000000000000000')
), lost AS MATERIALIZED (
    SELECT parent FROM snapshots
    WHERE integration_id = $1 AND model = $3 AND sequence > 1 AND changed_at >= $6
), last AS MATERIALIZED (
    SELECT max(s.read_at) AS read_at FROM row_states s JOIN filled f ON f.parent = $2::text || ':' || s.row_id
    WHERE s.integration_id = $1 AND s.resource = $2 AND NOT s.gone AND s.read_at < $5
)
UPDATE row_states SET quick = NULL, fingerprint = NULL
WHERE integration_id = $1 AND resource = $2 AND NOT gone AND fingerprint IS NOT NULL
  AND NOT EXISTS (SELECT FROM filled f WHERE f.parent = $2::text || ':' || row_id)
  AND (read_at >= coalesce((SELECT read_at FROM last), '-infinity')
       OR $2::text || ':' || row_id IN (SELECT parent FROM lost))
"""


async def doubt_without(
    tx: Tx,
    integration_id: str,
    resource: str,
    model: Model,
    place: int | None,
    *,
    held_at: datetime,
    lost_since: datetime,
) -> int:
    """Have the records read again that lack a value, or all of a model, where the account may be at fault.

    Those are the ones read since the last record before ``held_at`` that had it, and those that changed since
    ``lost_since``. ``place``: of the field's hash in ``fields``; ``None``: an entity of the model is the
    value. Returns how many they are.
    """
    done = await tx.execute(_WITHOUT, integration_id, resource, str(model), place, held_at, lost_since)
    return _count(done)


def _count(done: str) -> int:
    return int(done.rpartition(" ")[2])
