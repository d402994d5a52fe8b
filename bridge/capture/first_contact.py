"""First contact with an account: its profile is learned before anything of it is published."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import structlog
from trackerrms_contracts.profiles import AccountProfile, Finding

from bridge.clock import utc_now
from bridge.config import IntegrationConfig
from bridge.errors import BridgeError, Throttled, Transient
from bridge.store import cursors, profiles
from bridge.store.database import Database
from bridge.tasks import cancel_and_wait
from bridge.tracker import assumptions, hosts, profile, resources
from bridge.tracker.client import Client
from bridge.tracker.errors import AccountFault, Unreachable
from bridge.tracker.profile_learning import Learned, Learner
from bridge.tracker.schema import ResourceName, Resources

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 10.0


def tracker_key(integration: IntegrationConfig) -> str:
    """Return the name of the integration's table of corrections, for messages."""
    return f"integrations.{integration.id}.tracker"


async def learned(db: Database, integration: IntegrationConfig) -> dict[str, Any]:
    """Return the settings learned from an account; none if ``learn`` is off."""
    if not integration.learn:
        return {}
    known = await profiles.load_profile(db, integration.id, host=hosts.hosts_of(integration).where)
    return {} if known is None else profile.learned_settings(known.profile)


async def effective_settings(db: Database, integration: IntegrationConfig) -> Resources:
    """Return the account's settings: the operator's keys first, then the learned ones."""
    return resources.configure_resources(
        integration.tracker, tracker_key(integration), await learned(db, integration)
    )


async def wait_for_new_profile(
    db: Database, integration: IntegrationConfig, known: Mapping[str, Any]
) -> None:
    """Return when the learned settings differ from ``known``, because a check has learned again."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if await learned(db, integration) != known:
            return


@contextlib.asynccontextmanager
async def following_profile(
    db: Database, integration: IntegrationConfig, client: Client
) -> AsyncIterator[None]:
    """Keep ``client``'s settings up to date with what is learned from the account, during the block."""

    async def follow() -> None:
        known = await learned(db, integration)
        while True:
            try:
                await wait_for_new_profile(db, integration, known)
                known = await learned(db, integration)
                client.adopt(await effective_settings(db, integration))
            except Transient:
                # The store is unreachable, which its users report.
                await asyncio.sleep(_LOOK_SECONDS)

    following = asyncio.create_task(follow(), name=f"profile of {integration.id}")
    try:
        yield
    finally:
        await cancel_and_wait(following)


def basis(integration: IntegrationConfig) -> bytes:
    """Return a digest of the configuration that an account is learned with."""
    given = [hosts.hosts_of(integration).where, integration.time_zone, integration.tracker, integration.learn]
    return blake2b(msgspec.json.encode(given, order="sorted"), digest_size=16).digest()


async def learn_profile(
    db: Database, integration: IntegrationConfig, client: Client, names: Collection[ResourceName]
) -> Learned:
    """Learn the profile of an account and store it. ``client`` uses it afterwards.

    The profile has a verdict for every assumption about these resources; an assumption that was not judged is
    unknown. Raises ``AccountFault``, ``Throttled``, ``Unreachable``.
    """
    earlier = await _earlier(db, integration)
    learner = Learner(
        client, integration.tracker, tracker_key(integration), adopting=integration.learn, earlier=earlier
    )
    found = await learner.learn(tuple(names), utc_now())
    found = msgspec.structs.replace(found, profile=await _save(db, integration, names, found, earlier))
    for question in (finding for finding in found.profile.findings if finding.is_question):
        _log.error(
            "profile.question",
            integration=integration.id,
            assumption=question.assumption,
            evidence=question.evidence,
            key=question.key and f"{tracker_key(integration)}.{question.key}",
        )
    return found


async def unlearned(
    db: Database, integration: IntegrationConfig, names: Iterable[ResourceName]
) -> list[ResourceName]:
    """Return the resources that have not been learned with this configuration."""
    if not integration.learn:
        return []
    known = await profiles.load_profile(db, integration.id)
    if known is None or known.basis != basis(integration):
        return list(names)
    return [name for name in names if name not in known.profile.resources]


async def try_to_learn(
    db: Database, integration: IntegrationConfig, client: Client, names: Collection[ResourceName]
) -> list[ResourceName]:
    """Learn these resources. Return those that failed; their status shows the reason."""
    try:
        failures: dict[ResourceName, BridgeError] = {
            **(await learn_profile(db, integration, client, names)).failures
        }
    except (AccountFault, Throttled, Unreachable) as error:
        failures = dict.fromkeys(names, error)
    for name, failure in failures.items():
        await cursors.fail(db, integration.id, name, str(failure))
    if failures:
        _log.warning(
            "capture.failed", integration=integration.id, work="profile", resources=list(failures),
            reasons=[str(failure) for failure in failures.values()],
        )  # fmt: skip
    return list(failures)


async def _earlier(db: Database, integration: IntegrationConfig) -> AccountProfile | None:
    """Return what was learned earlier with the same configuration."""
    known = await profiles.load_profile(db, integration.id, host=hosts.hosts_of(integration).where)
    return known.profile if known is not None and known.basis == basis(integration) else None


async def store_findings(
    db: Database, integration: IntegrationConfig, findings: Iterable[Finding]
) -> AccountProfile | None:
    """Store findings that were made outside of learning, and return the whole profile.

    ``None`` before the account is learned.
    """
    host = hosts.hosts_of(integration).where
    known = await profiles.load_profile(db, integration.id, host=host)
    if known is None:
        return None
    whole = profile.with_findings(known.profile, findings)
    await profiles.save_profile(db, integration.id, whole, host=host, basis=known.basis)
    return whole


async def _save(
    db: Database,
    integration: IntegrationConfig,
    names: Collection[ResourceName],
    found: Learned,
    earlier: AccountProfile | None,
) -> AccountProfile:
    host, mark = hosts.hosts_of(integration).where, basis(integration)
    merged = profile.merged(earlier, found.profile)
    whole = msgspec.structs.replace(
        merged,
        findings=assumptions.completed(
            merged.findings, names, {name: str(error) for name, error in found.failures.items()}
        ),
    )
    await profiles.save_profile(db, integration.id, whole, host=host, basis=mark)
    return whole
