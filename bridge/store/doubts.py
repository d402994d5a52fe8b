"""Accepted records that must be read again, because the account's answers were different when they were read.

Their fingerprints are removed: the next poll or sweep that shows their rows reads them again.
"""

from datetime import datetime

from trackerrms_contracts.entities import Model

from bridge.store.database import Tx

_SINCE = """
UPDATE row_states SET quick = NULL, fingerprint = NULL
WHERE integration_id = $1 AND resource = $2 AND NOT gone AND fingerprint IS NOT NULL AND read_at >= $3
"""


async def doubt_since(tx: Tx, integration_id: str, resource: str, moment: datetime) -> int:
    """Mark the records that were read since ``moment`` (database time) for another read. Return their
    number."""
    return _count(await tx.execute(_SINCE, integration_id, resource, moment))


# The last record that was read with the value before: all records read since then lack it.
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
    """Mark records for another read that lack a value, or all of a model, possibly by the account's fault.

    Those are the records read since the last record before ``held_at`` that had the value, and those that
    changed since ``lost_since``. ``place``: of the field's hash in ``fields``; ``None``: the value is an
    entity of the model. Return the number of records.
    """
    done = await tx.execute(_WITHOUT, integration_id, resource, str(model), place, held_at, lost_since)
    return _count(done)


def _count(done: str) -> int:
    return int(done.rpartition(" ")[2])
