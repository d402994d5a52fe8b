"""Handlers for deliveries and recoveries. Each is an operation of the API, as in ``endpoint_handlers``."""

from datetime import datetime

from msgspec import Struct
from trackerrms_contracts.entities import Utc
from trackerrms_contracts.webhooks import (
    Attempt,
    Delivery,
    DeliveryPage,
    DeliveryState,
    DeliveryWithAttempts,
    EndpointId,
    ExactEventType,
    FieldFault,
    NewRecovery,
    RecoveryPage,
    Started,
)

from bridge.api import cursors, errors, request_bodies
from bridge.api.calls import ApiCall, ApiResponse
from bridge.api.endpoint_handlers import CursorParameter, Limit, owned
from bridge.clock import utc_now
from bridge.store import deliveries, endpoints


class DeliveryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters for listing deliveries. ``since`` and ``until`` bound the time of the last attempt."""

    endpoint_id: EndpointId | None = None
    state: DeliveryState | None = None
    event_type: ExactEventType | None = None
    since: Utc | None = None
    until: Utc | None = None
    cursor: CursorParameter | None = None
    limit: Limit = 50


async def test_endpoint(call: ApiCall) -> ApiResponse[Started]:
    """Send a test event

    Signs and delivers a `webhook.test` event like any other. Get the delivery by the returned id to see the
    outcome.
    """
    endpoint = await owned(call)
    if not endpoint.enabled:
        raise errors.conflict("the endpoint is disabled and receives nothing; enable it first")
    return ApiResponse(
        value=Started(id=await deliveries.send_test(call.parts.db, call.parts.sealer, endpoint.id))
    )


async def list_deliveries(call: ApiCall, query: DeliveryQuery) -> ApiResponse[DeliveryPage]:
    """List deliveries

    Ordered by the time of the last attempt, newest first.
    """
    try:
        page = await deliveries.load_deliveries(
            call.parts.db,
            endpoint_id=query.endpoint_id,
            state=query.state,
            event_type=query.event_type,
            since=query.since and request_bodies.moment("since", query.since),
            until=query.until and request_bodies.moment("until", query.until),
            cursor=query.cursor,
            limit=query.limit,
            owner=call.owner,
        )
    except ValueError:
        raise cursors.refused() from None
    return ApiResponse(value=page)


async def get_delivery(call: ApiCall) -> ApiResponse[DeliveryWithAttempts]:
    """Get a delivery

    Includes each attempt with its status or error, and the beginning of the receiver's response.
    """
    delivery, attempts = await _delivery(call)
    return ApiResponse(value=DeliveryWithAttempts(delivery=delivery, attempts=tuple(attempts)))


async def resend_delivery(call: ApiCall) -> ApiResponse[Started]:
    """Resend a delivery

    Retries a pending or failed delivery now. A delivered event is sent again as a new delivery, whose id is
    returned.
    """
    delivery, _ = await _delivery(call)
    started = await deliveries.request_resend(call.parts.db, call.parts.sealer, delivery.id)
    if started is None:
        raise errors.not_found("delivery")
    return ApiResponse(value=Started(id=started))


async def recover_endpoint(call: ApiCall, body: NewRecovery) -> ApiResponse[Started]:
    """Recover missed events

    Delivers the events between `since` and `until` that the endpoint did not receive, as far as the bridge or
    Kafka still has them.
    """
    endpoint = await owned(call)
    since, until = recovery_range(body)
    started = await deliveries.recover_deliveries(call.parts.db, endpoint.id, since, until)
    return ApiResponse(value=Started(id=started))


async def list_recoveries(call: ApiCall) -> ApiResponse[RecoveryPage]:
    """List an endpoint's recoveries

    Returns the last hundred, newest first.
    """
    endpoint = await owned(call)
    found = await deliveries.load_recoveries(call.parts.db, endpoint.id)
    return ApiResponse(value=RecoveryPage(items=tuple(found)))


def recovery_range(wanted: NewRecovery) -> tuple[datetime, datetime | None]:
    """Return the range in UTC. Raises ``RequestRefused`` with 422 if the range is empty."""
    since = request_bodies.moment("since", wanted.since)
    until = wanted.until and request_bodies.moment("until", wanted.until)
    if since > utc_now():
        raise errors.invalid([FieldFault(field="since", detail="must not be in the future")])
    if until is not None and until <= since:
        raise errors.invalid([FieldFault(field="until", detail="must be later than since")])
    return since, until


async def _delivery(call: ApiCall) -> tuple[Delivery, list[Attempt]]:
    found = await deliveries.load_delivery(call.parts.db, call.parts.sealer, call.path["delivery_id"])
    seen = found is not None and (
        call.owner is None or await endpoints.get(call.parts.db, found[0].endpoint_id, call.owner) is not None
    )
    if found is None or not seen:
        raise errors.not_found("delivery")
    return found
