"""The results of the scope test of one integration: models, proofs of deletion, and actions."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Literal

import msgspec
import structlog
from msgspec import Struct
from trackerrms_contracts import profiles

from bridge import app
from bridge.app import Installation
from bridge.capture import first_contact
from bridge.capture.stage import models_of
from bridge.cli import check_findings, check_rows
from bridge.cli.recording import Recorder
from bridge.clock import utc_now
from bridge.config import IntegrationConfig
from bridge.errors import BridgeError, Fatal, Throttled
from bridge.store import budgets
from bridge.tracker import assumptions, check_reads, check_writes, check_writes_findings, profile, sharing
from bridge.tracker.check_reads import ReadVerdict
from bridge.tracker.client import Client
from bridge.tracker.errors import AccountFault, Unreachable
from bridge.tracker.normalize import Normalizer
from bridge.tracker.profile_learning import RecordSample
from bridge.tracker.retry_policy import RetryPolicy
from bridge.tracker.schema import Resource, ResourceName
from bridge.tracker.statuses import Statuses

_log = structlog.get_logger(__name__)

CheckKind = Literal["credentials", "model", "deletions", "action", "cleanup", "profile", "noticed", "time"]
CheckResult = Literal["works", "refused", "not_found", "error", "warning", "unknown"]
# TrackerRMS's clock may differ from ours, and a record may be saved during the check.
_AHEAD = timedelta(minutes=2)
_RECENT = timedelta(days=1)
# Short, because a person waits for the answer.
_PATIENCE = RetryPolicy(attempts=2, attempt_seconds=20, deadline_seconds=30)


class CheckLine(Struct, frozen=True, kw_only=True):
    """A result of the check: what was tried, with what result, and why.

    The kinds: ``credentials``, the exchange for a token and anything that prevents it; ``deletions``, if they
    can be proved; ``cleanup``, if the trial candidate was removed; ``profile``, the finding about an
    assumption; ``noticed``, what running the bridge has seen; ``time``, records dated in the future.

    ``trial_ids`` holds the ids of the records that a trial wrote or used. ``carried_out`` is true for an
    action that was carried out, not only probed.
    """

    integration: str
    kind: CheckKind
    name: str
    result: CheckResult
    reason: str
    trial_ids: Mapping[str, str] = {}
    carried_out: bool = False

    @property
    def fails(self) -> bool:
        """Return true if this line makes the check fail: the credential is rejected, an enabled model does
        not work, its deletions can't be proved, a person must decide how to read the account, an action that
        was carried out did not work, or the trial may have left a record behind."""
        if self.kind == "credentials":
            return self.result not in ("works", "warning")
        if self.kind in ("profile", "noticed"):
            return self.result == "error"
        if self.kind == "action":
            return self.carried_out and self.result in ("refused", "not_found", "error")
        return self.kind in ("model", "deletions", "cleanup") and self.result != "works"


async def findings(
    installed: Installation,
    integration: IntegrationConfig,
    *,
    write: bool = False,
    recorder: Recorder | None = None,
) -> AsyncIterator[CheckLine]:
    """Try everything that is enabled, one call at a time, within the shared budget.

    Writes nothing unless ``write`` is true; then it carries out each action on a trial candidate. A
    ``recorder`` observes every exchange and makes more requests at the end.
    """
    observe = None if recorder is None else recorder.tape.hear
    async with app.client(installed, integration, patience=_PATIENCE, observe=observe) as client:
        async for finding in _run_checks(installed, client, integration, write):
            yield finding
        if recorder is not None:
            await recorder.finish(client, integration.bearer_token)


async def _run_checks(
    installed: Installation, client: Client, integration: IntegrationConfig, write: bool
) -> AsyncIterator[CheckLine]:
    async for finding in _credentials(installed, client, integration):
        yield finding
    followed = app.resources_of_integration(integration)
    failures: dict[ResourceName, BridgeError] = {}
    samples: Mapping[ResourceName, RecordSample] = {}
    try:
        learned = await first_contact.learn_profile(installed.db, integration, client, followed)
    except (AccountFault, Throttled, Unreachable) as trouble:
        failures = dict.fromkeys(followed, trouble)
    else:
        failures, samples = dict(learned.failures), learned.samples
    models: list[CheckLine] = []
    normalizer = client.normalizer
    statuses = check_rows.statuses_of(normalizer, samples)
    for name in followed:
        resource, failed = client.settings[name], failures.get(name)
        verdict = (
            _worked(normalizer, resource, samples[name], statuses)
            if failed is None
            else check_reads.failed_verdict(name, failed)
        )
        for model in sorted(models_of(integration).intersection(resource.models)):
            models.append(_finding(integration, "model", model, verdict))
            yield models[-1]
        if verdict.result == "works":
            async for finding in _more_of(client, integration, resource):
                yield finding
    actions, judged = await _actions(client, integration, models, write)
    whole = await first_contact.store_findings(installed.db, integration, judged) if samples else None
    verdicts = [_of_profile(integration, finding) for finding in whole.findings] if whole else []
    for finding in (*verdicts, *await _noticed(installed, integration), *actions):
        yield finding


def _worked(
    normalizer: Normalizer, resource: Resource, sample: RecordSample, statuses: Statuses
) -> ReadVerdict:
    """Return the verdict on a resource that could be read: if its records can be unified, as the poller does
    it."""
    trouble = check_rows.trouble_of(normalizer, resource, sample, statuses)
    if trouble is not None:
        return ReadVerdict(name=resource.name, result="error", reason=trouble)
    seen = f"{len(sample.all_rows)} rows read"
    by_id = f", {len(sample.details)} of them by id" if sample.details else ""
    return ReadVerdict(name=resource.name, result="works", reason=seen + by_id)


def _of_profile(integration: IntegrationConfig, found: profiles.Finding) -> CheckLine:
    """Return a finding of the profile as a line of the check, with the lines of bridge.toml that
    answer it."""
    result: CheckResult = "works"
    reason = found.evidence
    if found.adopted:
        result, reason = "warning", f"{reason}; adopted: {found.key} = {profile.as_toml(found.value)}"
    elif found.verdict == "unknown":
        result = "unknown"
    elif found.is_question:
        result = "error"
        lines = profile.answer_lines(found)
        cure = lines or (found.key and f"set integrations.{integration.id}.tracker.{found.key}")
        reason = f"{reason}; {cure}" if cure else reason
        if assumptions.assumptions_by_name()[found.assumption].by in ("asking", "writing"):
            result = "warning"  # the action's own line reports the effect
    return CheckLine(
        integration=integration.id, kind="profile", name=found.assumption, result=result, reason=reason
    )


async def _noticed(installed: Installation, integration: IntegrationConfig) -> list[CheckLine]:
    return [
        CheckLine(integration=integration.id, kind="noticed", name=n.name, result=n.result, reason=n.reason)
        async for n in check_findings.noticed(installed.db, integration.id)
    ]


async def _credentials(
    installed: Installation, client: Client, integration: IntegrationConfig
) -> AsyncIterator[CheckLine]:
    """Exchange the configured credential, even if a token is stored: the stored one may come from another
    credential or outlive its own."""
    usage = await budgets.usage(installed.db, integration.id)
    if usage is not None and usage.pause_reason:
        _log.warning("check.waits", integration=integration.id, reason=usage.pause_reason)
        waited = ReadVerdict(
            name="patience", result="error", reason=f"requests were paused: {usage.pause_reason}"
        )
        yield _warning(integration, waited)
    shared_with = sharing.shared(installed.config.integrations).get(integration.id)
    if shared_with:
        reason = f"same credential as {', '.join(shared_with)}: {sharing.ADVICE}"
        yield _warning(integration, ReadVerdict(name="shared", result="error", reason=reason))
    verdict = await check_reads.judge_trial("exchange", check_reads.exchange(client))
    yield _finding(integration, "credentials", verdict.name, verdict)


def _warning(integration: IntegrationConfig, verdict: ReadVerdict) -> CheckLine:
    finding = _finding(integration, "credentials", verdict.name, verdict)
    return msgspec.structs.replace(finding, result="warning")


async def _actions(
    client: Client, integration: IntegrationConfig, models: list[CheckLine], write: bool
) -> tuple[list[CheckLine], list[profiles.Finding]]:
    """Return the lines about actions, and the findings about the assumptions on writing."""
    today, names = utc_now().date(), _on(client)
    off = check_writes_findings.off(client.settings, today)
    if all(finding.fails for finding in models):
        # TrackerRMS resolves the path before it looks at the caller, so the answers say nothing about this
        # account.
        first = models[0]
        result: check_reads.ReadResult = "refused" if first.result == "refused" else "error"
        reason = f"can't be determined, because no call of this account succeeded: {first.reason}"
        verdicts = [ReadVerdict(name=name, result=result, reason=reason) for name in names]
        return [_finding(integration, "action", verdict.name, verdict) for verdict in verdicts], off
    tried = await check_writes.run_trial(client) if write else None
    if tried is not None:
        carried_out = {finding.assumption for finding in tried.findings if finding.verdict == "proved"}
        names = [name for name in names if f"actions.{name}" not in carried_out]
    asked = [await check_reads.action(client, name) for name in names]
    judged = check_writes_findings.learn_from_trial(asked, today)
    if tried is None:
        return [_finding(integration, "action", verdict.name, verdict) for verdict in asked], [*judged, *off]
    lines = [
        msgspec.structs.replace(
            _finding(integration, _kind(verdict), verdict.name, verdict),
            trial_ids=tried.ids,
            carried_out=verdict.name not in check_writes.CLEANUP,
        )
        for verdict in tried.verdicts
    ]
    return lines, [*judged, *tried.findings, *off]


def _on(client: Client) -> list[str]:
    return [name for name, action in client.settings.actions.items() if action.call is not None]


def _kind(verdict: ReadVerdict) -> CheckKind:
    return "cleanup" if verdict.name in check_writes.CLEANUP else "action"


async def _more_of(
    client: Client, integration: IntegrationConfig, resource: Resource
) -> AsyncIterator[CheckLine]:
    if resource.by_id is not None:
        absent = await check_reads.absent_id(client, resource.name)
        yield _finding(integration, "deletions", resource.name, absent)
    future = await _future(client, integration, resource)
    if future is not None:
        yield future


async def _future(client: Client, integration: IntegrationConfig, resource: Resource) -> CheckLine | None:
    """Return a warning if records were updated in the future, which means that the time zone is wrong."""
    if not resource.updated_after:
        return None
    zone = integration.time_zone
    latest = utc_now()
    try:
        for state in resource.states:
            page = await client.pages(resource.name, state=state, updated_after=latest - _RECENT)
            for row in page.rows:
                version = client.normalizer.version(resource.name, row.decode())
                latest = latest if version is None else max(latest, version[0])
    except Fatal:
        raise
    except BridgeError as error:
        return _time(integration, resource, f"can't determine if time_zone is right: {error}")
    ahead = latest - utc_now() - timedelta(seconds=client.clock_skew_seconds or 0.0)
    if ahead < _AHEAD:
        return None
    minutes = round(ahead.total_seconds() / 60)
    return _time(
        integration,
        resource,
        f"read as {zone}, a record was updated {minutes} minutes in the future: time_zone is not this "
        "account's",
    )


def _time(integration: IntegrationConfig, resource: Resource, reason: str) -> CheckLine:
    return CheckLine(
        integration=integration.id, kind="time", name=resource.name, result="warning", reason=reason
    )


def _finding(integration: IntegrationConfig, kind: CheckKind, name: str, verdict: ReadVerdict) -> CheckLine:
    return CheckLine(
        integration=integration.id, kind=kind, name=name, result=verdict.result, reason=verdict.reason
    )
