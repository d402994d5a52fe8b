"""The composition root: builds doors and stages from the configuration. The only module that imports all."""

import contextlib
import fcntl
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from pathlib import Path
from signal import Signals
from typing import Literal

import msgspec
import structlog
from msgspec import Struct
from trackerrms_contracts import topics

from bridge import embedded, kafka, metrics, monitoring, sealing
from bridge.api.calls import ApiDependencies as ApiParts
from bridge.api.stage import Api
from bridge.capture import first_contact
from bridge.capture.known_account import StoredAccount
from bridge.capture.request_meter import Meter
from bridge.capture.stage import Capture, CaptureLimits, InstallationKeys, models_of, resources_of_models
from bridge.commands.account import CommandLimits
from bridge.commands.stage import CommandDependencies, CommandStage
from bridge.config import Config, IntegrationConfig, Secret
from bridge.errors import EnvironmentFault, Transient
from bridge.hashing import Hasher
from bridge.monitoring import Monitoring
from bridge.outbound import NO_LIMIT, ConnectionLimits, Outbound, targets
from bridge.relay import Relay
from bridge.runtime import supervisor
from bridge.runtime.account_ports import Lane
from bridge.runtime.heartbeat import Roster
from bridge.runtime.supervisor import Stage
from bridge.sealing import Sealer
from bridge.store import installation, schema
from bridge.store.api_tokens import ApiTokens
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.store.database import Database
from bridge.store.tokens import Vault
from bridge.tracker import resources as tracker_resources
from bridge.tracker import sharing
from bridge.tracker.client import Client
from bridge.tracker.http import Observe
from bridge.tracker.retry_policy import RetryPolicy
from bridge.tracker.schema import Resource, ResourceName
from bridge.webhooks.stage import WebhookDependencies as WebhookParts
from bridge.webhooks.stage import WebhookStage

_log = structlog.get_logger(__name__)

Role = Literal["poller", "relay", "commands", "webhooks", "api"]
ROLES: tuple[Role, ...] = ("poller", "relay", "commands", "webhooks", "api")
# The command stage retries transient failures itself and logs each retry, so its client gives up early.
_COMMAND_PATIENCE = RetryPolicy(attempts=2, attempt_seconds=60.0, deadline_seconds=60.0)


class Tuning(Struct, frozen=True, kw_only=True):
    """Constants of the stages. No operator sets them; the demo and the tests are quicker with others."""

    reads: CaptureLimits = CaptureLimits()
    commands: CommandLimits = CommandLimits()


class Installation(Struct, frozen=True, kw_only=True):
    """An opened bridge: its configuration, its store and its keys."""

    config: Config
    db: Database
    keys: InstallationKeys
    tuning: Tuning = Tuning()


@contextlib.contextmanager
def with_servers(config: Config, *, need_kafka: bool = True) -> Iterator[Config]:
    """Yield the configuration with every address filled in; start an embedded server for each one missing.

    Blocks for about a second; enter from the main thread, before the event loop runs.
    """
    data_dir = Path(config.data_dir).absolute()
    with contextlib.ExitStack() as stack:
        if config.store.url is None:
            url = stack.enter_context(embedded.postgres(data_dir))
            _log.info("postgres.embedded", url=url, keeps="its data in data_dir")
            store = msgspec.structs.replace(config.store, url=Secret(url))
            config = msgspec.structs.replace(config, store=store)
        if need_kafka and config.kafka.bootstrap_servers is None:
            address = stack.enter_context(_broker(data_dir))
            _log.warning("kafka.embedded", bootstrap_servers=address, keeps="nothing: data is lost at exit")
            config = _with_kafka(config, address)
        yield config


def reaching_kafka(config: Config) -> Config:
    """Return the configuration with the broker's address, which may be another process's embedded broker.

    Raises ``EnvironmentFault`` when no broker is configured and no embedded one runs.
    """
    if config.kafka.bootstrap_servers is not None:
        return config
    address = _read_broker_address(Path(config.data_dir).absolute())
    if address is None:
        raise EnvironmentFault(
            f"no embedded Kafka is running in {config.data_dir}: start one with bridge run, or set "
            "kafka.bootstrap_servers"
        )
    return _with_kafka(config, address)


def _with_kafka(config: Config, address: str) -> Config:
    return msgspec.structs.replace(
        config, kafka=msgspec.structs.replace(config.kafka, bootstrap_servers=address)
    )


