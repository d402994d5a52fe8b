"""The capture stage of one integration: waits for the lease, connects, polls."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from trackerrms_contracts.entities import Model

from bridge.capture import first_contact
from bridge.capture.by_id_reader import ByIdReader
from bridge.capture.change_writer import ChangeWriter
from bridge.capture.deletion import CaptureContext
from bridge.capture.event_builder import EventBuilder, Identity
from bridge.capture.loss_checks import LossChecks
from bridge.capture.paging import Pages
from bridge.capture.poller import Poller, Rhythm
from bridge.capture.proof import Guard, Prover
from bridge.capture.read_requests import ReadRequests
from bridge.capture.record_reader import RecordReader
from bridge.capture.request_meter import Meter
from bridge.capture.resource_reader import ReadPace
from bridge.capture.shape_checks import ShapeChecks
from bridge.config import CaptureConfig, IntegrationConfig
from bridge.hashing import Hasher
from bridge.retry import Backoff
from bridge.sealing import Sealer
from bridge.store import leases
from bridge.store.database import Database
from bridge.tasks import cancel_and_wait
from bridge.tracker import resources
from bridge.tracker.client import Client
from bridge.tracker.normalize import Normalizer
from bridge.tracker.reading_version import reading_version
from bridge.tracker.schema import Resource, ResourceName, Resources

_log = structlog.get_logger(__name__)
_LEASE_SECONDS = 30.0
# The pause before another attempt to learn a resource.
_FIRST_PATIENCE_SECONDS, _LONGEST_PATIENCE_SECONDS = 1.0, 300.0

ConnectClient = Callable[[], AbstractAsyncContextManager[Client]]


class InstallationKeys(Struct, frozen=True, kw_only=True):
    """The installation's keys for hashes and sealed values."""

    hasher: Hasher
    sealer: Sealer


class CaptureLimits(Struct, frozen=True, kw_only=True):
    """The limits of one poller.

    ``page_batch``: the maximum number of pages that a full read reads before it commits. ``parallel_reads``:
    the maximum number of concurrent calls to TrackerRMS; the request budget paces them. ``confirm_seconds``:
    the pause between the reads that confirm a deletion.
    """

    page_batch: int = 50
    parallel_reads: int = 8
    confirm_seconds: float = 5.0


