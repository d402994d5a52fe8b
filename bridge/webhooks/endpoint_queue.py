"""The queue of one endpoint in this process: waiting deliveries and attempts in flight.

No delivery waits here for long. A delivery that cannot be sent soon goes to the store (``NotTried``), so that
a slow or dead endpoint holds back neither other endpoints nor the offset: at once if the breaker is open or
the endpoint stalls, and after ``patience_seconds`` if the endpoint is slow or rate-limited. A delivery whose
attempt takes that long becomes a row that this process claims; its attempt continues.

**Order** (endpoints that ask for it): of each entity, one event is in flight. The others queue behind it, and
follow it into the store if it goes there.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias, assert_never

import structlog

from bridge.store.delivery import (
    Delivered,
    Delivery,
    DeliveryAttempt,
    EndpointGone,
    Failed,
    NotTried,
    Outcome,
    Retry,
)
from bridge.tasks import cancel_and_wait
from bridge.token_bucket import TokenBucket
from bridge.webhooks.flow_control import FlowControl, FlowLimits
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.subscribers import Subscriber

_log = structlog.get_logger(__name__)
# Until the registry has read that the endpoint is disabled.
_GONE_SECONDS = 5.0

Deliver: TypeAlias = Callable[[Subscriber, Delivery], Awaitable[Outcome]]
"""Makes an attempt."""


class EndpointQueue:
    """The queue of one endpoint. ``writer`` gets the outcome of each delivery, ``failed`` the first bug."""

    def __init__(
        self,
        subscriber: Subscriber,
        limits: FlowLimits,
        deliver: Deliver,
        writer: OutcomeWriter,
        *,
        patience_seconds: float,
        failed: "asyncio.Future[None]",
    ) -> None:
        self.subscriber = subscriber
        self.breaker = FlowControl(limits)
        self.in_flight = 0
        self.claimed = 0
        self._ahead = 4 * limits.most
        self._deliver = deliver
        self._writer = writer
        self._patience = patience_seconds
        self._failed = failed
        self._bucket: TokenBucket | None = None
        self._queue: deque[Delivery] = deque()
        self._lanes: dict[str, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._under_way: set[Delivery] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._moved_at = 0.0
        self._loop = asyncio.get_running_loop()
        self.change(subscriber)

    def change(self, subscriber: Subscriber) -> None:
        """Apply a change of the endpoint to all later attempts."""
        self.subscriber = subscriber
        self.since = subscriber.since
        rate = subscriber.endpoint.rate_limit_per_second
        if rate is None or self._bucket is None or self._bucket.per_second != rate:
            self._bucket = None if rate is None else TokenBucket(rate)

    # --- incoming deliveries ---

    def offer(self, delivery: Delivery) -> None:
        """Send the delivery as soon as possible, or leave it to the store."""
        now = self._loop.time()
        delivery.queued_at = now
        if delivery.source is None:
            self.claimed += 1
            self._queue.appendleft(delivery)
        else:
            subject = delivery.event.subject
            if delivery.ordered:
                lane = self._lanes.get(subject)
                if lane is not None:
                    lane.append(delivery)
                    return
                self._lanes[subject] = deque()
            if self._is_stalled(now):
                self._leave(delivery, now)
                return
            self._queue.append(delivery)
        self._pump(now)

    def wants(self) -> int:
        """Return the number of pending deliveries that the queue can take now."""
        now = self._loop.time()
        room = self.breaker.room(now, self.in_flight)
        if room == 0 and self._timer is None:
            return 0
        if self.breaker.is_open or self._queue:
            # One at a time: new and pending deliveries take turns.
            return 0 if self.claimed else 1
        ahead = self._ahead if self._bucket is None else max(1, int(self._bucket.per_second))
        return max(0, min(ahead, self._ahead) - self.claimed)

    def _is_stalled(self, now: float) -> bool:
        """Return true if no attempt has ended for so long that a new delivery would only wait."""
        return self.breaker.room(now, self.in_flight) == 0 and (
            self.in_flight == 0 or now - self._moved_at > self._patience
        )

    # --- attempts ---

    def _pump(self, now: float) -> None:
        if self._timer is not None or not self._queue:
            return
        if self.in_flight == 0:
            self._moved_at = now
        room = self.breaker.room(now, self.in_flight)
        for _ in range(min(len(self._queue) - self._starting, room)):
            self.in_flight += 1
            self._starting += 1
            task = asyncio.create_task(self._work(), name="webhook delivery")
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if self.in_flight == 0:
            self._shed(now)

    async def _work(self) -> None:
        self._starting -= 1
        while (delivery := self._next()) is not None:
            self._under_way.add(delivery)
            try:
                outcome = await self._deliver(self.subscriber, delivery)
            finally:
                self._under_way.discard(delivery)
            now = self._moved_at = self._loop.time()
            self._adjust_flow(outcome, now)
            self._writer.record(delivery, outcome)
            if delivery.source is None:
                self.claimed -= 1
            elif delivery.event.subject in self._lanes:
                self._follow(delivery.event.subject, outcome)

    def _next(self) -> Delivery | None:
        now = self._loop.time()
        while self._queue and self.breaker.room(now, self.in_flight - 1) > 0:
            if self._bucket is not None and (wait := self._bucket.take(now)):
                self._wake_in(wait)
                return None
            delivery = self._queue.popleft()
            if delivery.source is None or not delivery.source.lost:
                return delivery
            self._leave(delivery, now)
        return None

    def _adjust_flow(self, outcome: Outcome, now: float) -> None:
        """Adjust the window and the breaker to the outcome."""
        match outcome:
            case Delivered():
                self.breaker.succeeded()
            case Retry(attempt=attempt, hold_seconds=hold):
                if hold:
                    self.breaker.hold(now + hold)
                self._count_failure(attempt, now)
            case Failed(attempt=attempt):
                self._count_failure(attempt, now)
            case EndpointGone(attempt=attempt):
                self.breaker.hold(now + _GONE_SECONDS)
                self._count_failure(attempt, now)
            case NotTried():
                pass
            case _:
                assert_never(outcome)

    def _count_failure(self, attempt: DeliveryAttempt | None, now: float) -> None:
        if attempt is not None and self.breaker.failed(now):
            endpoint_id = self.subscriber.endpoint.id
            _log.warning("endpoint.breaker_opened", endpoint=endpoint_id, error=attempt.error)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.in_flight -= 1
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            if not self._failed.done():
                self._failed.set_exception(error)
            return
        if self._queue:
            self._pump(self._loop.time())

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._pump(self._loop.time())

    def _follow(self, subject: str, outcome: Outcome) -> None:
        """Queue the entity's next event after a delivered one; otherwise leave all of them to the store."""
        lane = self._lanes[subject]
        if not lane:
            del self._lanes[subject]
        elif isinstance(outcome, Delivered):
            self._queue.append(lane.popleft())
        else:
            self._leave_lane(subject)

    # --- deliveries left to the store ---

    def sweep(self) -> None:
        """Leave deliveries that have waited too long to the store. Called periodically."""
        now = self._loop.time()
        for delivery in self._under_way:
            if delivery.source is not None and now - delivery.queued_at > self._patience:
                self._writer.record(delivery, NotTried(under_way=True))
                delivery.source = None
                self.claimed += 1
                self._leave_lane(delivery.event.subject)
        if self._is_stalled(now):
            self._shed(now)
        self._leave_old(now)
        self._pump(now)

    def _leave_old(self, now: float) -> None:
        claimed: list[Delivery] = []
        while self._queue:
            delivery = self._queue.popleft()
            if delivery.source is None:
                claimed.append(delivery)
            elif now - delivery.queued_at > self._patience:
                self._leave(delivery, now)
            else:
                self._queue.appendleft(delivery)
                break
        self._queue.extendleft(reversed(claimed))

    def _shed(self, now: float) -> None:
        """Leave everything to the store, because nothing can be sent for a while."""
        queue, self._queue = self._queue, deque()
        for delivery in queue:
            self._leave(delivery, now)

    def _leave(self, delivery: Delivery, now: float) -> None:
        self._writer.record(delivery, NotTried(after_seconds=self.breaker.closed_for(now)))
        if delivery.source is None:
            self.claimed -= 1
        else:
            self._leave_lane(delivery.event.subject)

    def _leave_lane(self, subject: str) -> None:
        for delivery in self._lanes.pop(subject, ()):
            self._writer.record(delivery, NotTried())

    def close(self) -> None:
        """Leave waiting deliveries to the store, because the endpoint was deleted or disabled. Attempts in
        flight end normally."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._shed(self._loop.time())

    def forget(self) -> None:
        """Drop deliveries that were not started, because the process ends. Another process takes them."""
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        self._lanes.clear()

    async def drain(self) -> None:
        """Wait until no attempt is in flight."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel the attempts in flight."""
        self.forget()
        await cancel_and_wait(*self._tasks)
