"""One delivery, from Kafka to the store and back, and what may come of it. Pure.

A ``Delivery`` is one event for one endpoint. The webhook stage makes it from a record of Kafka, the store
from a row of ``pending_deliveries`` that a process claims. It leaves the queue of its endpoint with an
``Outcome``, and the store writes the pair:

    Delivered      the receiver has it                          its row goes
    Retry          it is tried again after a pause              it is pending
    Failed         no attempt follows                           it is failed
    EndpointGone   the endpoint wants no more events (410)      it is pending, the endpoint is disabled
    NotTried       no attempt was made, or it is not over yet   it is pending
"""

from datetime import datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

EndpointOrderKey: TypeAlias = tuple[str, str]
"""An endpoint, and an entity's id: what order is kept for."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """What is delivered. ``topic``, ``partition`` and ``offset`` are ``None`` of what is not on Kafka."""

    event_id: str
    event_type: str
    subject: str
    integration_id: str
    topic: str | None
    partition: int | None
    offset: int | None
    at: datetime


class EventSource(Protocol):
    """The record of Kafka that an event was read from; ``lost`` once another process reads its partition."""

    lost: bool


class Delivery(Struct, kw_only=True, eq=False):
    """One event for one endpoint.

    ``source`` is what this process read the event from; it is ``None`` once the delivery is a row of the
    store that this process claims. ``body`` is ``None`` where it has to be read from Kafka again. The row
    exists since ``first_at``; the delivery waits in this process since ``queued_at``, by the loop's clock.
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
        """Return what its order is kept for, where ``ordered``."""
        return (self.endpoint_id, self.event.subject)

    def read_body(self) -> bytes:
        """Return the body. Raise ``AssertionError`` where it was not read yet."""
        if self.body is None:
            raise AssertionError(f"delivery {self.id}: its body is read before it is queued")
        return self.body


class DeliveryAttempt(Struct, frozen=True, kw_only=True, gc=False):
    """One POST and what came back.

    ``error`` names what went wrong and is ``None`` of a success. ``response`` is the beginning of what the
    receiver said, sealed for ``delivery_log.RESPONSE_PURPOSE``; ``retry_after_seconds`` is what it asked for.
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
    """The receiver has it."""

    attempt: DeliveryAttempt


class Retry(Struct, frozen=True, kw_only=True):
    """The attempt failed, another follows. ``hold_seconds``: the endpoint asked for such a pause."""

    attempt: DeliveryAttempt
    after_seconds: float
    hold_seconds: float = 0.0


class Failed(Struct, frozen=True, kw_only=True):
    """No attempt follows: the schedule is at its end, or (no ``attempt``) there is nothing to send."""

    error: str
    attempt: DeliveryAttempt | None = None


class EndpointGone(Struct, frozen=True, kw_only=True):
    """The endpoint asks for no more events. The delivery stays pending for when it is enabled again."""

    attempt: DeliveryAttempt


class NotTried(Struct, frozen=True, kw_only=True):
    """No attempt was made; it is tried after so many seconds. ``under_way``: its attempt is not over yet, and
    this process keeps it."""

    after_seconds: float = 0.0
    under_way: bool = False


Undelivered: TypeAlias = Retry | Failed | EndpointGone | NotTried
Outcome: TypeAlias = Delivered | Undelivered
