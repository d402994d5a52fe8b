"""What can be asked about deliveries and done again. Operations of the API, as in ``endpoint_handlers``."""

from datetime import UTC, datetime

from msgspec import Struct

from bridge.api import cursors, problems, reading
from bridge.api.calls import Answer, Call
from bridge.api.endpoint_handlers import Cursor, Limit, owned
from bridge.store import deliveries, endpoints
from contracts.entities import Utc
from contracts.webhooks import (
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


class DeliveryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to list; ``since`` and ``until`` bound the time of the last attempt."""

    endpoint_id: EndpointId | None = None
    state: DeliveryState | None = None
    event_type: ExactEventType | None = None
    since: Utc | None = None
    until: Utc | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


async def test_endpoint(call: Call) -> Answer[Started]:
    """Send a test event

    A `webhook.test` event is signed and delivered like any other; look at the delivery by its id.
    """
    endpoint = await owned(call)
    if not endpoint.enabled:
        raise problems.conflict("the endpoint is disabled and gets nothing; enable it first")
    return Answer(value=Started(id=await deliveries.send_test(call.parts.db, endpoint.id)))


async def list_deliveries(call: Call, query: DeliveryQuery) -> Answer[DeliveryPage]:
    """List deliveries

    By the time of the last attempt, newest first.
    """
    try:
        page = await deliveries.list_deliveries(
            call.parts.db,
            endpoint_id=query.endpoint_id,
            state=query.state,
            event_type=query.event_type,
            since=query.since and reading.moment("since", query.since),
            until=query.until and reading.moment("until", query.until),
            cursor=query.cursor,
            limit=query.limit,
            owner=call.owner,
        )
    except ValueError:
        raise cursors.refused() from None
    return Answer(value=page)


async def get_delivery(call: Call) -> Answer[DeliveryWithAttempts]:
    """Look at a delivery

    With each attempt: the status, or what went wrong, and the beginning of what the receiver said.
    """
    delivery, attempts = await _delivery(call)
    return Answer(value=DeliveryWithAttempts(delivery=delivery, attempts=tuple(attempts)))


async def resend_delivery(call: Call) -> Answer[Started]:
    """Deliver an event once more

    What is owed or was given up is tried now. What was delivered is delivered again, as a delivery of its
    own: the answer has its id.
    """
    delivery, _ = await _delivery(call)
    started = await deliveries.request_resend(call.parts.db, call.parts.sealer, delivery.id)
    if started is None:
        raise problems.not_found("delivery")
    return Answer(value=Started(id=started))


async def recover_endpoint(call: Call, body: NewRecovery) -> Answer[Started]:
    """Recover what an endpoint missed

    What happened from `since` until `until` and was not delivered to it is delivered, as far as the bridge or
    Kafka still has it.
    """
    endpoint = await owned(call)
    since, until = recovery_range(body)
    started = await deliveries.request_recovery(call.parts.db, endpoint.id, since, until)
    return Answer(value=Started(id=started))


async def list_recoveries(call: Call) -> Answer[RecoveryPage]:
    """List an endpoint's recoveries

    Newest first, the last hundred.
    """
    endpoint = await owned(call)
    found = await deliveries.list_recoveries(call.parts.db, endpoint.id)
    return Answer(value=RecoveryPage(items=tuple(found)))


def recovery_range(wanted: NewRecovery) -> tuple[datetime, datetime | None]:
    """The range in UTC. Raises ``Refused`` with 422 where there is nothing in it."""
    since = reading.moment("since", wanted.since)
    until = wanted.until and reading.moment("until", wanted.until)
    if since > datetime.now(UTC):
        raise problems.invalid([FieldFault(field="since", detail="it is in the future")])
    if until is not None and until <= since:
        raise problems.invalid([FieldFault(field="until", detail="it must come after since")])
    return since, until


async def _delivery(call: Call) -> tuple[Delivery, list[Attempt]]:
    found = await deliveries.get_delivery(call.parts.db, call.parts.sealer, call.path["delivery_id"])
    seen = found is not None and (
        call.owner is None or await endpoints.get(call.parts.db, found[0].endpoint_id, call.owner) is not None
    )
    if found is None or not seen:
        raise problems.not_found("delivery")
    return found
