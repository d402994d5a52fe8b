"""How an installation stands, as plain data: what ``bridge status`` shows and what ``--json`` prints."""

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


class Underway(Struct, frozen=True, kw_only=True):
    """A scan that is not finished; ``remaining_seconds`` at the integration's budget, where it can be told.

    ``rows_known`` counts the lists begun; ``lists_left`` have not been opened yet.
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


class Finished(Struct, frozen=True, kw_only=True):
    """The newest finished scan; ``flaw`` says why it was not complete and so proved no deletion."""

    kind: str
    finished_at: datetime
    rows_seen: int
    rows_changed: int
    calls: int
    complete: bool
    flaw: str | None


class ResourceStanding(Struct, frozen=True, kw_only=True):
    """One TrackerRMS resource; ``models`` counts the entities that exist, by model. ``unlisted`` records are
    in no list and are read by id all the same."""

    name: str
    models: dict[str, int]
    loaded: bool
    polls: PollSummary
    scan: Underway | None
    last_scan: Finished | None
    proved_at: datetime | None
    parked: int
    unlisted: int


class BudgetStanding(Struct, frozen=True, kw_only=True):
    """Requests of the last minute."""

    requests_per_minute: int
    used: int
    left: int
    paused_until: datetime | None
    pause_reason: str | None


class IntegrationStanding(Struct, frozen=True, kw_only=True):
    """One TrackerRMS account; ``poller`` names the process that reads it, ``None`` while none does.
    ``questions`` are what its profile asks the operator."""

    id: str
    poller: str | None
    budget: BudgetStanding
    resources: list[ResourceStanding]
    commands: CommandCounts
    holds: list[Hold]
    questions: list[Finding]
    remarks: list[Remark]
    gaps: list[GapCount]
    parked_records: list[ParkedRow] | None = None
    shares_credential_with: tuple[str, ...] = ()


class OutboxStanding(Struct, frozen=True, kw_only=True):
    """What Kafka has not acknowledged yet."""

    depth: int
    oldest_seconds: float
    sent: int


class InstallationStatus(Struct, frozen=True, kw_only=True):
    """The whole installation; ``relay`` names the process that publishes, ``None`` while none does, and
    ``commands`` those that carry out commands."""

    at: datetime
    relay: str | None
    commands: list[str]
    outbox: OutboxStanding
    integrations: list[IntegrationStanding]


async def read_installation_status(
    installed: Installation, *, with_parked: bool = False
) -> InstallationStatus:
    """How it stands now."""
    holders = await overview.lease_holders(installed.db)
    depth, oldest = await outbox.depth(installed.db)
    sent = sum(shard.sent_count for shard in await outbox.progress(installed.db))
    relay = next((holder for name, holder in holders.items() if name.startswith("relay")), None)
    return InstallationStatus(
        at=utc_now(),
        relay=relay,
        commands=sorted(who for name, who in holders.items() if name.startswith(commands.LEASE_PREFIX)),
        outbox=OutboxStanding(depth=depth, oldest_seconds=round(oldest.total_seconds(), 3), sent=sent),
        integrations=[
            await _integration(installed, one, holders.get(f"poller:{one.id}"), with_parked)
            for one in installed.config.integrations
        ],
    )


async def _integration(
    installed: Installation, integration: IntegrationConfig, poller: str | None, with_parked: bool
) -> IntegrationStanding:
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
            ResourceStanding(
                name=resource.name,
                models={model: records.get(model, 0) for model in resource.models},
                # What is read whole at every poll is loaded by the first of them.
                loaded=last is not None or (not resource.updated_after and polled.polled_at is not None),
                polls=polled,
                scan=None if underway is None else _underway(underway, resource, integration),
                last_scan=None if last is None else _finished(last),
                proved_at=proved.get(resource.name),
                parked=parked_counts.get(resource.name, 0),
                unlisted=hidden.get(resource.name, 0),
            )
        )
    return IntegrationStanding(
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


def _underway(scan: Scan, resource: Resource, integration: IntegrationConfig) -> Underway:
    lists = len(resource.states)
    begun = min(scan.segment + 1, lists)
    known = scan.rows_known
    share = min(1.0, scan.rows_seen / known) if known else 0.0
    return Underway(
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
    """What is left of the lists begun, at the calls a row has cost so far and what polls may spend."""
    if not scan.rows_seen or not scan.calls or scan.rows_known is None:
        return None
    calls_left = max(0, scan.rows_known - scan.rows_seen) * scan.calls / scan.rows_seen
    return round(calls_left * BudgetRules(requests=integration.requests_per_minute).poll_spacing_seconds, 1)


def _finished(scan: Scan) -> Finished:
    if scan.finished_at is None:
        raise AssertionError("the scan is not finished")
    return Finished(
        kind=scan.kind,
        finished_at=scan.finished_at,
        rows_seen=scan.rows_seen,
        rows_changed=scan.rows_changed,
        calls=scan.calls,
        complete=scan.flaw is None,
        flaw=scan.flaw,
    )


async def _budget(installed: Installation, integration: IntegrationConfig) -> BudgetStanding:
    usage = await budgets.usage(installed.db, integration.id)
    limit = integration.requests_per_minute
    used = 0 if usage is None else usage.used
    return BudgetStanding(
        requests_per_minute=limit,
        used=used,
        left=max(0, limit - used),
        paused_until=None if usage is None else usage.paused_until,
        pause_reason=None if usage is None else usage.pause_reason,
    )
