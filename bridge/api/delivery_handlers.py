"""What can be asked about deliveries and done again. Operations of the API, as in ``endpoint_handlers``."""

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
    """Which deliveries to list; ``since`` and ``until`` bound the time of the last attempt."""

    endpoint_id: EndpointId | None = None
    state: DeliveryState | None = None
    event_type: ExactEventType | None = None
    since: Utc | None = None
    until: Utc | None = None
    cursor: CursorParameter | None = None
    limit: Limit = 50


async def test_endpoint(call: ApiCall) -> ApiResponse[Started]:
    """Send a test event

    A `webhook.test` event is signed and delivered like any other; look at the delivery by its id.
    """
    endpoint = await owned(call)
    if not endpoint.enabled:
        raise errors.conflict("the endpoint is disabled and gets nothing; enable it first")
    return ApiResponse(
        value=Started(id=await deliveries.send_test(call.parts.db, call.parts.sealer, endpoint.id))
    )


async def list_deliveries(call: ApiCall, query: DeliveryQuery) -> ApiResponse[DeliveryPage]:
    """List deliveries

    By the time of the last attempt, newest first.
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
    """Look at a delivery

    With each attempt: the status, or what went wrong, and the beginning of what the receiver said.
    """
    delivery, attempts = await _delivery(call)
    return ApiResponse(value=DeliveryWithAttempts(delivery=delivery, attempts=tuple(attempts)))


async def resend_delivery(call: ApiCall) -> ApiResponse[Started]:
    """Deliver an event once more

    What is pending or was given up is tried now. What was delivered is delivered again, as a delivery of its
    own: the answer has its id.
    """
    delivery, _ = await _delivery(call)
    started = await deliveries.request_resend(call.parts.db, call.parts.sealer, delivery.id)
    if started is None:
        raise errors.not_found("delivery")
    return ApiResponse(value=Started(id=started))


async def recover_endpoint(call: ApiCall, body: NewRecovery) -> ApiResponse[Started]:
    """Recover what an endpoint missed

    What happened from `since` until `until` and was not delivered to it is delivered, as far as the bridge or
    Kafka still has it.
    """
    endpoint = await owned(call)
    since, until = recovery_range(body)
    started = await deliveries.recover_deliveries(call.parts.db, endpoint.id, since, until)
    return ApiResponse(value=Started(id=started))


async def list_recoveries(call: ApiCall) -> ApiResponse[RecoveryPage]:
    """List an endpoint's recoveries

    Newest first, the last hundred.
    """
    endpoint = await owned(call)
    found = await deliveries.load_recoveries(call.parts.db, endpoint.id)
    return ApiResponse(value=RecoveryPage(items=tuple(found)))


def recovery_range(wanted: NewRecovery) -> tuple[datetime, datetime | None]:
    """The range in UTC. Raises ``Refused`` with 422 where there is nothing in it."""
    since = request_bodies.moment("since", wanted.since)
    until = wanted.until and request_bodies.moment("until", wanted.until)
    if since > utc_now():
        raise errors.invalid([FieldFault(field="since", detail="it is in the future")])
    if until is not None and until <= since:
        raise errors.invalid([FieldFault(field="until", detail="it must come after since")])
    return since, until


async def _delivery(call: ApiCall) -> tuple[Delivery, list[Attempt]]:
    found = await deliveries.load_delivery(call.parts.db, call.parts.sealer, call.path["delivery_id"])
    seen = found is not None and (
        call.owner is None or await endpoints.get(call.parts.db, found[0].endpoint_id, call.owner) is not None
    )
    if found is None or not seen:
        raise errors.not_found("delivery")
    return found
