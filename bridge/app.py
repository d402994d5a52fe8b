"""The composition root: builds doors and stages from the configuration. The only module that knows all."""

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

from bridge import embedded, kafka, metrics, monitoring, sealing, supervisor
from bridge.api.calls import ApiDependencies as ApiParts
from bridge.api.stage import Api
from bridge.capture import first_contact
from bridge.capture.known_account import StoredAccount
from bridge.capture.stage import Capture, InstallationKeys, models_of, resources_of_models
from bridge.commands.stage import CommandDependencies, CommandStage
from bridge.config import Config, IntegrationConfig, Secret
from bridge.credentials import Lane
from bridge.errors import EnvironmentFault, Transient
from bridge.hashing import Hasher
from bridge.heartbeat import Roster
from bridge.metering import Meter
from bridge.monitoring import Monitoring
from bridge.outbound import Outbound, targets
from bridge.relay import Relay
from bridge.sealing import Sealer
from bridge.store import installation, schema
from bridge.store.api_tokens import ApiTokens
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.store.database import Database
from bridge.store.tokens import Vault
from bridge.supervisor import Stage
from bridge.tracker import resources as tracker_resources
from bridge.tracker import sharing
from bridge.tracker.client import Client
from bridge.tracker.http import Observe
from bridge.tracker.normalize import Normalizer
from bridge.tracker.retry_policy import RetryPolicy
from bridge.tracker.schema import Resource, ResourceName
from bridge.webhooks.stage import WebhookDependencies as WebhookParts
from bridge.webhooks.stage import WebhookStage

_log = structlog.get_logger(__name__)

Role = Literal["poller", "relay", "commands", "webhooks", "api"]
ROLES: tuple[Role, ...] = ("poller", "relay", "commands", "webhooks", "api")
# A command has its own patience: what fails for now is tried again by the command stage, which says so.
_NO_LIMIT = 0
_COMMAND_PATIENCE = RetryPolicy(attempts=2, attempt_seconds=60.0, deadline_seconds=60.0)


class Installation(Struct, frozen=True, kw_only=True):
    """An opened bridge: its configuration, its store and its keys."""

    config: Config
    db: Database
    keys: InstallationKeys


@contextlib.contextmanager
def with_servers(config: Config, *, need_kafka: bool = True) -> Iterator[Config]:
    """The configuration with every address filled in: embedded servers are started for those left out.

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
            _log.warning("kafka.embedded", bootstrap_servers=address, keeps="nothing: it forgets at exit")
            config = _with_kafka(config, address)
        yield config


def reaching_kafka(config: Config) -> Config:
    """The configuration with the address of the broker that runs: of the embedded one, another process's.

    Raises ``EnvironmentFault`` when there is none.
    """
    if config.kafka.bootstrap_servers is not None:
        return config
    address = _told_address(Path(config.data_dir).absolute())
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


# Where a process that runs the embedded broker tells others of it, under a lock that ends with the process.
_KAFKA_ADDRESS = "kafka.address"


@contextlib.contextmanager
def _broker(data_dir: Path) -> Iterator[str]:
    """The address of the data directory's embedded broker: another process's where one runs, else ours."""
    address = _told_address(data_dir)
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


def _told_address(data_dir: Path) -> str | None:
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
async def open_installation(config: Config, *, migrate: bool = True) -> AsyncIterator[Installation]:
    """The installation, its schema brought up to date first unless told otherwise."""
    url = store_url(config)
    if migrate:
        applied = await schema.migrate(url)
        if applied:
            _log.info("schema.migrated", revisions=applied)
    sealer = Sealer(config.sealing.key or sealing.development_key(Path(config.data_dir)))
    async with await Database.open(url, config.store.pool_size) as db:
        async with db.transaction() as tx:
            hasher = Hasher(await installation.hash_key(tx, sealer))
        yield Installation(config=config, db=db, keys=InstallationKeys(hasher=hasher, sealer=sealer))


def store_url(config: Config) -> str:
    """The store's URL of a grounded configuration."""
    if config.store.url is None:
        raise AssertionError("the configuration is not grounded")
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
    """A TrackerRMS client within the integration's shared budget, which reads by the account's profile."""
    settings = await first_contact.effective_settings(installed.db, integration)
    normalizer = Normalizer(integration.id, settings, integration.time_zone)
    made = Client(
        integration,
        meter or budget(installed, integration),
        Vault(installed.db, installed.keys.sealer, integration.id),
        settings=settings,
        patience=patience,
        lane=lane,
        known=StoredAccount(installed.db, integration.id, installed.keys.hasher, normalizer),
        observe=observe,
    )
    # The poller sees for itself when the profile changes: what it has read depends on it.
    follows = first_contact.following_profile if lane == "command" else _as_it_is
    async with made, follows(installed.db, integration, made):
        yield made


def _as_it_is(*_: object) -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


def budget(installed: Installation, integration: IntegrationConfig) -> StoredBudget:
    """The integration's request budget, shared through the store."""
    return StoredBudget(installed.db, integration.id, BudgetRules(requests=integration.requests_per_minute))


def resources_of_integration(integration: IntegrationConfig) -> dict[ResourceName, Resource]:
    """The TrackerRMS resources that the integration's models are read from."""
    settings = tracker_resources.configure_resources(
        integration.tracker, first_contact.tracker_key(integration)
    )
    return resources_of_models(settings, models_of(integration))


async def make_topics(config: Config) -> int:
    """Create the topics that are missing; returns the size of the largest message all of them take."""
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
) -> int:
    """Run the stages of these roles until one of ``signals``; return the exit code.

    ``config`` is grounded.
    """
    for one, others in sharing.shared(config.integrations).items():
        _log.warning("credential.shared", integration=one, shared_with=others, advice=sharing.ADVICE)
    async with open_installation(config) as installed, kafka.Producer(config.kafka) as producer:
        try:
            max_message_bytes = await make_topics(config)
        except Transient as problem:
            # Kafka may be down for an hour: what is captured meanwhile waits in the outbox.
            max_message_bytes = config.kafka.max_message_bytes
            _log.warning("kafka.unreachable", reason=str(problem))
        roster = Roster()
        made = {
            **stages(installed, producer, only, max_message_bytes, roster),
            "monitoring": monitoring_of(installed, roster).run,
        }
        return await supervisor.supervise(made, roster=roster, signals=signals)


def monitoring_of(installed: Installation, roster: Roster) -> Monitoring:
    """Health and metrics, which every process serves, whatever its roles."""
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
    """The stages of these roles by name. ``roster`` is where the supervisor will enter them."""
    config = installed.config
    made: dict[str, Stage] = {}
    if "relay" in only:
        made["relay"] = Relay(installed.db, producer, config.relay).run
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
    """What the HTTP API stands on; the command line holds endpoints to the same rules."""
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
    # Each endpoint has a window of its own: a host that many share must not be a queue in which one that
    # hangs holds up the others.
    outbound = msgspec.structs.replace(config.outbound, connections=_NO_LIMIT, connections_per_host=_NO_LIMIT)
    return WebhookStage(
        WebhookParts(
            db=installed.db,
            sealer=installed.keys.sealer,
            kafka=config.kafka,
            config=config.webhooks,
            outbound=lambda: Outbound(outbound),
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
            integrations=config.integrations,
            max_message_bytes=max_message_bytes,
            connect=lambda integration: client(
                installed, integration, patience=_COMMAND_PATIENCE, lane="command"
            ),
            outbound=lambda: Outbound(config.outbound),
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
    )
