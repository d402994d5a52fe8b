"""A delivery, from Kafka to the store and back, and its possible outcomes. Pure.

A ``Delivery`` is one event for one endpoint. The webhook stage creates it from a Kafka record, the store from
a row of ``pending_deliveries`` that a process claims. It leaves the queue of its endpoint with an
``Outcome``, and the store writes both:

    Delivered      the receiver has the event                   its row is deleted
    Retry          another attempt follows after a pause        it is pending
    Failed         no attempt follows                           it is failed
    EndpointGone   the endpoint wants no more events (410)      it is pending, the endpoint is disabled
    NotTried       no attempt was made, or it is in flight      it is pending
"""

from datetime import datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

EndpointOrderKey: TypeAlias = tuple[str, str]
"""An endpoint and an entity's id. Order is kept for each such pair."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """The delivered event. ``topic``, ``partition`` and ``offset`` are ``None`` if it is not on Kafka."""

    event_id: str
    event_type: str
    subject: str
    integration_id: str
    topic: str | None
    partition: int | None
    offset: int | None
    at: datetime


class EventSource(Protocol):
    """The Kafka record of an event. It is ``lost`` once another process reads its partition."""

    lost: bool


class Delivery(Struct, kw_only=True, eq=False):
    """The delivery of an event to an endpoint.

    ``source`` is the record from which this process read the event; it is ``None`` once the delivery is a row
    that this process claims. ``body`` is ``None`` if it must be read from Kafka again. ``first_at`` is when
    the row was created; ``queued_at`` is when the delivery was queued in this process, by the loop's clock.
    """

    id: str
    endpoint_id: str
    event: Event
    body: bytes | None
    ordered: bool = False
    attempts: int = 0
    first_at: datetime | None = None
    source: EventSource | None = None
    queued_at: float = 0.0

    @property
    def order_key(self) -> EndpointOrderKey:
        """Return the key for which order is kept, if ``ordered``."""
        return (self.endpoint_id, self.event.subject)

    def read_body(self) -> bytes:
        """Return the body. Raises ``AssertionError`` if it was not read yet."""
        if self.body is None:
            raise AssertionError(f"delivery {self.id}: its body must be read before it is queued")
        return self.body


class DeliveryAttempt(Struct, frozen=True, kw_only=True, gc=False):
    """A POST and its response.

    ``error`` names the failure and is ``None`` after a success. ``response`` is the beginning of the
    response, sealed for ``delivery_log.RESPONSE_PURPOSE``. ``retry_after_seconds`` is the pause that the
    receiver asked for.
    """

    at: datetime
    status: int | None = None
    error: str | None = None
    reason: str | None = None
    elapsed_ms: int = 0
    response: bytes | None = None
    signed_with: str = ""
    retry_after_seconds: float | None = None


class Delivered(Struct, frozen=True, kw_only=True):
    """The receiver has the event."""

    attempt: DeliveryAttempt


class Retry(Struct, frozen=True, kw_only=True):
    """The attempt failed and another follows. ``hold_seconds`` is the pause that the endpoint asked for."""

    attempt: DeliveryAttempt
    after_seconds: float
    hold_seconds: float = 0.0


class Failed(Struct, frozen=True, kw_only=True):
    """No attempt follows: the schedule has ended or, without an ``attempt``, there is nothing to send."""

    error: str
    attempt: DeliveryAttempt | None = None


class EndpointGone(Struct, frozen=True, kw_only=True):
    """The endpoint wants no more events. The delivery stays pending until the endpoint is enabled again."""

    attempt: DeliveryAttempt


class NotTried(Struct, frozen=True, kw_only=True):
    """No attempt was made; one follows after ``after_seconds``. ``under_way``: the attempt is in flight, and
    this process keeps the delivery."""

    after_seconds: float = 0.0
    under_way: bool = False


Undelivered: TypeAlias = Retry | Failed | EndpointGone | NotTried
Outcome: TypeAlias = Delivered | Undelivered
