"""``bridge status``."""

import asyncio
import contextlib
import sys
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from bridge.app import Installation
from bridge.cli import installation_status, screen, session
from bridge.cli.installation_status import InstallationStatus, IntegrationStatus, ResourceStatus
from bridge.store.holds import Hold
from bridge.tracker import sharing

_REFRESH_SECONDS = 1.0
_BAR_WIDTH = 8


def status_command(
    ctx: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until Ctrl-C. With --json: one line per second.")
    ] = False,
    parked: Annotated[
        bool, typer.Option("--parked", help="List the records that could not be processed, and why.")
    ] = False,
) -> None:
    """Show the state of the bridge: first loads, polls, scans, the backlog, and problems.

    Found: changes found by polls. Late: how far TrackerRMS's search index lagged.
    Proved: when a complete scan last checked for deletions. Parked: records that
    could not be processed. Commands: those without a result yet, and the outcomes
    of the last day.
    """
    found = session.configured(ctx, level="warning")
    session.chosen(found, None)

    async def show(installed: Installation) -> None:
        if watch and sys.stdout.isatty() and not json:
            await _follow(installed, parked)
        while True:
            now = await installation_status.read_installation_status(installed, with_parked=parked)
            if json:
                screen.print_json(now, lines=watch)
            else:
                screen.console().print(rendered(now))
            if not watch:
                return
            await asyncio.sleep(_REFRESH_SECONDS)

    with contextlib.suppress(KeyboardInterrupt):
        session.with_store(found, show)


async def _follow(installed: Installation, parked: bool) -> None:
    with Live(console=screen.console(), auto_refresh=False, screen=True) as live:
        while True:
            live.update(
                rendered(await installation_status.read_installation_status(installed, with_parked=parked)),
                refresh=True,
            )
            await asyncio.sleep(_REFRESH_SECONDS)


def rendered(now: InstallationStatus) -> RenderableType:
    """Render the whole status for a person."""
    parts: list[RenderableType] = []
    for integration in now.integrations:
        parts += [_headline(integration), _resources(integration), _records(integration)]
        parts += [_commands(integration, now.commands), *_troubles(integration), ""]
    return Group(*parts, _outbox(now))


def _headline(one: IntegrationStatus) -> Text:
    budget = one.budget
    poller = "[green]polling[/]" if one.poller else "[yellow]no poller: start bridge run[/]"
    paused = f"  [yellow]paused until {budget.paused_until:%H:%M:%S} UTC[/]" if budget.paused_until else ""
    return Text.from_markup(
        f"[bold]{one.id}[/]  {poller}   requests in the last minute: {budget.used} of "
        f"{budget.requests_per_minute}, {budget.left} left{paused}"
    )


def _resources(one: IntegrationStatus) -> Any:
    table = screen.new_table(
        "Resource", "State", "Polled", "Found", "Late", "Proved", "Parked",
        right=("Found", "Parked"),
    )  # fmt: skip
    for column in table.columns:
        column.no_wrap = True
    for resource in one.resources:
        late = resource.polls.index_lag_seconds
        table.add_row(
            f"[bold]{resource.name}[/]",
            _state(resource),
            screen.ago(resource.polls.polled_at),
            f"{resource.polls.changes_found:,}",
            screen.duration(late) if late >= 1 else "",
            screen.ago(resource.proved_at) if resource.scan or resource.last_scan else "",
            f"[yellow]{resource.parked:,}[/]" if resource.parked else "",
        )
    return table


def _records(one: IntegrationStatus) -> Text:
    counts = [f"{count:,} {model}" for resource in one.resources for model, count in resource.models.items()]
    return Text(f"Records: {', '.join(counts)}", style="dim")


def _commands(one: IntegrationStatus, carried_out_by: list[str]) -> Text:
    known = one.commands
    words = {"received": known.received, "running": known.running, "to be retried": known.waiting}
    parts = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
    under_way = "none in progress"
    if known.oldest_seconds is not None:
        under_way = f"{parts}, the oldest for {screen.duration(known.oldest_seconds)}"
    failed = f"[red]{known.failed:,} failed[/]" if known.failed else "none failed"
    unknown = f"[yellow]{known.unknown:,} unknown[/]" if known.unknown else "none unknown"
    no_process = "" if carried_out_by else "   [yellow]no process carries them out: start bridge run[/]"
    return Text.from_markup(
        f"[bold]Commands[/]  {under_way}; in the last day {failed}, {unknown}{no_process}"
    )