class Capture:
    """The capture stage. The supervisor calls ``run``."""

    def __init__(
        self,
        db: Database,
        integration: IntegrationConfig,
        config: CaptureConfig,
        keys: InstallationKeys,
        *,
        topic_prefix: str,
        compacted: bool,
        max_message_bytes: int,
        meter: Meter,
        connect: ConnectClient,
        limits: CaptureLimits | None = None,
    ) -> None:
        self._db = db
        self._integration = integration
        self._config = config
        self._keys = keys
        self._identity = Identity(
            integration_id=integration.id, topic_prefix=topic_prefix, compacted=compacted
        )
        self._max_message_bytes = max_message_bytes
        self._meter = meter
        self._connect = connect
        self._limits = limits or CaptureLimits()
        self._holder = leases.holder_name()

    async def run(self, stop: asyncio.Event) -> None:
        """Wait for the lease, then poll until ``stop``.

        Raises ``LeaseLost`` if another process took over, ``Transient`` if the store can't be reached.
        """
        lease = await leases.wait_for_lease(
            self._db,
            f"poller:{self._integration.id}",
            self._holder,
            _LEASE_SECONDS,
            stop,
            look_seconds=_LEASE_SECONDS / 10,
        )
        if lease is None:
            return
        async with leases.LeaseKeeper(self._db, lease, _LEASE_SECONDS) as held, self._connect() as client:
            _log.info("capture.took_over", integration=self._integration.id, token=lease.token)
            await self._poll(held, client, stop)

    async def _poll(self, held: leases.LeaseKeeper, client: Client, stop: asyncio.Event) -> None:
        """Poll the learned resources of the account, and retry to learn the others."""
        db, integration = self._db, self._integration
        names = resources_of_models(client.settings, models_of(integration))
        patience = Backoff(_FIRST_PATIENCE_SECONDS, _LONGEST_PATIENCE_SECONDS, jitter=0)
        while not stop.is_set():
            unlearned = await first_contact.unlearned(db, integration, names)
            if unlearned:
                unlearned = await first_contact.try_to_learn(db, integration, client, unlearned)
            learned = await first_contact.learned(db, integration)
            client.adopt(await first_contact.effective_settings(db, integration))
            if not unlearned:
                patience.reset()
            poller = self._poller(held, client, learned, without=unlearned)
            await self._run(poller, learned, patience.next() if unlearned else None, stop)

    async def _run(
        self, poller: Poller, learned: Mapping[str, Any], seconds: float | None, stop: asyncio.Event
    ) -> None:
        """Run the poller until ``stop``, for ``seconds``, or until the account was learned again."""
        enough = asyncio.Event()
        watches = [
            asyncio.create_task(stop.wait(), name="poller stop"),
            asyncio.create_task(
                first_contact.wait_for_new_profile(self._db, self._integration, learned), name="profile"
            ),
        ]
        if seconds is not None:
            watches.append(asyncio.create_task(asyncio.sleep(seconds), name="learn again"))
        for watch in watches:
            watch.add_done_callback(lambda _: enough.set())
        try:
            await poller.run(enough)
        finally:
            await cancel_and_wait(*watches)
        for watch in watches:
            if not watch.cancelled():
                watch.result()

    def _poller(
        self,
        held: leases.LeaseKeeper,
        client: Client,
        learned: Mapping[str, Any],
        *,
        without: Collection[ResourceName],
    ) -> Poller:
        config, limits, integration = self._config, self._limits, self._integration
        normalizer = Normalizer(
            integration.id, client.settings, integration.time_zone, keep_remote_data=integration.remote_data
        )
        guard = Guard.of(config)
        models = models_of(integration)
        publisher = EventBuilder(
            self._identity,
            self._keys.sealer,
            keep_values=integration.keep_previous,
            max_message_bytes=self._max_message_bytes,
        )
        pages = Pages(client, at_once=limits.parallel_reads)
        rows = RecordReader(
            integration.id,
            self._db,
            client,
            normalizer,
            parallel_reads=limits.parallel_reads,
            overlap_seconds=config.overlap_seconds,
        )
        losses = Guard(count=config.deletion_limit_count, percent=config.loss_limit_percent)
        changes = ChangeWriter(
            self._identity, self._keys.hasher, publisher, models, keys=rows.keys, limits=losses
        )
        capture = CaptureContext(
            integration_id=integration.id,
            db=self._db,
            lease=held.lease,
            pages=pages,
            rows=rows,
            shape=ShapeChecks(integration.id, self._db, client, pages),
            loss_checks=LossChecks(
                integration.id, self._db, client, pages, normalizer, changes, losses, rows.keys
            ),
            changes=changes,
            prover=Prover(
                client,
                guard,
                parallel_reads=limits.parallel_reads,
                confirm_seconds=limits.confirm_seconds,
            ),
            guard=guard,
            calls=lambda: self._meter.here,
            judge=partial(first_contact.store_findings, self._db, integration),
        )
        by_id = ByIdReader(client, normalizer, parallel_reads=limits.parallel_reads)
        pace = ReadPace(
            page_batch=limits.page_batch,
            first_pages=min(limits.parallel_reads, limits.page_batch),
            overlap_seconds=config.overlap_seconds,
            silent=integration.initial_load == "silent",
        )
        rhythm = Rhythm(poll_seconds=config.poll_seconds, sweep_seconds=config.sweep_minutes * 60)
        version = reading_version(resources.DEFAULT)
        reading = msgspec.json.encode(
            [integration.tracker, learned, integration.time_zone, sorted(models)], order="sorted"
        )
        return Poller(
            capture,
            ReadRequests(capture, by_id),
            held,
            normalizer,
            {
                name: r
                for name, r in resources_of_models(client.settings, models).items()
                if name not in without
            },
            pace,
            rhythm,
            lambda *parts: self._keys.hasher.salt(version, reading, *parts),
        )


def models_of(integration: IntegrationConfig) -> frozenset[Model]:
    """Return the enabled models."""
    return frozenset(Model if integration.models is None else integration.models)


def resources_of_models(settings: Resources, models: frozenset[Model]) -> dict[ResourceName, Resource]:
    """Return the resources to read for these models. Applications require the statuses too."""
    chosen = {name: r for name, r in settings.resources.items() if models.intersection(r.models)}
    if "applications" in chosen:
        chosen["statuses"] = settings.resources["statuses"]
    return chosen
