"""Who is delivered to: every enabled endpoint with its channel, and the table of who wants which event.

Read again when the store says that something has changed, at the latest every two seconds.
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
from bridge.webhooks.sender import Sender
from bridge.webhooks.signing import BadSecret
from bridge.webhooks.subscribers import Subscriber

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 2.0
_SWEEP_SECONDS = 0.25
_PATIENCE_SECONDS = 2.0
_FAILURES_IN_A_ROW = 5
_LONGEST_BREAK_SECONDS = 300.0


class EndpointRegistry:
    """``channels`` by endpoint; ``table`` of those that get records' events."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        config: WebhooksConfig,
        sender: Sender,
        failed: "asyncio.Future[None]",
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._config = config
        self._sender = sender
        self._failed = failed
        self._version = -1
        self.channels: dict[str, EndpointQueue] = {}
        self.table: FilterTable[EndpointQueue] = FilterTable(())
        self.has_ordered = False

    async def keep(self) -> None:
        """Follow changes until cancelled."""
        async with outbox.listen_for_commits(self._db, endpoints.CHANNEL) as changed:
            while True:
                await changed.wait(_AGAIN_SECONDS)
                try:
                    await self.refresh()
                except Transient as problem:
                    _log.warning("webhooks.endpoints_unread", reason=str(problem))

    async def refresh(self) -> None:
        """Take over what has changed. Raises ``Transient`` when the store is away."""
        version = await endpoints.version(self._db)
        if version != self._version:
            self._take(await endpoints.all_for_dispatch(self._db, self._sealer))
            self._version = version
        now = asyncio.get_running_loop().time()
        for endpoint_id, seconds in (await health.paused_endpoints(self._db)).items():
            if endpoint_id in self.channels:
                self.channels[endpoint_id].breaker.hold(now + seconds)
        metrics.show_breakers(channel.breaker.state(now) for channel in self.channels.values())

    async def sweep(self) -> None:
        """Park what has waited too long, again and again."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for channel in self.channels.values():
                channel.sweep()

    def _take(self, stored: list[endpoints.Stored]) -> None:
        found = {one.endpoint.id: ready for one in stored if (ready := _ready(one)) is not None}
        for endpoint_id in self.channels.keys() - found.keys():
            self.channels.pop(endpoint_id).close()
        for endpoint_id, subscriber in found.items():
            channel = self.channels.get(endpoint_id)
            if channel is None:
                self.channels[endpoint_id] = self._channel(subscriber)
            else:
                channel.change(subscriber)
        self.table = FilterTable(
            (channel.subscriber.filter, channel)
            for channel in self.channels.values()
            if not channel.subscriber.endpoint.operational
        )
        self.has_ordered = any(channel.subscriber.ordered for channel in self.channels.values())
        _log.info("webhooks.endpoints_read", endpoints=len(self.channels))

    def _channel(self, subscriber: Subscriber) -> EndpointQueue:
        limits = FlowLimits(
            most=self._config.in_flight,
            failures=_FAILURES_IN_A_ROW,
            first_seconds=min(self._config.retry_seconds[0], _LONGEST_BREAK_SECONDS),
            longest_seconds=_LONGEST_BREAK_SECONDS,
        )
        return EndpointQueue(
            subscriber,
            limits,
            self._sender.deliver,
            self._sender.park,
            self._sender.promise,
            patience_seconds=_PATIENCE_SECONDS,
            failed=self._failed,
        )


def _ready(stored: endpoints.Stored) -> Subscriber | None:
    try:
        return subscribers.ready(stored)
    except BadSecret as problem:
        _log.error("endpoint.unusable", endpoint=stored.endpoint.id, reason=str(problem))
        return None