def _state(resource: ResourceStatus) -> str:
    if resource.polls.error is not None:
        return "[red]failing[/]"
    if resource.polls.scan_error is not None:
        return "[red]polled, scan failing[/]"
    scan = resource.scan
    if scan is None:
        return "[green]up to date[/]" if resource.loaded else "[dim]waiting[/]"
    filled = round(scan.fraction * _BAR_WIDTH)
    bar = f"[cyan]{'█' * filled}[/][dim]{'░' * (_BAR_WIDTH - filled)}[/] {scan.fraction:.0%}"
    word = {"initial": "first load", "sweep": "sweep"}.get(scan.kind, scan.kind)
    if scan.kind == "sweep" or scan.remaining_seconds is None:
        return f"{word} {bar}"
    more = ">" if scan.lists_left else ""
    return f"{word} {bar}, {more}{screen.duration(scan.remaining_seconds)} left"


def _troubles(one: IntegrationStatus) -> list[RenderableType]:
    lines: list[str] = []
    if one.budget.pause_reason:
        lines.append(f"[yellow]{screen.escape(one.budget.pause_reason)}[/]")
    if one.shares_credential_with:
        shared = f"shares its credential with {', '.join(one.shares_credential_with)}: {sharing.ADVICE}"
        lines.append(f"[yellow]{screen.escape(shared)}[/]")
    # A problem with the account affects every resource: print it once.
    errors: dict[str, list[str]] = {}
    for resource in one.resources:
        if resource.polls.error is not None:
            errors.setdefault(resource.polls.error, []).append(resource.name)
    lines += [f"[red]{', '.join(names)}: {screen.escape(error)}[/]" for error, names in errors.items()]
    lines += [
        f"[red]{resource.name}, scan: {screen.escape(resource.polls.scan_error)}[/]"
        for resource in one.resources
        if resource.polls.scan_error is not None
    ]
    for resource in one.resources:
        last = resource.last_scan
        if last is not None and last.flaw is not None:
            lines.append(
                f"[yellow]{resource.name}: the last scan proved no deletion: {screen.escape(last.flaw)}[/]"
            )
    lines += [
        f"[red]{question.assumption}: {screen.escape(question.evidence)}[/]" for question in one.questions
    ]
    if one.questions:
        lines.append(f"bridge check {one.id} shows the lines of bridge.toml that answer this")
    lines += [
        f"[yellow]{remark.resource}: {screen.escape(remark.text)}[/] "
        f"[dim]({remark.code}, {remark.count:,} times, last {screen.ago(remark.last_seen)})[/]"
        for remark in one.remarks
    ]
    lines += [
        f"[yellow]{gap.resource}: {gap.field} is left out of {gap.records:,} records, such as {gap.example}: "
        f"{screen.escape(gap.reason)}[/]"
        for gap in one.gaps
    ]
    lines += [_held(held) for held in one.holds]
    lines += [
        f"[yellow]parked {record.resource} {record.row_id}[/] {screen.escape(record.reason)} "
        f"[dim]({screen.escape(record.path)}, {screen.ago(record.first_at)})[/]"
        for record in one.parked_records or ()
    ]
    return [Text.from_markup(line) for line in lines]


def _held(one: Hold) -> str:
    if one.state == "approved":
        what = "approved deletions" if one.kind == "deletions" else f"approved records ({one.key})"
        return f"{one.resource}: {one.row_count:,} {what} are being carried out"
    if one.state == "discarded":
        return (
            f"[dim]{one.resource}: {one.row_count:,} records stay held back: {screen.escape(one.evidence)}[/]"
        )
    records = "" if one.kind == "deletions" else f"{one.row_count:,} records are held back: "
    return (
        f"[bold red]{one.resource}: {records}{screen.escape(one.evidence)}; none of it is published. If "
        f"this is right: bridge holds approve {one.id}; if not: bridge holds discard {one.id}[/]"
    )


def _outbox(now: InstallationStatus) -> Text:
    waiting = "empty"
    if now.outbox.depth:
        waiting = f"{now.outbox.depth:,} waiting, the oldest for {screen.duration(now.outbox.oldest_seconds)}"
    relay = "" if now.relay else "   [yellow]no relay: start bridge run[/]"
    return Text.from_markup(f"[bold]Outbox[/]  {waiting}; {now.outbox.sent:,} sent to Kafka so far{relay}")
