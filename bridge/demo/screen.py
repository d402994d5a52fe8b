"""What the demo looks like: lines that stay, and beneath them, on a terminal, what is under way."""

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
from rich.table import Table
from rich.text import Text
from trackerrms_contracts.entities import Model

from bridge.config import Config
from bridge.demo import scenario
from bridge.demo.outcome import DemoOutcome, Load
from bridge.demo.receiver import Receiver
from bridge.demo.watcher import Asked, Expectation, SeenEvent, Watch
from bridge.store.budgets import BudgetRules

_PLAIN_WIDTH = 128
_COLORS = {"created": "green", "updated": "cyan", "deleted": "red"}
_ENDINGS = {"succeeded": "green", "failed": "red"}
_BAR = 40
_NARROW_COLUMNS = 7 + 9 + 9 + 5
_ALLOWED = BudgetRules(requests=600)


class Screen:
    """Writes to stdout; plain lines where that is no terminal."""

    def __init__(self) -> None:
        plain = not sys.stdout.isatty()
        self._console = Console(highlight=False, width=_PLAIN_WIDTH if plain else None)
        self._width = min(self._console.width, _PLAIN_WIDTH)
        self._watch: Watch | None = None
        self._receiver: Receiver | None = None

    def introduce(self, config: Config, url: str) -> None:
        """What runs where."""
        world = (
            f"{scenario.CANDIDATES} candidates, {scenario.JOBS} jobs, {scenario.APPLICATIONS} applications"
        )
        grid = Table.grid(padding=(0, 2))
        grid.add_row("  TrackerRMS", url, f"[dim]simulated over HTTP: {world}[/]")
        grid.add_row("  PostgreSQL", "embedded", "[dim]a real server, in a directory of its own[/]")
        kafka = config.kafka.bootstrap_servers or ""
        grid.add_row("  Kafka", kafka, "[dim]embedded: a Kafka-protocol broker, in memory[/]")
        self._print("", "[bold]TrackerRMS Bridge[/]", grid, "")

    @contextlib.contextmanager
    def live(self, watch: Watch, receiver: Receiver) -> Iterator[None]:
        """Follow what is under way while the block lasts."""
        self._watch, self._receiver = watch, receiver
        if not self._console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self._underway, console=self._console, transient=True, refresh_per_second=10
        ):
            yield

    def loaded(self, load: Load) -> None:
        """The first load is done."""
        self._print(
            f"[bold]First load[/]  {load.records:,} records of 12 models on Kafka in {load.seconds:.1f} s: "
            f"{load.records / load.seconds:,.0f} a second, {load.calls:,} calls to TrackerRMS",
            f"[dim]            (the simulator sets no limit; within TrackerRMS's {_ALLOWED.requests} calls a "
            f"minute it takes {load.calls * _ALLOWED.poll_spacing_seconds:,.0f} s)[/]",
            "",
        )

    def change_headings(self) -> None:
        """Over the changes."""
        self._headings("Changed in TrackerRMS", "Event on Kafka", "Changed fields")

    def command_headings(self) -> None:
        """Over the commands."""
        self._print("")
        self._headings("Command on Kafka", "Result and events on Kafka", "What came of it")

    def _headings(self, *three: str) -> None:
        self._print(self._row(*(f"[bold]{one}[/]" for one in (*three, "Cause", "Kafka", "Webhook"))))
        self._print(f"[dim]{'─' * self._width}[/]")

    def change(self, expectation: Expectation) -> None:
        """A change and the events that came of it."""
        self._events(expectation, expectation.says)

    def command(self, asked: Asked) -> None:
        """A command, its result, and the events that it caused."""
        if asked.result is None:
            self._print(self._row(asked.says, f"[red]no result of {asked.kind}[/]"))
            return
        ending = asked.result.type.rpartition(".")[2]
        after = (asked.answered_at - asked.sent_at) * 1000
        said = f"[red]{escape(asked.complaint)}[/]" if asked.complaint else f"[dim]{escape(asked.note)}[/]"
        color = _ENDINGS.get(ending, "yellow")
        kind = f"{asked.kind}.[{color}]{ending}[/]"
        self._print(self._row(asked.says, kind, said, "", f"{after:,.0f} ms"))
        if asked.events is not None:
            self._events(asked.events, "")

    def _events(self, expectation: Expectation, says: str) -> None:
        for events in _grouped(expectation.arrived):
            first = events[0]
            operation = first.type.rpartition(".")[2]
            times = f" ×{len(events)}" if len(events) > 1 else ""
            after = max(event.at for event in events) - expectation.made_at
            self._print(
                self._row(
                    says,
                    f"[{_COLORS[operation]}]{first.type}[/]{times}",
                    f"[dim]{', '.join(first.changed_fields)}[/]",
                    first.cause,
                    f"{after * 1000:,.0f} ms",
                    self._delivered(events, expectation.made_at),
                )
            )
            says = ""
        for (kind, subject), count in expectation.missing.items():
            self._print(self._row(says, f"[red]{kind} did not arrive[/]", f"{subject} ×{count}"))
            says = ""

    def _delivered(self, events: list[SeenEvent], made_at: float) -> str:
        verified = self._receiver.verified if self._receiver is not None else {}
        at = [verified.get(event.id) for event in events]
        came = [moment for moment in at if moment is not None]
        if len(came) < len(at):
            return "[red]missing[/]"
        return f"[green]{(max(came) - made_at) * 1000:,.0f} ms[/]"

    def summarize(self, outcome: DemoOutcome) -> None:
        """What it came to."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("Model")
        for heading in ("created", "updated", "deleted", "on Kafka now"):
            table.add_column(heading, justify="right")
        table.add_column("as in TrackerRMS")
        for model in Model:
            counts = [outcome.counts.get(f"{model}.{op}", 0) for op in ("created", "updated", "deleted")]
            wrong = outcome.differences[model]
            verdict = f"[red]{len(wrong)} differ: {escape(wrong[0])}[/]" if wrong else "[green]yes[/]"
            shown = [f"{count:,}" if count else "[dim]·[/]" for count in counts]
            table.add_row(str(model), *shown, f"{outcome.existing[model]:,}", verdict)
        self._print(f"[dim]{'─' * self._width}[/]", "", table, "", *self._verdict(outcome))

    def cut_short(self, code: int) -> None:
        """The bridge ended before the demo did: a failure, or somebody's signal."""
        self._print(f"[red]The bridge ended early with {code}.[/]" if code else "[yellow]Stopped.[/]")

    def invite(self, url: str, path: Path, endpoint_id: str, monitoring_url: str | None) -> None:
        """What to try while it goes on."""
        bridge = f"bridge --config {path}"
        change = '{"op":"update","entity":"resource","id":101,"jobTitle":"Astronaut"}'
        move = '{"application_id":"remote:521","stage_id":"remote:7"}'
        tries = (
            f"{bridge} tail",
            f"{bridge} status --watch",
            f"{bridge} send application.move_to_stage --data '{escape(move)}' --wait",
            f"{bridge} commands list",
            f"{bridge} deliveries list --limit 10",
            f"{bridge} endpoints test {endpoint_id}",
            f"curl -d '{escape(change)}' {url}/__change",
            f"curl '{url}/__truth?model=candidate'",
            *(f"curl {monitoring_url}/{name}" for name in ("metrics", "readyz") if monitoring_url),
        )
        self._print("", "[bold]It goes on running.[/] From another terminal:")
        for line in tries:
            self._console.print(f"  {line}", soft_wrap=True)  # to be copied: not folded
        self._print("[dim]Ctrl-C ends it.[/]")

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
            f"{len(outcome.expectations)} changes became {events} events; median from change to event read "
            f"from Kafka {_median(delays)}, deletions apart.",
            f"{len(outcome.asked)} commands; median from command to result {_median(results)}, from command "
            f"to the event it caused {_median(caused)}.",
            f"{len(webhooks)} of their events came as webhooks, each verified with the package "
            f"standardwebhooks; median from the event read from Kafka to its webhook {_median(webhooks)}.",
            "[dim]The simulated search index shows a change after 1 s, as TrackerRMS's does after a while; "
            "a deletion waits for the next sweep and is confirmed by id. What a command touched is read by "
            "id at once: most of its time is the embedded broker's, which keeps readers waiting for some "
            "250 ms.[/]",
            f"{outcome.calls:,} calls to TrackerRMS in all.",
        ]
        lines += [f"[red]Nothing changed, and yet: {escape(event)}[/]" for event in outcome.unasked]
        lines += [f"[red]Out of order: {escape(event)}[/]" for event in outcome.broken]
        lines += [
            f"[red]No webhook of {escape(event.type)} {event.subject}[/]" for event in outcome.undelivered
        ]
        lines += [f"[red]A webhook did not verify: {escape(reason)}[/]" for reason in outcome.refused]
        lines.append(
            "[bold green]Every change arrived, every command was carried out once, each event was delivered, "
            "and Kafka says what TrackerRMS says, for all 12 models.[/]"
            if outcome.succeeded
            else "[bold red]Not everything arrived as it should.[/]"
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
            grid.add_row(self._row(f"[yellow]⋯[/] {says}", f"[dim]{what}[/]", "", "", "", waited))
        return grid

    def _row(self, *cells: str) -> Table:
        wide = self._width - _NARROW_COLUMNS
        first, second = (30, 36) if self._width >= _PLAIN_WIDTH else (wide * 30 // 100, wide * 38 // 100)
        row = Table.grid(padding=(0, 1, 0, 0))
        for width in (first, second, wide - first - second, 7):
            row.add_column(width=width, overflow="fold")
        for _ in range(2):
            row.add_column(width=9, justify="right", overflow="fold")
        row.add_row(*cells)
        return row

    def _print(self, *what: RenderableType) -> None:
        for one in what:
            self._console.print(one)
        sys.stdout.flush()


def _median(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:,.0f} ms" if seconds else "none"


def _grouped(events: list[SeenEvent]) -> list[list[SeenEvent]]:
    """Alike events together: the same type, fields and cause."""
    groups: dict[tuple[str, tuple[str, ...], str], list[SeenEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.at):
        groups[event.type, event.changed_fields, event.cause].append(event)
    return list(groups.values())
