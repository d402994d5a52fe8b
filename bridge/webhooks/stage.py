"""The webhook stage: reads the event topics in a consumer group, and delivers each event to its subscribers.

Kafka is the queue: an offset is committed when each delivery of the event is durably delivered or pending
(invariant 5). PostgreSQL holds the pending deliveries and the log. Several processes share the partitions by
the group, and the pending rows by claims under each process's lease.
"""

import asyncio
import os
import secrets
import socket
import uuid
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial

from msgspec import Struct

from bridge import metrics
from bridge.config import KafkaConfig, WebhooksConfig
from bridge.errors import LeaseLost
from bridge.outbound import Outbound
from bridge.sealing import Sealer
from bridge.store import leases, pending
from bridge.store.database import Database
from bridge.tasks import cancel_and_wait
from bridge.webhooks.dispatcher import Dispatcher
from bridge.webhooks.due import DueDeliveries
from bridge.webhooks.maintenance import Maintenance
from bridge.webhooks.outcome_writer import OutcomeWriter
from bridge.webhooks.recovery import Recoverer
from bridge.webhooks.registry import EndpointRegistry
from bridge.webhooks.sender import Sender

_LEASE_SECONDS = 15.0


class WebhookDependencies(Struct, frozen=True, kw_only=True):
    """The dependencies of the stage."""

    db: Database
    sealer: Sealer
    kafka: KafkaConfig
    config: WebhooksConfig
    retention_days: float
    outbound: Callable[[], AbstractAsyncContextManager[Outbound]]


class WebhookStage:
    """The stage. The supervisor calls ``run``."""

    def __init__(self, parts: WebhookDependencies) -> None:
        self._parts = parts

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``. Attempts in flight may then continue until the supervisor's deadline.

        Raises ``Transient`` if Kafka is unavailable, or the store at the start; ``LeaseLost`` if this process
        lost its lease.
        """
        parts, name = self._parts, f"{pending.LEASE_PREFIX}{uuid.uuid4().hex}"
        holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        lease = await leases.acquire(parts.db, name, holder, _LEASE_SECONDS)
        if lease is None:
            raise AssertionError("a lease with a new name must be free")
        async with leases.LeaseKeeper(parts.db, lease, _LEASE_SECONDS) as held, parts.outbound() as outbound:
            await _Watch(parts, held, outbound, stop).work()


class _Watch:
    """A run of the stage."""

    def __init__(
        self, parts: WebhookDependencies, held: leases.LeaseKeeper, outbound: Outbound, stop: asyncio.Event
    ) -> None:
        db, sealer, config = parts.db, parts.sealer, parts.config
        self._held = held
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._dispatcher = Dispatcher(parts.kafka, stop)
        self._writer = OutcomeWriter(db, sealer, held.lease, self._dispatcher.completed)
        sender = Sender(outbound, sealer, config)
        self._registry = EndpointRegistry(db, sealer, config, sender, self._writer, self._failed)
        self._due = DueDeliveries(db, sealer, parts.kafka, self._writer, self._registry)
        self._recoverer = Recoverer(db, sealer, parts.kafka, held.lease.holder)
        self._maintenance = Maintenance(db, sealer, config, parts.retention_days)

    async def work(self) -> None:
        """Read and deliver until ``stop``; then wait for the attempts in flight."""
        await self._registry.refresh()
        recording = [
            self._start(self._writer.run(), "outcome writer"),
            self._start(self._writer.run_unhurried(), "unhurried outcome writer"),
        ]
        others = [
            self._start(self._registry.keep(), "registry"),
            self._start(self._registry.sweep(), "sweep"),
            self._start(self._due.keep(), "due deliveries"),
            self._start(self._due.read_again(), "reading again"),
            self._start(self._recoverer.keep(), "recovery"),
            self._start(self._maintenance.keep(), "maintenance"),
        ]
        try:
            await self._dispatcher.run(
                self._registry, self._writer, check=self._check, drain=partial(self._drain, others)
            )
        finally:
            for queue in self._registry.queues.values():
                await queue.cancel()
            await cancel_and_wait(*recording, *others)
            metrics.BREAKERS.clear()
            if self._failed.done():
                self._failed.exception()

    async def _drain(self, others: Iterable["asyncio.Task[None]"]) -> None:
        """Wait until the attempts in flight have ended and are written. Leave the rest to other processes."""
        await cancel_and_wait(*others)
        for queue in self._registry.queues.values():
            queue.forget()
        for queue in list(self._registry.queues.values()):
            await queue.drain()
        await self._writer.drain()

    def _check(self) -> None:
        if self._held.lost.is_set():
            raise LeaseLost("webhooks: the lease expired")
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
