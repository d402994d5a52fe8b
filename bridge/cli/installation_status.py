"""The status of an installation as plain data, for ``bridge status`` and its ``--json``."""

from datetime import datetime

from msgspec import Struct
from trackerrms_contracts.profiles import Finding

from bridge import app
from bridge.app import Installation
from bridge.clock import utc_now
from bridge.config import IntegrationConfig
from bridge.store import (
    budgets,
    commands,
    gaps,
    holds,
    outbox,
    overview,
    parked,
    profiles,
    remarks,
    scans,
    unlisted,
)
from bridge.store.budgets import BudgetRules
from bridge.store.gaps import GapCount
from bridge.store.holds import Hold
from bridge.store.overview import CommandCounts, PollSummary
from bridge.store.parked import ParkedRow
from bridge.store.remarks import Remark
from bridge.store.scans import Scan
from bridge.tracker import sharing
from bridge.tracker.schema import Resource


class RunningScan(Struct, frozen=True, kw_only=True):
    """A scan in progress. ``remaining_seconds`` is estimated at the integration's budget, if possible.

    ``rows_known`` counts the rows of the lists begun; ``lists_left`` lists have not been opened yet.
    """

    kind: str
    started_at: datetime
    pages_read: int
    rows_seen: int
    rows_known: int | None
    lists_left: int
    calls: int
    fraction: float
    remaining_seconds: float | None
    flaw: str | None


class FinishedScan(Struct, frozen=True, kw_only=True):
    """The newest finished scan. ``flaw`` says why it was incomplete and therefore proved no deletion."""

    kind: str
    finished_at: datetime
    rows_seen: int
    rows_changed: int
    calls: int
    complete: bool
    flaw: str | None


class ResourceStatus(Struct, frozen=True, kw_only=True):
    """A TrackerRMS resource. ``models`` counts the existing entities by model. ``unlisted`` records are in
    no list; the bridge reads them by id."""

    name: str
    models: dict[str, int]
    loaded: bool
    polls: PollSummary
    scan: RunningScan | None
    last_scan: FinishedScan | None
    proved_at: datetime | None
    parked: int
    unlisted: int


class BudgetStatus(Struct, frozen=True, kw_only=True):
    """The requests of the last minute."""

    requests_per_minute: int
    used: int
    left: int
    paused_until: datetime | None
    pause_reason: str | None


class IntegrationStatus(Struct, frozen=True, kw_only=True):
    """A TrackerRMS account. ``poller`` names the process that reads it, or is ``None``. ``questions`` are
    the findings of its profile that the operator must answer."""

    id: str
    poller: str | None
    budget: BudgetStatus
    resources: list[ResourceStatus]
    commands: CommandCounts
    holds: list[Hold]
    questions: list[Finding]
    remarks: list[Remark]
    gaps: list[GapCount]
    parked_records: list[ParkedRow] | None = None
    shares_credential_with: tuple[str, ...] = ()


class OutboxStatus(Struct, frozen=True, kw_only=True):
    """The messages that Kafka has not acknowledged yet."""

    depth: int
    oldest_seconds: float
    sent: int


class InstallationStatus(Struct, frozen=True, kw_only=True):
    """The whole installation. ``relay`` names the process that publishes, or is ``None``; ``commands`` names
    the processes that carry out commands."""

    at: datetime
    relay: str | None
    commands: list[str]
    outbox: OutboxStatus
    integrations: list[IntegrationStatus]


async def read_installation_status(
    installed: Installation, *, with_parked: bool = False
) -> InstallationStatus:
    """Read the current status from the store."""
    holders = await overview.lease_holders(installed.db)
    depth, oldest = await outbox.depth(installed.db)
    sent = sum(shard.sent_count for shard in await outbox.progress(installed.db))
    relay = next((holder for name, holder in holders.items() if name.startswith("relay")), None)
    return InstallationStatus(
        at=utc_now(),
        relay=relay,
        commands=sorted(who for name, who in holders.items() if name.startswith(commands.LEASE_PREFIX)),
        outbox=OutboxStatus(depth=depth, oldest_seconds=round(oldest.total_seconds(), 3), sent=sent),
        integrations=[
            await _integration(installed, one, holders.get(f"poller:{one.id}"), with_parked)
            for one in installed.config.integrations
        ],
    )


