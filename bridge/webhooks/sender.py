"""One attempt at a delivery, and what is noted of it."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial

import msgspec
import structlog
from prometheus_client import Counter
from trackerrms_contracts import events, ids

from bridge import metrics
from bridge.clock import utc_now
from bridge.config import WebhooksConfig
from bridge.outbound import CallFailure, Outbound, PostResponse
from bridge.sealing import Sealer
from bridge.store.delivery_log import RESPONSE_PURPOSE, Logged
from bridge.store.pending import BODY_PURPOSE, AttemptOutcome, Claimed, EndpointOrderKey, PendingDelivery
from bridge.store.pending_batches import Untried
from bridge.webhooks import policy
from bridge.webhooks.endpoint_queue import EndpointQueue, QueuedDelivery, QueuedEvent
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.policy import Again, AttemptResult, AttemptVerdict, Delivered, EndpointGone, GivenUp
from bridge.webhooks.signing import BadSecret

_log = structlog.get_logger(__name__)
_BUSY_SECONDS = 1.0
# Until the directory has heard that the endpoint is disabled.
_GONE_SECONDS = 5.0
# Of an answer that are read, and kept of a failed attempt.
_RESPONSE_BYTES = 2_048
_random = random.Random()  # noqa: S311 (jitter is no secret)


class Sender:
    """Delivers, parks and records: with ``recorder``, or ``unhurried`` what nobody waits for.

    ``finished`` is told of each arrival whose last delivery is durable, ``parking`` of what is to be held
    back in order, and ``parked`` when that is durable.
    """

    def __init__(
        self,
        outbound: Outbound,
        recorder: OutcomeWriter,
        unhurried: OutcomeWriter,
        sealer: Sealer,
        config: WebhooksConfig,
        *,
        finished: Callable[[QueuedEvent], None],
        parking: Callable[[EndpointOrderKey], None],
        parked: Callable[[EndpointOrderKey], None],
    ) -> None:
        self._outbound = outbound
        self._recorder = recorder
        self._unhurried = unhurried
        self._sealer = sealer
        self._terms = policy.RetryTerms(retry_seconds=config.retry_seconds)
        self._loop = asyncio.get_running_loop()
        self._finished = finished
        self._parking = parking
        self._parked = parked

    async def deliver(self, channel: EndpointQueue, item: QueuedDelivery) -> bool:
        """Make one attempt; whether the receiver has it. What came of it is durable a moment later."""
        subscriber, now = channel.subscriber, utc_now()
        try:
            headers = {**subscriber.headers, **subscriber.signer.headers(item.event.event_id, item.body, now)}
        except BadSecret as problem:
            came: PostResponse | CallFailure = CallFailure(
                kind="bad_header", reason=str(problem), elapsed_ms=0
            )
        else:
            came = await self._outbound.post(
                subscriber.endpoint.url,
                item.body,
                headers,
                timeout_seconds=subscriber.endpoint.timeout_seconds,
                max_response_bytes=_RESPONSE_BYTES,
            )
        if isinstance(came, CallFailure) and came.kind == "busy":
            # Our own connections are all in use: nothing was sent, and nothing is held against the endpoint.
            self.park(channel, item, _BUSY_SECONDS)
            return False
        _counter(_outcome(came)).inc()
        seen = _seen(came)
        verdict = policy.judge_attempt(seen, item.attempts + 1, self._terms, _random.uniform(-1, 1))
        self._record(channel, item, came, verdict, now)
        return isinstance(verdict, Delivered)

    def _record(
        self,
        channel: EndpointQueue,
        item: QueuedDelivery,
        came: PostResponse | CallFailure,
        verdict: AttemptVerdict,
        at: datetime,
    ) -> None:
        endpoint_id, now = channel.subscriber.endpoint.id, self._loop.time()
        after: float | None
        self._recorder.line(self._line(channel, item, came, verdict, at))
        match verdict:
            case Delivered():
                channel.breaker.succeeded()
                self._recorder.succeeded(endpoint_id)
                self._settle(channel, item)
                return
            case Again(after_seconds=pause, error=error, hold_seconds=hold):
                after = pause
                if hold:
                    channel.breaker.hold(now + hold)
                self._recorder.failed(endpoint_id, error, hold)
            case GivenUp(error=error):
                after = None
                self._recorder.failed(endpoint_id, error, 0.0)
            case EndpointGone(error=error):
                # It is pending still: nothing is sent to it while it is disabled.
                after = 0.0
                channel.breaker.hold(now + _GONE_SECONDS)
                self._recorder.gone(endpoint_id)
        if channel.breaker.failed(now):
            _log.warning("endpoint.breaker_opened", endpoint=endpoint_id, error=error)
        self._leave(channel, item, after, _status(came), error, attempts=item.attempts + 1)

    # --- where it goes from here ---

    def park(self, channel: EndpointQueue, item: QueuedDelivery, after_seconds: float) -> None:
        """Leave an item that was not tried to the store, to be tried in so many seconds."""
        arrival = item.arrival
        if item.claimed is not None or channel.subscriber.ordered or arrival is None or arrival.source.lost:
            self._leave(channel, item, after_seconds, None, None, attempts=item.attempts)
            return
        # It waits for its endpoint, not for us.
        untried = Untried(
            endpoint_id=channel.subscriber.endpoint.id,
            event=arrival.event,
            body=arrival.body,
            after_seconds=after_seconds,
        )
        self._unhurried.park_untried(untried, partial(self._done, arrival))

    def promise(self, channel: EndpointQueue, item: QueuedDelivery) -> Claimed:
        """Note an item that is under way as pending, and as ours: its offset need not wait for its end."""
        if item.arrival is None:
            raise AssertionError("only what was read from Kafka is not pending yet")
        subscriber = channel.subscriber
        parked = self._pending(subscriber.endpoint.id, item.arrival, 0.0, ordered=subscriber.ordered)
        self._hand_over(item.arrival, msgspec.structs.replace(parked, holder=self._recorder.holder))
        return Claimed(
            delivery_id=parked.delivery_id,
            endpoint_id=parked.endpoint_id,
            event=item.event,
            ordered=parked.ordered,
            attempts=0,
            first_at=utc_now(),
            sealed=None,
        )

    def _settle(self, channel: EndpointQueue, item: QueuedDelivery) -> None:
        if item.claimed is not None:
            self._recorder.settle(item.claimed.delivery_id, _pair(item.claimed))
        elif item.arrival is not None:
            arrival = item.arrival
            self._recorder.after(lambda: self._done(arrival))

    def _leave(
        self,
        channel: EndpointQueue,
        item: QueuedDelivery,
        after_seconds: float | None,
        status: int | None,
        error: str | None,
        *,
        attempts: int,
    ) -> None:
        claimed = item.claimed
        if claimed is not None:
            tried = AttemptOutcome(
                delivery_id=claimed.delivery_id,
                attempts=attempts,
                after_seconds=after_seconds,
                status=status,
                error=error,
            )
            self._recorder.tried(tried, _pair(claimed))
        elif item.arrival is not None and item.arrival.source.lost:
            # It is read again by whoever has the partition now; parked late, it would come late.
            self._done(item.arrival)
        elif item.arrival is not None:
            subscriber = channel.subscriber
            parked = self._pending(
                subscriber.endpoint.id,
                item.arrival,
                after_seconds,
                ordered=subscriber.ordered,
                attempts=attempts,
                status=status,
                error=error,
            )
            self._hand_over(item.arrival, parked)

    def _hand_over(self, arrival: QueuedEvent, parked: PendingDelivery) -> None:
        if not parked.ordered:
            self._recorder.park(parked, lambda: self._done(arrival))
            return
        pair = (parked.endpoint_id, parked.event.subject)
        self._parking(pair)

        def written() -> None:
            self._parked(pair)
            self._done(arrival)

        self._recorder.park(parked, written)

    def _done(self, arrival: QueuedEvent) -> None:
        arrival.remaining -= 1
        if arrival.remaining == 0:
            self._finished(arrival)

    def _pending(
        self,
        endpoint_id: str,
        arrival: QueuedEvent,
        after_seconds: float | None,
        *,
        ordered: bool = False,
        attempts: int = 0,
        status: int | None = None,
        error: str | None = None,
    ) -> PendingDelivery:
        if arrival.sealed is None:
            arrival.sealed = self._sealer.seal(BODY_PURPOSE, arrival.body)
        return PendingDelivery(
            delivery_id=ids.delivery_id(endpoint_id, arrival.event.event_id),
            endpoint_id=endpoint_id,
            event=arrival.event,
            sequence=events.sequence_of(arrival.body),
            sealed=arrival.sealed,
            ordered=ordered,
            attempts=attempts,
            after_seconds=after_seconds or 0.0,
            given_up=after_seconds is None,
            status=status,
            error=error,
        )

    # --- the log ---

    def _line(
        self,
        channel: EndpointQueue,
        item: QueuedDelivery,
        came: PostResponse | CallFailure,
        verdict: AttemptVerdict,
        at: datetime,
    ) -> Logged:
        subscriber, delivered = channel.subscriber, isinstance(verdict, Delivered)
        endpoint_id = subscriber.endpoint.id
        said = came.body if isinstance(came, PostResponse) and not delivered else b""
        return Logged(
            delivery_id=item.delivery_id or ids.delivery_id(endpoint_id, item.event.event_id),
            endpoint_id=endpoint_id,
            event=item.event,
            attempt=item.attempts + 1,
            at=at,
            first_at=item.first_at or at,
            delivered=delivered,
            status=_status(came),
            error=None if isinstance(verdict, Delivered) else verdict.error,
            reason=came.reason if isinstance(came, CallFailure) else None,
            elapsed_ms=came.elapsed_ms,
            response=self._sealer.seal(RESPONSE_PURPOSE, said) if said else None,
            signed_with=subscriber.signer.signed_with(at),
        )


@lru_cache
def _counter(outcome: str) -> Counter:
    return metrics.DELIVERIES.labels(outcome)


def _outcome(came: PostResponse | CallFailure) -> str:
    """As metrics tell it: a receiver may answer with any number, so only the classes that there are."""
    if isinstance(came, CallFailure):
        return came.kind
    return f"{came.status // 100}xx" if 100 <= came.status < 600 else "other"


def _pair(claimed: Claimed) -> EndpointOrderKey | None:
    return (claimed.endpoint_id, claimed.event.subject) if claimed.ordered else None


def _status(came: PostResponse | CallFailure) -> int | None:
    return came.status if isinstance(came, PostResponse) else None


def _seen(came: PostResponse | CallFailure) -> AttemptResult:
    if isinstance(came, CallFailure):
        return AttemptResult(error=came.kind)
    return AttemptResult(status=came.status, retry_after_seconds=came.retry_after_seconds)
