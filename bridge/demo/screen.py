"""The demo's output, 80 columns wide: permanent lines and, on a terminal, the work in progress below them."""

import contextlib
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from trackerrms_contracts.entities import Model

from bridge.config import Config
from bridge.demo import scenario
from bridge.demo.outcome import DemoOutcome, Load
from bridge.demo.receiver import Receiver
from bridge.demo.watcher import Asked, Expectation, SeenEvent, Watch
from bridge.store.budgets import BudgetRules

_WIDTH = 80
_COLUMNS = (28, 35, 7, 7)
_COLORS = {"created": "green", "updated": "cyan", "deleted": "red"}
_ENDINGS = {"succeeded": "green", "failed": "red"}
_BAR = 40
_ALLOWED = BudgetRules(requests=600)
_RULE = f"[dim]{'─' * _WIDTH}[/]"


class Screen:
    """Prints to stdout; without a terminal, only permanent lines."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        width = min(Console().width, _WIDTH) if terminal else _WIDTH
        self._console = Console(highlight=False, width=width)
        self._watch: Watch | None = None
        self._receiver: Receiver | None = None

    def introduce(self, config: Config, url: str) -> None:
        """Print the addresses of the servers."""
        world = f"{scenario.CANDIDATES} candidates, {scenario.JOBS} jobs"
        grid = Table.grid(padding=(0, 2))
        grid.add_row("  TrackerRMS", url, f"[dim]simulated: {world}[/]")
        grid.add_row("  PostgreSQL", "embedded", "[dim]a real server in a temporary directory[/]")
        kafka = config.kafka.bootstrap_servers or ""
        grid.add_row("  Kafka", kafka, "[dim]embedded Kafka-protocol broker, in memory[/]")
        self._print("", "[bold]TrackerRMS Bridge[/]", grid, "")

    @contextlib.contextmanager
    def live(self, watch: Watch, receiver: Receiver) -> Iterator[None]:
        """Show the work in progress while the block runs."""
        self._watch, self._receiver = watch, receiver
        if not self._console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self._underway, console=self._console, transient=True, refresh_per_second=10
        ):
            yield

    def loaded(self, load: Load) -> None:
        """Print the figures of the first load."""
        self._print(
            f"[bold]First load[/]  {load.records:,} records of 12 models on Kafka in {load.seconds:.1f} s, "
            f"{load.records / load.seconds:,.0f} per second",
            f"[dim]            {load.calls:,} calls; at TrackerRMS's {_ALLOWED.requests} per minute it "
            f"takes {load.calls * _ALLOWED.poll_spacing_seconds:,.0f} s[/]",
            "",
        )

    def change_headings(self) -> None:
        """Print the headings of the changes."""
        self._headings("Changed in TrackerRMS", "Event on Kafka", "Kafka")

    def command_headings(self) -> None:
        """Print the headings of the commands."""
        self._print("")
        self._headings("Command on Kafka", "Result and events on Kafka", "Kafka")

    def _headings(self, *three: str) -> None:
        self._print(_row(*(f"[bold]{one}[/]" for one in (*three, "Webhook"))))
        self._print(_RULE)

    def change(self, expectation: Expectation) -> None:
        """Print a change and its events."""
        self._events(expectation, expectation.says)

    def command(self, asked: Asked) -> None:
        """Print a command, its result, and its events."""
        if asked.result is None:
            self._print(_row(asked.says, f"[red]no result of {asked.kind}[/]"))
            return
        ending = asked.result.type.rpartition(".")[2]
        color = _ENDINGS.get(ending, "yellow")
        kind = f"{asked.kind}.[{color}]{ending}[/]"
        self._print(_row(asked.says, kind, _elapsed(asked.answered_at - asked.sent_at)))
        if asked.complaint:
            self._print(_detail(f"[red]{escape(asked.complaint)}[/]"))
        elif asked.note:
            self._print(_detail(f"[dim]{escape(asked.note)}[/]"))
        if asked.events is not None:
            self._events(asked.events, "")

    def _events(self, expectation: Expectation, says: str) -> None:
        for events in _grouped(expectation.arrived):
            first = events[0]
            operation = first.type.rpartition(".")[2]
            times = f" ×{len(events)}" if len(events) > 1 else ""
            after = max(event.at for event in events) - expectation.made_at
            fields = ", ".join(first.changed_fields)
            short = not first.changed_fields and len(f"{first.type}{times} {first.cause}") <= _COLUMNS[1]
            kind = f"[{_COLORS[operation]}]{first.type}[/]{times}"
            kind += f" [dim]{first.cause}[/]" if short else ""
            self._print(_row(says, kind, _elapsed(after), self._delivered(events, expectation.made_at)))
            if not short:
                self._print(_detail(f"[dim]{': '.join(filter(None, [first.cause, fields]))}[/]"))
            says = ""
        for (kind, subject), count in expectation.missing.items():
            self._print(_row(says, f"[red]{kind} did not arrive[/]"))
            self._print(_detail(f"[dim]{subject} ×{count}[/]"))
            says = ""

    def _delivered(self, events: list[SeenEvent], made_at: float) -> str:
        verified = self._receiver.verified if self._receiver is not None else {}
        at = [verified.get(event.id) for event in events]
        came = [moment for moment in at if moment is not None]
        if len(came) < len(at):
            return "[red]missing[/]"
        return f"[green]{_elapsed(max(came) - made_at)}[/]"

    def summarize(self, outcome: DemoOutcome) -> None:
        """Print the outcome."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("Model")
        for heading in ("created", "updated", "deleted", "on Kafka"):
            table.add_column(heading, justify="right")
        table.add_column("matches")
        for model in Model:
            counts = [outcome.counts.get(f"{model}.{op}", 0) for op in ("created", "updated", "deleted")]
            wrong = outcome.differences[model]
            verdict = f"[red]{len(wrong)} differ: {escape(wrong[0])}[/]" if wrong else "[green]yes[/]"
            shown = [f"{count:,}" if count else "[dim]·[/]" for count in counts]
            table.add_row(str(model), *shown, f"{outcome.existing[model]:,}", verdict)
        self._print(_RULE, "", table, "", *self._verdict(outcome))

    def cut_short(self, code: int) -> None:
        """Print that the bridge ended before the demo, by a failure or a signal."""
        self._print(f"[red]The bridge ended early with {code}.[/]" if code else "[yellow]Stopped.[/]")

    def invite(self, url: str, path: Path, endpoint_id: str, monitoring_url: str | None) -> None:
        """Print commands to try while the demo keeps running."""
        change = '{"op":"update","entity":"resource","id":101,"jobTitle":"Astronaut"}'
        move = '{"application_id":"remote:521","stage_id":"remote:7"}'
        tries = (
            f"export BRIDGE_CONFIG={path}",
            "bridge tail",
            "bridge status --watch",
            f"bridge send application.move_to_stage --wait \\\n    --data '{move}'",
            "bridge commands list",
            "bridge deliveries list --limit 10",
            f"bridge endpoints test {endpoint_id}",
            f"curl {url}/__change \\\n    -d '{change}'",
            f"curl '{url}/__truth?model=candidate'",
            *(f"curl {monitoring_url}/{name}" for name in ("metrics", "readyz") if monitoring_url),
        )
        self._print("", "[bold]Still running.[/] From another terminal:")
        for lines in tries:
            for line in lines.split("\n"):
                self._console.print(f"  {line}", soft_wrap=True, markup=False)  # to be copied: not folded
        self._print("[dim]Press Ctrl-C to stop.[/]")

    def _verdict(self, outcome: DemoOutcome) -> list[str]:
        delays = [
            event.at - one.made_at
            for one in outcome.expectations
            for event in one.arrived
            if not event.type.endswith(".deleted")
        ]
        events = sum(len(one.arrived) for one in outcome.expectations)
        results = [one.answered_at - one.sent_at for one in outcome.asked if one.result is not None]
        webhooks = [
            max(0.0, outcome.delivered[event.id] - event.at)
            for _, event in outcome.arrived
            if event.id in outcome.delivered
        ]
        caused = [e.at - one.sent_at for one in outcome.asked if one.events for e in one.events.arrived]
        lines = [
            f"{len(outcome.expectations)} changes became {events} events; median time from change to event "
            f"on Kafka: {_median(delays)}, without deletions.",
            f"{len(outcome.asked)} commands; median time from command to result: {_median(results)}, from "
            f"command to its event: {_median(caused)}.",
            f"{len(webhooks)} of their events came as webhooks, each verified with the package "
            f"standardwebhooks; median time from event to webhook: {_median(webhooks)}.",
            "[dim]The simulated search index shows a change after 1 s; TrackerRMS's lags too. A deletion "
            "waits for the next sweep and is confirmed by id. Records that a command touched are read by id "
            "at once; most of their delay is the embedded broker, which answers readers every 250 ms or "
            "so.[/]",
            f"{outcome.calls:,} calls to TrackerRMS in total.",
        ]
        lines += [f"[red]Unexpected event: {escape(event)}[/]" for event in outcome.unasked]
        lines += [f"[red]Out of order: {escape(event)}[/]" for event in outcome.broken]
        lines += [
            f"[red]No webhook for {escape(event.type)} {event.subject}[/]" for event in outcome.undelivered
        ]
        lines += [f"[red]Webhook failed verification: {escape(reason)}[/]" for reason in outcome.refused]
        lines.append(
            "[bold green]Every change arrived, every command was carried out once, each event was "
            "delivered, and the records on Kafka match TrackerRMS for all 12 models.[/]"
            if outcome.succeeded
            else "[bold red]Something is missing or wrong; see the red lines above.[/]"
        )
        return lines

    def _underway(self) -> RenderableType:
        watch = self._watch
        if watch is None:
            return ""
        if watch.loading:
            done = watch.entities()
            share = min(1.0, done / watch.total) if watch.total else 0.0
            filled = round(share * _BAR)
            bar = f"[cyan]{'━' * filled}[/][dim]{'━' * (_BAR - filled)}[/]"
            return Text.from_markup(f"[bold]First load[/]  {bar} {done:,} of {watch.total:,} records")
        waiting = [
            (one.says, ", ".join(dict.fromkeys(kind for kind, _ in one.missing)), one.made_at)
            for one in watch.expectations
            if not one.complete.is_set()
        ]
        waiting += [
            (one.says, f"result of {one.kind}", one.sent_at) for one in watch.asked if one.result is None
        ]
        grid = Table.grid()
        for says, what, since in waiting:
            waited = f"[yellow]{time.monotonic() - since:.1f} s[/]"
            grid.add_row(_row(f"[yellow]⋯[/] {says}", f"[dim]{what}[/]", "", waited))
        return grid

    def _print(self, *what: RenderableType) -> None:
        for one in what:
            self._console.print(one)
        sys.stdout.flush()


def _row(*cells: str) -> Table:
    first, second, third, fourth = _COLUMNS
    row = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    for width in (first, second):
        row.add_column(width=width, overflow="fold")
    for width in (third, fourth):
        row.add_column(width=width, justify="right", overflow="fold")
    row.add_row(*cells)
    return row


def _detail(text: str) -> Padding:
    """Return a line below the second column."""
    return Padding(text, (0, 0, 0, _COLUMNS[0] + 1))


def _elapsed(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _median(seconds: list[float]) -> str:
    return _elapsed(statistics.median(seconds)) if seconds else "none"


def _grouped(events: list[SeenEvent]) -> list[list[SeenEvent]]:
    """Group events of the same type, fields and cause."""
    groups: dict[tuple[str, tuple[str, ...], str], list[SeenEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.at):
        groups[event.type, event.changed_fields, event.cause].append(event)
    return list(groups.values())