# A process that runs the embedded broker writes its address here and locks the file until the process ends.
_KAFKA_ADDRESS = "kafka.address"


@contextlib.contextmanager
def _broker(data_dir: Path) -> Iterator[str]:
    """Yield the address of the data directory's embedded broker; start one unless another process runs it."""
    address = _read_broker_address(data_dir)
    if address is not None:
        yield address
        return
    with embedded.kafka(data_dir) as address:
        path = data_dir / _KAFKA_ADDRESS
        with path.open("w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(address)
            file.flush()
            try:
                yield address
            finally:
                path.unlink(missing_ok=True)


def _read_broker_address(data_dir: Path) -> str | None:
    try:
        with (data_dir / _KAFKA_ADDRESS).open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read() or None
    except FileNotFoundError:
        pass
    return None


@contextlib.asynccontextmanager
async def open_installation(
    config: Config, *, migrate: bool = True, tuning: Tuning | None = None
) -> AsyncIterator[Installation]:
    """Open the store and read the installation's keys; migrate the schema first unless ``migrate`` is
    false."""
    url = store_url(config)
    if migrate:
        applied = await schema.migrate(url)
        if applied:
            _log.info("schema.migrated", revisions=applied)
    sealer = Sealer(config.sealing.key or sealing.development_key(Path(config.data_dir)))
    async with await Database.open(url, config.store.pool_size) as db:
        async with db.transaction() as tx:
            hasher = Hasher(await installation.hash_key(tx, sealer))
        keys = InstallationKeys(hasher=hasher, sealer=sealer)
        yield Installation(config=config, db=db, keys=keys, tuning=tuning or Tuning())


def store_url(config: Config) -> str:
    """Return the store's URL. ``config`` must have passed through ``with_servers``."""
    if config.store.url is None:
        raise AssertionError("store.url is not filled in: enter with_servers first")
    return config.store.url.reveal()


@contextlib.asynccontextmanager
async def client(
    installed: Installation,
    integration: IntegrationConfig,
    meter: Meter | None = None,
    patience: RetryPolicy | None = None,
    lane: Lane = "poll",
    observe: Observe | None = None,
) -> AsyncIterator[Client]:
    """Yield a TrackerRMS client that shares the integration's budget and reads by the account's profile."""
    settings = await first_contact.effective_settings(installed.db, integration)
    known = StoredAccount(installed.db, integration.id, installed.keys.hasher, lambda: made.normalizer)
    made = Client(
        integration,
        meter or budget(installed, integration),
        Vault(installed.db, installed.keys.sealer, integration.id),
        settings=settings,
        patience=patience,
        lane=lane,
        known=known,
        observe=observe,
    )
    # The poller detects a changed profile itself: what it has already read depends on the profile.
    follows = first_contact.following_profile if lane == "command" else _as_it_is
    async with made, follows(installed.db, integration, made):
        yield made


def _as_it_is(*_: object) -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


def budget(installed: Installation, integration: IntegrationConfig) -> StoredBudget:
    """Return the integration's request budget, which all processes share through the store."""
    return StoredBudget(installed.db, integration.id, BudgetRules(requests=integration.requests_per_minute))


def resources_of_integration(integration: IntegrationConfig) -> dict[ResourceName, Resource]:
    """Return the TrackerRMS resources that the integration's models are read from."""
    settings = tracker_resources.configure_resources(
        integration.tracker, first_contact.tracker_key(integration)
    )
    return resources_of_models(settings, models_of(integration))


async def make_topics(config: Config) -> int:
    """Create the missing topics. Return the size of the largest message that every topic accepts."""
    prefix = config.kafka.topic_prefix
    events = list(topics.all_events(prefix).values())
    others = [topics.commands(prefix), topics.command_results(prefix), topics.dead_letter(prefix)]
    specs = [kafka.TopicSpec(name=name, compactable=True) for name in events]
    specs += [kafka.TopicSpec(name=name) for name in others]
    await kafka.ensure_topics(config.kafka, specs)
    limits = await kafka.effective_max_message_bytes(config.kafka, [*events, *others])
    return min([config.kafka.max_message_bytes, *limits.values()])


async def run_roles(
    config: Config,
    only: Collection[Role] = ROLES,
    *,
    signals: Collection[Signals] = supervisor.ENDING_SIGNALS,
    tuning: Tuning | None = None,
) -> int:
    """Run the stages of these roles until one of ``signals`` arrives. Return the exit code.

    ``config`` has every address filled in (see ``with_servers``).
    """
    for one, others in sharing.shared(config.integrations).items():
        _log.warning("credential.shared", integration=one, shared_with=others, advice=sharing.ADVICE)
    async with (
        open_installation(config, tuning=tuning) as installed,
        kafka.Producer(config.kafka) as producer,
    ):
        try:
            max_message_bytes = await make_topics(config)
        except Transient as problem:
            # Kafka may be down for an hour. Captured events wait in the outbox meanwhile.
            max_message_bytes = config.kafka.max_message_bytes
            _log.warning("kafka.unreachable", reason=str(problem))
        roster = Roster()
        made = {
            **stages(installed, producer, only, max_message_bytes, roster),
            "monitoring": monitoring_of(installed, roster).run,
        }
        return await supervisor.supervise(made, roster=roster, signals=signals)


def monitoring_of(installed: Installation, roster: Roster) -> Monitoring:
    """Build the health and metrics server, which every process runs whatever its roles."""
    config = installed.config
    parts = monitoring.MonitoringDependencies(
        db=installed.db,
        roster=roster,
        integrations=tuple(one.id for one in config.integrations),
        reach_kafka=lambda: kafka.reach(config.kafka),
    )
    return Monitoring(parts, config.monitoring)


def stages(
    installed: Installation,
    producer: kafka.Producer,
    only: Collection[Role],
    max_message_bytes: int,
    roster: Roster | None = None,
) -> Mapping[str, Stage]:
    """Return the stages of these roles by name. The supervisor will enter them in ``roster``."""
    config = installed.config
    made: dict[str, Stage] = {}
    if "relay" in only:
        made["relay"] = Relay(installed.db, producer).run
    if "poller" in only:
        for integration in config.integrations:
            metrics.start_series(integration.id, resources_of_integration(integration))
            made[f"poller:{integration.id}"] = _capture(installed, integration, max_message_bytes).run
    if "commands" in only and config.integrations:
        made["commands"] = _commands(installed, max_message_bytes).run
    if "webhooks" in only:
        made["webhooks"] = _webhooks(installed).run
    if "api" in only:
        made["api"] = Api(api_parts(installed, roster), config.api).run
    return made


def api_parts(installed: Installation, roster: Roster | None = None) -> ApiParts:
    """Return the dependencies of the HTTP API. The command line applies the same rules to endpoints."""
    rules = targets.rules(installed.config.outbound)
    return ApiParts(
        db=installed.db,
        sealer=installed.keys.sealer,
        tokens=ApiTokens(installed.db, installed.keys.sealer),
        judge=lambda url: targets.parse_target(url, rules),
        integrations=tuple(one.id for one in installed.config.integrations),
        roster=roster or Roster(),
    )


def _webhooks(installed: Installation) -> WebhookStage:
    config = installed.config
    # Each endpoint has its own window. With a limit per host, one hanging endpoint would hold up the others
    # on a shared host.
    limits = ConnectionLimits(total=NO_LIMIT, per_host=NO_LIMIT)
    return WebhookStage(
        WebhookParts(
            db=installed.db,
            sealer=installed.keys.sealer,
            kafka=config.kafka,
            config=config.webhooks,
            retention_days=config.store.retention_days,
            outbound=lambda: Outbound(config.outbound, limits=limits),
        )
    )


def _commands(installed: Installation, max_message_bytes: int) -> CommandStage:
    config = installed.config
    return CommandStage(
        CommandDependencies(
            db=installed.db,
            hasher=installed.keys.hasher,
            sealer=installed.keys.sealer,
            kafka=config.kafka,
            config=config.commands,
            retention_days=config.store.retention_days,
            integrations=config.integrations,
            max_message_bytes=max_message_bytes,
            connect=lambda integration: client(
                installed, integration, patience=_COMMAND_PATIENCE, lane="command"
            ),
            outbound=lambda: Outbound(config.outbound),
            limits=installed.tuning.commands,
        )
    )


def _capture(installed: Installation, integration: IntegrationConfig, max_message_bytes: int) -> Capture:
    config = installed.config
    meter = Meter(budget(installed, integration))
    return Capture(
        installed.db,
        integration,
        config.capture,
        installed.keys,
        topic_prefix=config.kafka.topic_prefix,
        compacted=config.kafka.compacted,
        max_message_bytes=max_message_bytes,
        meter=meter,
        connect=lambda: client(installed, integration, meter),
        limits=installed.tuning.reads,
    )
