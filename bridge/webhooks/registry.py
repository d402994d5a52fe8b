"""The registry of endpoints: every enabled endpoint with its queue, and the table of their filters.

It is refreshed when the store reports a change, and at least every two seconds.
"""

import asyncio

import structlog

from bridge import metrics
from bridge.config import WebhooksConfig
from bridge.errors import Transient
from bridge.sealing import Sealer
from bridge.store import endpoints, health, outbox
from bridge.store.database import Database
from bridge.webhooks import subscribers
from bridge.webhooks.endpoint_queue import EndpointQueue
from bridge.webhooks.flow_control import FlowLimits
from bridge.webhooks.matching import FilterTable
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.sender import Sender
from bridge.webhooks.signing import BadSecret
from bridge.webhooks.subscribers import Subscriber

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 2.0
_SWEEP_SECONDS = 0.25
_PATIENCE_SECONDS = 2.0
_FAILURES_IN_A_ROW = 5
_LARGEST_WINDOW = 16
_LONGEST_BREAK_SECONDS = 300.0


class EndpointRegistry:
    """The ``queues`` by endpoint, and the ``table`` of the queues that receive events about records."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        config: WebhooksConfig,
        sender: Sender,
        writer: OutcomeWriter,
        failed: "asyncio.Future[None]",
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._config = config
        self._sender = sender
        self._writer = writer
        self._failed = failed
        self._version = -1
        self.queues: dict[str, EndpointQueue] = {}
        self.table: FilterTable[EndpointQueue] = FilterTable(())

    async def keep(self) -> None:
        """Follow changes until canceled."""
        async with outbox.listen_for_commits(self._db, endpoints.CHANNEL) as changed:
            while True:
                await changed.wait(_AGAIN_SECONDS)
                try:
                    await self.refresh()
                except Transient as problem:
                    _log.warning("webhooks.endpoints_unread", reason=str(problem))

    async def refresh(self) -> None:
        """Apply changes. Raises ``Transient`` if the store is unavailable."""
        version = await endpoints.version(self._db)
        if version != self._version:
            self._take(await endpoints.all_for_dispatch(self._db, self._sealer))
            self._version = version
        now = asyncio.get_running_loop().time()
        for endpoint_id, seconds in (await health.paused_endpoints(self._db)).items():
            if endpoint_id in self.queues:
                self.queues[endpoint_id].breaker.hold(now + seconds)
        metrics.show_breakers(queue.breaker.state(now) for queue in self.queues.values())

    async def sweep(self) -> None:
        """Leave deliveries that have waited too long to the store, periodically."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for queue in self.queues.values():
                queue.sweep()

    def _take(self, stored: list[endpoints.Stored]) -> None:
        found = {one.endpoint.id: ready for one in stored if (ready := _ready(one)) is not None}
        for endpoint_id in self.queues.keys() - found.keys():
            self.queues.pop(endpoint_id).close()
        for endpoint_id, subscriber in found.items():
            queue = self.queues.get(endpoint_id)
            if queue is None:
                self.queues[endpoint_id] = self._queue(subscriber)
            else:
                queue.change(subscriber)
        self.table = FilterTable(
            (queue.subscriber.filter, queue)
            for queue in self.queues.values()
            if not queue.subscriber.endpoint.operational
        )
        _log.info("webhooks.endpoints_read", endpoints=len(self.queues))

    def _queue(self, subscriber: Subscriber) -> EndpointQueue:
        limits = FlowLimits(
            most=_LARGEST_WINDOW,
            failures=_FAILURES_IN_A_ROW,
            first_seconds=min(self._config.retry_seconds[0], _LONGEST_BREAK_SECONDS),
            longest_seconds=_LONGEST_BREAK_SECONDS,
        )
        return EndpointQueue(
            subscriber,
            limits,
            self._sender.deliver,
            self._writer,
            patience_seconds=_PATIENCE_SECONDS,
            failed=self._failed,
        )


def _ready(stored: endpoints.Stored) -> Subscriber | None:
    try:
        return subscribers.build_subscriber(stored)
    except BadSecret as problem:
        _log.error("endpoint.unusable", endpoint=stored.endpoint.id, reason=str(problem))
        return None
