"""Events about holds: a hold was opened or has ended.

They go to the operational endpoints that want them, through the table of pending deliveries, like the events
about endpoints. The store records the last reported state of each hold, so it does not matter which process
changes a hold, or whether this stage is running at that time.
"""

from trackerrms_contracts import codec, ids
from trackerrms_contracts.webhooks import HoldEnd, HoldEvent, HoldNews, HoldType

from bridge.clock import utc_now
from bridge.sealing import Sealer
from bridge.store import health, holds
from bridge.store.database import Database, Tx
from bridge.store.delivery import Event
from bridge.store.holds import Hold, UnreportedHold
from bridge.webhooks import matching
from bridge.webhooks.operational import queue_for

_ENDS: dict[str, HoldEnd] = {"done": "approved", "discarded": "discarded", "healed": "healed"}
_AT_ONCE = 100
_OPENED = (
    "These records are not published; all others are. Check the account in TrackerRMS, then run: bridge "
    "holds approve {id}, or: bridge holds discard {id}"
)
_SAID: dict[HoldEnd, str] = {
    "approved": "The hold was approved: the records are read again and published as they are now.",
    "discarded": "The hold was discarded, or its reason is gone: the held changes are not published.",
    "healed": "The records look right again: they are read again and published as they are now.",
}


async def report_holds(db: Database, sealer: Sealer) -> int:
    """Queue events for the holds that changed since the last call. Return the number of these holds."""
    async with db.transaction() as tx:
        changed = await holds.take_unreported(tx, _AT_ONCE)
        for one in changed:
            await _report(tx, sealer, one)
    return len(changed)


async def _report(tx: Tx, sealer: Sealer, one: UnreportedHold) -> None:
    hold = one.hold
    if one.reported is None or hold.state == "held":
        message = f"{hold.evidence}. {_OPENED.format(id=hold.id)}"
        await _send(tx, sealer, "hold.opened", hold, message, end=None)
    end = _ENDS.get(hold.state)
    if end is not None:
        await _send(tx, sealer, "hold.ended", hold, f"{hold.evidence}. {_SAID[end]}", end=end)


async def _send(
    tx: Tx, sealer: Sealer, kind: HoldType, hold: Hold, message: str, *, end: HoldEnd | None
) -> None:
    listeners = [
        listener
        for listener, wanted in await health.listeners_to(tx, hold.integration_id)
        if any(matching.fits(pattern, kind) for pattern in wanted)
    ]
    if not listeners:
        return
    now = utc_now()
    news = HoldNews(
        hold_id=hold.id,
        integration_id=hold.integration_id,
        resource=hold.resource,
        kind=hold.kind,
        key=hold.key,
        evidence=hold.evidence,
        records=hold.row_count,
        found_at=hold.found_at,
        message=message,
        end=end,
    )
    subject = f"hold:{hold.id}"
    event_id = ids.operational_id(subject, kind, now.isoformat())
    event = HoldEvent(id=event_id, type=kind, subject=subject, time=now, data=news)
    identity = Event(
        event_id=event_id,
        event_type=kind,
        subject=subject,
        integration_id=hold.integration_id,
        topic=None,
        partition=None,
        offset=None,
        at=now,
    )
    await queue_for(tx, sealer, listeners, identity, codec.encode(event))