async def _integration(
    installed: Installation, integration: IntegrationConfig, poller: str | None, with_parked: bool
) -> IntegrationStatus:
    db, name = installed.db, integration.id
    polls, records = await overview.polls(db, name), await overview.records(db, name)
    proved, parked_counts = (
        await overview.proved_at(db, name),
        await overview.count_parked_by_resource(db, name),
    )
    known = await profiles.load_profile(db, name)
    findings = () if known is None else known.profile.findings
    hidden = await unlisted.count_unlisted(db, name)
    resources = []
    for resource in app.resources_of_integration(integration).values():
        last = await scans.last_finished(db, name, resource.name)
        underway = await scans.running(db, name, resource.name)
        polled = polls.get(resource.name, PollSummary())
        resources.append(
            ResourceStatus(
                name=resource.name,
                models={model: records.get(model, 0) for model in resource.models},
                # A resource that is read whole at every poll is loaded after its first poll.
                loaded=last is not None or (not resource.updated_after and polled.polled_at is not None),
                polls=polled,
                scan=None if underway is None else _underway(underway, resource, integration),
                last_scan=None if last is None else _finished(last),
                proved_at=proved.get(resource.name),
                parked=parked_counts.get(resource.name, 0),
                unlisted=hidden.get(resource.name, 0),
            )
        )
    return IntegrationStatus(
        id=name,
        poller=poller,
        budget=await _budget(installed, integration),
        resources=resources,
        commands=await overview.commands(db, name),
        holds=await holds.load_waiting_holds(db, name),
        questions=[finding for finding in findings if finding.is_question],
        remarks=await remarks.load_remarks(db, name),
        gaps=await gaps.count_gaps(db, name),
        parked_records=await parked.list_parked(db, name) if with_parked else None,
        shares_credential_with=sharing.shared(installed.config.integrations).get(name, ()),
    )


def _underway(scan: Scan, resource: Resource, integration: IntegrationConfig) -> RunningScan:
    lists = len(resource.states)
    begun = min(scan.segment + 1, lists)
    known = scan.rows_known
    share = min(1.0, scan.rows_seen / known) if known else 0.0
    return RunningScan(
        kind=scan.kind,
        started_at=scan.started_at,
        pages_read=scan.pages_read,
        rows_seen=scan.rows_seen,
        rows_known=known,
        lists_left=lists - begun,
        calls=scan.calls,
        fraction=round(share * begun / lists, 4),
        remaining_seconds=_remaining_seconds(scan, integration),
        flaw=scan.flaw,
    )


def _remaining_seconds(scan: Scan, integration: IntegrationConfig) -> float | None:
    """Estimate the time for the rest of the lists begun, from the calls per row so far and the
    poll budget."""
    if not scan.rows_seen or not scan.calls or scan.rows_known is None:
        return None
    calls_left = max(0, scan.rows_known - scan.rows_seen) * scan.calls / scan.rows_seen
    return round(calls_left * BudgetRules(requests=integration.requests_per_minute).poll_spacing_seconds, 1)


def _finished(scan: Scan) -> FinishedScan:
    if scan.finished_at is None:
        raise AssertionError("the scan is not finished")
    return FinishedScan(
        kind=scan.kind,
        finished_at=scan.finished_at,
        rows_seen=scan.rows_seen,
        rows_changed=scan.rows_changed,
        calls=scan.calls,
        complete=scan.flaw is None,
        flaw=scan.flaw,
    )


async def _budget(installed: Installation, integration: IntegrationConfig) -> BudgetStatus:
    usage = await budgets.usage(installed.db, integration.id)
    limit = integration.requests_per_minute
    used = 0 if usage is None else usage.used
    return BudgetStatus(
        requests_per_minute=limit,
        used=used,
        left=max(0, limit - used),
        paused_until=None if usage is None else usage.paused_until,
        pause_reason=None if usage is None else usage.pause_reason,
    )
