"""The webhook stage: reads the event topics in a consumer group, and sees each event to every subscriber.

Kafka is the queue: an offset is committed once each delivery of the event was made or is parked durably
(invariant 5). PostgreSQL holds what is pending, and the log. Several processes share partitions by the group
and pending rows by claims under each process's lease.
"""

import asyncio
import os
import secrets
import socket
import uuid
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager

from msgspec import Struct

from bridge import heartbeat, kafka, metrics
from bridge.config import KafkaConfig, WebhooksConfig
from bridge.errors import LeaseLost
from bridge.outbound import Outbound
from bridge.sealing import Sealer
from bridge.store import leases, pending
from bridge.store.database import Database
from bridge.webhooks.dispatcher import Dispatcher
from bridge.webhooks.due import DueDeliveries
from bridge.webhooks.maintenance import Maintenance
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.recovery import Recoverer
from bridge.webhooks.registry import EndpointRegistry
from bridge.webhooks.sender import Sender

_LEASE_SECONDS = 15.0
# Rows for endpoints that are given nothing now: many share a transaction, seldom beside a delivery.
_UNHURRIED_SECONDS = 0.4


class WebhookDependencies(Struct, frozen=True, kw_only=True):
    """What the stage is built from."""

    db: Database
    sealer: Sealer
    kafka: KafkaConfig
    config: WebhooksConfig
    retention_days: float
    outbound: Callable[[], AbstractAsyncContextManager[Outbound]]


class WebhookStage:
    """The stage; ``run`` is what the supervisor calls."""

    def __init__(self, parts: WebhookDependencies) -> None:
        self._parts = parts

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``; what is under way then has until the supervisor's patience ends.

        Raises ``Transient`` when Kafka is away, or the store when it begins; ``LeaseLost`` when another
        process took this one for dead.
        """
        parts, name = self._parts, f"{pending.LEASE_PREFIX}{uuid.uuid4().hex}"
        holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        lease = await leases.acquire(parts.db, name, holder, _LEASE_SECONDS)
        if lease is None:
            raise AssertionError("a lease of a name nobody has is free")
        async with leases.LeaseKeeper(parts.db, lease, _LEASE_SECONDS) as held, parts.outbound() as outbound:
            await _Watch(parts, held, outbound, stop).work()


class _Watch:
    """One run of the stage."""

    def __init__(
        self, parts: WebhookDependencies, held: leases.LeaseKeeper, outbound: Outbound, stop: asyncio.Event
    ) -> None:
        db, sealer, config = parts.db, parts.sealer, parts.config
        self._held = held
        self._stop = stop
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._recorder = OutcomeWriter(db, sealer, held.lease)
        self._unhurried = OutcomeWriter(db, sealer, held.lease, _UNHURRIED_SECONDS)
        self._dispatcher = Dispatcher(db, parts.kafka, stop)
        self._sender = Sender(
            outbound,
            self._recorder,
            self._unhurried,
            sealer,
            config,
            finished=self._dispatcher.finished,
            parking=self._dispatcher.parking,
            parked=self._dispatcher.parked,
        )
        self._directory = EndpointRegistry(db, sealer, config, self._sender, self._failed)
        self._retrier = DueDeliveries(db, sealer, parts.kafka, self._recorder, self._directory)
        self._recoverer = Recoverer(db, sealer, parts.kafka, held.lease.holder)
        self._keeper = Maintenance(db, sealer, config, parts.retention_days)

    async def work(self) -> None:
        """Read and deliver until told to stop; then let end what is under way."""
        await self._directory.refresh()
        recording = [
            self._start(self._recorder.run(), "recorder"),
            self._start(self._unhurried.run(), "unhurried recorder"),
        ]
        others = [
            self._start(self._directory.keep(), "directory"),
            self._start(self._directory.sweep(), "sweep"),
            self._start(self._retrier.keep(), "retrier"),
            self._start(self._retrier.read_again(), "reading again"),
            self._start(self._recoverer.keep(), "recovery"),
            self._start(self._keeper.keep(), "keeper"),
        ]
        try:
            async with self._dispatcher.reading() as consumer:
                while not self._stop.is_set():
                    heartbeat.beat()
                    self._check()
                    await self._dispatcher.read(consumer, self._directory, self._sender)
                await _ended(*others)
                await self._finish(consumer)
        finally:
            for channel in self._directory.channels.values():
                await channel.cancel()
            await _ended(*recording, *others)
            metrics.BREAKERS.clear()
            if self._failed.done():
                self._failed.exception()

    async def _finish(self, consumer: kafka.Consumer) -> None:
        """What is under way ends and is written down; what was not begun is left to others."""
        for channel in self._directory.channels.values():
            channel.forget()
        for channel in list(self._directory.channels.values()):
            await channel.drain()
        await self._recorder.drain()
        await self._unhurried.drain()
        self._check()
        await self._dispatcher.commit(consumer)

    def _check(self) -> None:
        if self._held.lost.is_set():
            raise LeaseLost("webhooks: the lease ran out")
        if self._failed.done():
            self._failed.result()

    def _start(self, work: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(work, name=f"webhooks {name}")
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and not self._failed.done():
            error = task.exception()
            if error is not None:
                self._failed.set_exception(error)


async def _ended(*tasks: "asyncio.Task[None]") -> None:
    """Cancel ``tasks``; how they ended was looked at when they did."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
