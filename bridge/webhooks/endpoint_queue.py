"""A channel: what waits for one endpoint in this process, and how much of it is under way.

Nothing here waits for long. What can't be sent soon is given to ``park``, so that a slow or dead endpoint
holds back neither the others nor the offset: when the breaker is open or the endpoint stalls, at once; when
it is slow or its rate is limited, after ``patience_seconds``. What is under way for so long is stored as
pending and claimed (``promise``), and its attempt goes on.

**Order** (endpoints that ask for it): of one entity's events one is under way; the others queue up behind it
and follow it into the store when it is parked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

from bridge.kafka import TakenRecord
from bridge.store.pending import Claimed, Event
from bridge.tasks import cancel_and_wait
from bridge.token_bucket import TokenBucket
from bridge.webhooks.flow_control import FlowControl, FlowLimits
from bridge.webhooks.subscribers import Subscriber


class QueuedEvent:
    """An event that was read and is delivered to ``remaining`` endpoints still. ``sealed``: its body as the
    store keeps it, once it was parked for one of them."""

    __slots__ = ("body", "event", "remaining", "sealed", "source")

    def __init__(self, event: Event, body: bytes, source: TakenRecord) -> None:
        self.event = event
        self.body = body
        self.source = source
        self.remaining = 0
        self.sealed: bytes | None = None


class QueuedDelivery:
    """One delivery: of an ``arrival`` from Kafka, or of a row that is pending (``claimed``)."""

    __slots__ = ("arrival", "attempts", "body", "claimed", "delivery_id", "event", "first_at", "queued_at")

    def __init__(
        self, event: Event, body: bytes, *, arrival: QueuedEvent | None = None, claimed: Claimed | None = None
    ) -> None:
        self.event = event
        self.body = body
        self.arrival = arrival
        self.claimed = claimed
        self.attempts = 0 if claimed is None else claimed.attempts
        self.delivery_id: str | None = None if claimed is None else claimed.delivery_id
        self.first_at: datetime | None = None if claimed is None else claimed.first_at
        self.queued_at = 0.0


Deliver = Callable[["EndpointQueue", QueuedDelivery], Awaitable[bool]]
"""Makes one attempt and records it: whether the receiver has it."""
Park = Callable[["EndpointQueue", QueuedDelivery, float], None]
"""Leaves an item that was not tried to the store, to be tried in so many seconds."""
Promise = Callable[["EndpointQueue", QueuedDelivery], Claimed]
"""Notes an item that is under way as pending, and as claimed by this process."""


class EndpointQueue:
    """Of one endpoint. ``failed`` gets the first unforeseen error of a delivery."""

    def __init__(
        self,
        subscriber: Subscriber,
        limits: FlowLimits,
        deliver: Deliver,
        park: Park,
        promise: Promise,
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
        self._park = park
        self._promise = promise
        self._patience = patience_seconds
        self._failed = failed
        self._bucket: TokenBucket | None = None
        self._queue: deque[QueuedDelivery] = deque()
        self._lanes: dict[str, deque[QueuedDelivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._under_way: set[QueuedDelivery] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._moved_at = 0.0
        self._loop = asyncio.get_running_loop()
        self.change(subscriber)

    def change(self, subscriber: Subscriber) -> None:
        """The endpoint has changed: what is sent from now on goes by what it says now."""
        self.subscriber = subscriber
        self.since = subscriber.since
        rate = subscriber.endpoint.rate_limit_per_second
        if rate is None or self._bucket is None or self._bucket.per_second != rate:
            self._bucket = None if rate is None else TokenBucket(rate)

    # --- what comes in ---

    def offer(self, item: QueuedDelivery) -> None:
        """Send it as soon as it may be, or park it."""
        now = self._loop.time()
        item.queued_at = now
        if self.subscriber.ordered and item.claimed is None:
            lane = self._lanes.get(item.event.subject)
            if lane is not None:
                lane.append(item)
                return
            self._lanes[item.event.subject] = deque()
        if item.claimed is None:
            if self._is_stalled(now):
                self._give_up(item, now)
                return
            self._queue.append(item)
        else:
            self.claimed += 1
            self._queue.appendleft(item)
        self._pump(now)

    def wants(self) -> int:
        """How many pending items it can use now."""
        now = self._loop.time()
        room = self.breaker.room(now, self.in_flight)
        if room == 0 and self._timer is None:
            return 0
        if self.breaker.is_open or self._queue:
            # One at a time: what is new and what is pending take turns.
            return 0 if self.claimed else 1
        ahead = self._ahead if self._bucket is None else max(1, int(self._bucket.per_second))
        return max(0, min(ahead, self._ahead) - self.claimed)

    def _is_stalled(self, now: float) -> bool:
        """Nothing has come back for so long that what arrives now would only wait."""
        return self.breaker.room(now, self.in_flight) == 0 and (
            self.in_flight == 0 or now - self._moved_at > self._patience
        )

    # --- what goes out ---

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
        while (item := self._next()) is not None:
            self._under_way.add(item)
            try:
                delivered = await self._deliver(self, item)
            finally:
                self._under_way.discard(item)
            self._moved_at = self._loop.time()
            if item.claimed is not None:
                self.claimed -= 1
            elif self.subscriber.ordered or item.event.subject in self._lanes:
                self._follow(item, delivered)

    def _next(self) -> QueuedDelivery | None:
        now = self._loop.time()
        while self._queue and self.breaker.room(now, self.in_flight - 1) > 0:
            if self._bucket is not None and (wait := self._bucket.take(now)):
                self._wake_in(wait)
                return None
            item = self._queue.popleft()
            if item.arrival is None or not item.arrival.source.lost:
                return item
            self._give_up(item, now)
        return None

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

    def _follow(self, item: QueuedDelivery, delivered: bool) -> None:
        """After one of an entity's events the next may go; after one that was parked, none."""
        lane = self._lanes.get(item.event.subject)
        if not lane:
            self._lanes.pop(item.event.subject, None)
        elif delivered:
            self._queue.append(lane.popleft())
        else:
            self._park_lane(item.event.subject)

    # --- what is left to the store ---

    def sweep(self) -> None:
        """Park what has waited too long; called now and then."""
        now = self._loop.time()
        for item in self._under_way:
            if item.claimed is None and now - item.queued_at > self._patience:
                item.claimed = self._promise(self, item)
                self.claimed += 1
                self._park_lane(item.event.subject)
        if self._is_stalled(now):
            self._shed(now)
        self._park_old(now)
        self._pump(now)

    def _park_old(self, now: float) -> None:
        claimed: list[QueuedDelivery] = []
        while self._queue:
            item = self._queue.popleft()
            if item.claimed is not None:
                claimed.append(item)
            elif now - item.queued_at > self._patience:
                self._give_up(item, now)
            else:
                self._queue.appendleft(item)
                break
        self._queue.extendleft(reversed(claimed))

    def _shed(self, now: float) -> None:
        """Nothing can be sent for a while: leave everything to the store."""
        queue, self._queue = self._queue, deque()
        for item in queue:
            self._give_up(item, now)

    def _give_up(self, item: QueuedDelivery, now: float) -> None:
        if item.claimed is not None:
            self.claimed -= 1
        self._park(self, item, self.breaker.closed_for(now))
        if item.claimed is None:
            self._park_lane(item.event.subject)

    def _park_lane(self, subject: str) -> None:
        for item in self._lanes.pop(subject, ()):
            self._park(self, item, 0.0)

    def close(self) -> None:
        """The endpoint is gone or disabled: what waits is left to the store, what is under way ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._shed(self._loop.time())

    def forget(self) -> None:
        """The process ends: what was not begun is read, or claimed, by another."""
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        self._lanes.clear()

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """End what is under way, in the middle."""
        self.forget()
        await cancel_and_wait(*self._tasks)
