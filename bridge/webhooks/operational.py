"""Events about endpoints: an endpoint fails, was disabled, or works again; and test events.

They go to the owner's operational endpoints, through the table of pending deliveries, because they are not on
Kafka. A change and its events are written in one transaction.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog
from trackerrms_contracts import codec, ids
from trackerrms_contracts.webhooks import Endpoint, EndpointNews, OperationalEvent, OperationalType, TestEvent

from bridge.clock import utc_now
from bridge.sealing import Sealer
from bridge.store import delivery_log, endpoints, health, pending
from bridge.store.database import Tx
from bridge.store.delivery import Delivery, Event, NotTried
from bridge.store.health import EndpointHealth
from bridge.webhooks import matching

_log = structlog.get_logger(__name__)
GONE = "410"
"""The reason why an endpoint was disabled after it answered 410."""


async def disable_and_notify(
    tx: Tx, sealer: Sealer, endpoint_id: str, reason: str, state: EndpointHealth | None = None
) -> None:
    """Disable the endpoint and notify its owner, unless it is disabled already."""
    if not await endpoints.mark_disabled(tx, endpoint_id, reason):
        return
    await health.reset_health(tx, endpoint_id)
    endpoint = await endpoints.get(tx, endpoint_id)
    if endpoint is None:
        return
    _log.error("endpoint.disabled", endpoint=endpoint_id, owner=endpoint.owner, reason=reason)
    message = (
        f"The endpoint was disabled ({reason}) and receives no more events. Fix it, enable it, and recover "
        "the events that it missed."
    )
    await _report(tx, sealer, "endpoint.disabled", endpoint, message, reason=reason, state=state)


async def warn_owner(tx: Tx, sealer: Sealer, state: EndpointHealth, disable_after_days: float) -> None:
    """Warn the owner once that every delivery fails and that the endpoint will be disabled."""
    if not await health.note_owner_warned(tx, state.endpoint_id):
        return
    endpoint = await endpoints.get(tx, state.endpoint_id)
    if endpoint is None:
        return
    _log.warning(
        "endpoint.failing", endpoint=endpoint.id, owner=endpoint.owner, error=state.last_error,
        since=state.failing_since.isoformat(),
    )  # fmt: skip
    message = (
        f"Every delivery to the endpoint has failed since {state.failing_since:%Y-%m-%d %H:%M} UTC. After "
        f"{disable_after_days:g} days of failures the bridge disables it."
    )
    await _report(tx, sealer, "endpoint.failing", endpoint, message, state=state)


async def recovered(tx: Tx, sealer: Sealer, endpoint_id: str) -> None:
    """Notify the owner, who was warned, that the endpoint works again."""
    endpoint = await endpoints.get(tx, endpoint_id)
    if endpoint is not None:
        _log.info("endpoint.recovered", endpoint=endpoint_id, owner=endpoint.owner)
        await _report(tx, sealer, "endpoint.recovered", endpoint, "The endpoint accepts events again.")


async def _report(
    tx: Tx,
    sealer: Sealer,
    kind: OperationalType,
    endpoint: Endpoint,
    message: str,
    *,
    reason: str | None = None,
    state: EndpointHealth | None = None,
) -> None:
    listeners = [
        listener
        for listener, wanted in await health.listeners(tx, endpoint.owner, endpoint.id)
        if any(matching.fits(pattern, kind) for pattern in wanted)
    ]
    if not listeners:
        return
    works = kind == "endpoint.recovered"
    status, error = (None, None) if works else await delivery_log.last_failure(tx, endpoint.id)
    now = utc_now()
    news = EndpointNews(
        endpoint_id=endpoint.id,
        owner=endpoint.owner,
        where=_where(endpoint.url),
        message=message,
        reason=reason,
        failing_since=state.failing_since if state else None,
        last_status=status,
        last_error=error,
    )
    event_id = ids.operational_id(endpoint.id, kind, now.isoformat())
    event = OperationalEvent(id=event_id, type=kind, subject=endpoint.id, time=now, data=news)
    identity = Event(
        event_id=event_id,
        event_type=kind,
        subject=endpoint.id,
        integration_id="",
        topic=None,
        partition=None,
        offset=None,
        at=now,
    )
    await queue_for(tx, sealer, listeners, identity, codec.encode(event))


async def queue_for(tx: Tx, sealer: Sealer, listeners: Sequence[str], event: Event, body: bytes) -> None:
    """Make an event that is not on Kafka pending for these endpoints."""
    made = [
        Delivery(id=ids.delivery_id(listener, event.event_id), endpoint_id=listener, event=event, body=body)
        for listener in listeners
    ]
    await pending.add_pending(tx, sealer, [(delivery, NotTried()) for delivery in made])


def test_body(event: Event) -> bytes:
    """Return the body of a test event. It is the same for each attempt."""
    return codec.encode(TestEvent(id=event.event_id, subject=event.subject, time=event.at))


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"
