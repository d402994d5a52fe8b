"""The end of a hold whose records look right again: records accepted meanwhile are read again.

While an account answers ``null`` for a value, records that had it are held. A record that never had it,
because it is new or was changed meanwhile, has nothing to lose and is accepted. Its row does not change when
the value is back, so it must be read again.
"""

from datetime import timedelta

import structlog
from trackerrms_contracts.entities import STRUCTS, Model

from bridge.hashing import place_of
from bridge.store import doubts, holds
from bridge.store.database import Tx
from bridge.store.holds import Hold

_log = structlog.get_logger(__name__)
_LOST_BEFORE = timedelta(hours=2)
"""Losses of this period are added up before they are too many; the first of them were accepted."""


async def heal_hold(tx: Tx, hold: Hold) -> None:
    """End a hold, and request a new read of the records accepted meanwhile without what its records
    lacked."""
    await holds.end_hold(tx, hold.id)
    await report_healed(tx, hold)


async def report_healed(tx: Tx, hold: Hold) -> None:
    """Report that a hold has healed, and request a new read of the records accepted meanwhile."""
    again = await _doubt(tx, hold)
    _log.info(
        "hold.healed",
        integration=hold.integration_id,
        resource=hold.resource,
        kind=hold.kind,
        key=hold.key,
        hold=hold.id,
        read_again=again,
    )


async def _doubt(tx: Tx, hold: Hold) -> int:
    if hold.kind == "missing_key":
        return await doubts.doubt_since(tx, hold.integration_id, hold.resource, hold.found_at)
    word, _, field = hold.key.partition(".")
    model = Model(word)
    return await doubts.doubt_without(
        tx,
        hold.integration_id,
        hold.resource,
        model,
        place_of(STRUCTS[model], field) if field else None,
        held_at=hold.found_at,
        lost_since=hold.found_at - _LOST_BEFORE,
    )
