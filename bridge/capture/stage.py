"""The capture stage of one integration: stands by for the lease, connects, polls."""

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
from bridge.capture.resource_reader import ReadPace
from bridge.capture.shape_checks import ShapeChecks
from bridge.config import CaptureConfig, IntegrationConfig
from bridge.hashing import Hasher
from bridge.metering import Meter
from bridge.sealing import Sealer
from bridge.store import leases
from bridge.store.database import Database
from bridge.tracker.client import Client
from bridge.tracker.normalize import Normaliser
from bridge.tracker.reading_digest import reading_digest
from bridge.tracker.schema import Resource, ResourceName, Resources

_log = structlog.get_logger(__name__)
_LEASE_SECONDS = 30.0
# How soon a resource that could not be learned is looked at again.
_FIRST_PATIENCE_SECONDS, _LONGEST_PATIENCE_SECONDS = 0.5, 300.0

ConnectClient = Callable[[], AbstractAsyncContextManager[Client]]


class InstallationKeys(Struct, frozen=True, kw_only=True):
    """The installation's secrets: what hashes are keyed and kept values sealed with."""

    hasher: Hasher
    sealer: Sealer


class Capture:
    """The stage; ``run`` is what the supervisor calls."""

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
        self._holder = leases.holder_name()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until ``stop``, when it is this process's turn.

        Raises ``LeaseLost`` when another process took over, ``Transient`` when the store can't be reached.
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
        """Poll what has been learned of the account, and look again at what could not be."""
        db, integration = self._db, self._integration
        names = resources_of_models(client.settings, models_of(integration))
        patience = _FIRST_PATIENCE_SECONDS
        # Parsing its own sources would hold the loop up.
        code = await asyncio.to_thread(reading_digest)
        while not stop.is_set():
            unlearned = await first_contact.unlearned(db, integration, names)
            if unlearned:
                unlearned = await first_contact.try_to_learn(db, integration, client, unlearned)
            learned = await first_contact.learned(db, integration)
            client.adopt(await first_contact.effective_settings(db, integration))
            patience = min(2 * patience, _LONGEST_PATIENCE_SECONDS) if unlearned else _FIRST_PATIENCE_SECONDS
            poller = self._poller(held, client, learned, code, without=unlearned)
            await self._run(poller, learned, patience if unlearned else None, stop)

    async def _run(
        self, poller: Poller, learned: Mapping[str, Any], seconds: float | None, stop: asyncio.Event
    ) -> None:
        """Run the poller until ``stop``, for so long, or until the account has been learned again."""
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
            for watch in watches:
                watch.cancel()
            ended = await asyncio.gather(*watches, return_exceptions=True)
        for trouble in ended:
            if isinstance(trouble, Exception):
                raise trouble

    def _poller(
        self,
        held: leases.LeaseKeeper,
        client: Client,
        learned: Mapping[str, Any],
        code: bytes,
        *,
        without: Collection[ResourceName],
    ) -> Poller:
        config, integration = self._config, self._integration
        normaliser = Normaliser(
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
        pages = Pages(client, at_once=config.parallel_reads)
        rows = RecordReader(
            integration.id,
            self._db,
            client,
            normaliser,
            parallel_reads=config.parallel_reads,
            overlap_seconds=config.overlap_seconds,
        )
        losses = Guard(count=config.deletion_limit_count, percent=config.loss_limit_percent)
        changes = ChangeWriter(
            self._identity, self._keys.hasher, publisher, models, keys=rows.keys, limits=losses
        )
        doors = CaptureContext(
            integration_id=integration.id,
            db=self._db,
            lease=held.lease,
            pages=pages,
            rows=rows,
            shape=ShapeChecks(integration.id, self._db, client, pages),
            vouching=LossChecks(
                integration.id, self._db, client, pages, normaliser, changes, losses, rows.keys
            ),
            changes=changes,
            prover=Prover(
                client,
                guard,
                parallel_reads=config.parallel_reads,
                confirm_seconds=config.confirm_seconds,
            ),
            guard=guard,
            calls=lambda: self._meter.here,
            judge=partial(first_contact.store_findings, self._db, integration),
        )
        by_id = ByIdReader(client, normaliser, parallel_reads=config.parallel_reads)
        pace = ReadPace(
            page_batch=config.page_batch,
            first_pages=min(config.parallel_reads, config.page_batch),
            overlap_seconds=config.overlap_seconds,
            silent=integration.initial_load == "silent",
        )
        rhythm = Rhythm(poll_seconds=config.poll_seconds, sweep_seconds=config.sweep_minutes * 60)
        reading = msgspec.json.encode(
            [integration.tracker, learned, integration.time_zone, sorted(models)], order="sorted"
        )
        return Poller(
            doors,
            ReadRequests(doors, by_id),
            held,
            normaliser,
            {
                name: r
                for name, r in resources_of_models(client.settings, models).items()
                if name not in without
            },
            pace,
            rhythm,
            lambda *parts: self._keys.hasher.salt(code, reading, *parts),
        )


def models_of(integration: IntegrationConfig) -> frozenset[Model]:
    """The models that are on."""
    return frozenset(Model if integration.models is None else integration.models)


def resources_of_models(settings: Resources, models: frozenset[Model]) -> dict[ResourceName, Resource]:
    """The resources to read for these models; applications need the statuses too."""
    chosen = {name: r for name, r in settings.resources.items() if models.intersection(r.models)}
    if "applications" in chosen:
        chosen["statuses"] = settings.resources["statuses"]
    return chosen
