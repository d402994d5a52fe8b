"""``bridge check``: run the scope test and show its results."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bridge.app import Installation
from bridge.cli import check_results, profile_lines, recording, screen, session
from bridge.cli.check_results import CheckLine
from bridge.cli.recording import Made, Recorder
from bridge.config import IntegrationConfig
from bridge.errors import BUG, OK, ConfigError

_COLORS = {"works": "green", "warning": "yellow", "unknown": "dim"}
_HEADINGS = {
    "credentials": "Credentials",
    "model": "Models",
    "deletions": "Proof of deletion: how the account answers for an id that does not exist",
    "action": "Actions",
    "cleanup": "The trial candidate",
    "profile": "Profile: what the account's API looks like",
    "noticed": "Seen while running",
    "time": "Warnings",
}
_HOW = {False: " (probed; nothing was written)", True: " (carried out on a trial candidate)"}


def check(
    ctx: typer.Context,
    integration: Annotated[
        str | None, typer.Argument(metavar="[INTEGRATION]", help="Default: all integrations.")
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Carry out each action for real: create the candidate «Bridge Check» in this account, "
            "change it, attach a document, add it to the newest open job, move and reject it there, "
            "then delete it. Without this option, actions are only probed.",
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Show each assumption about the account, including the proved ones."),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Record the form of the account's answers, without any of its values, in a new file for "
            "bridge simulate --like FILE. Makes up to about 300 more requests, all of which only read.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test each model and each action against the account, and say which work and why others do not.

    Reads a few records, and writes nothing unless [bold]--write[/] is given.
    Warning: --write changes the real account for a short time; people who watch
    that job may see it, or get e-mails about it from TrackerRMS.

    Exchanges the configured credential for a token, which replaces the stored
    token for all processes.

    Exits with 1 if that fails, if an enabled model does not work, if an action
    that --write carried out did not work, or if the trial candidate could not be
    removed.
    """
    found = session.configured(ctx, level="warning")
    chosen = session.chosen(found, integration)
    recorder = None
    if record is not None:
        if len(chosen) > 1:
            known = ", ".join(one.id for one in chosen)
            raise ConfigError(f"--record takes one integration; name one of {known}")
        recording.check_free(record)
        recorder = Recorder()

    async def judge(installed: Installation) -> list[CheckLine]:
        findings: list[CheckLine] = []
        for one in chosen:
            mine = [
                finding
                async for finding in check_results.findings(installed, one, write=write, recorder=recorder)
            ]
            if not json:
                _show(one, mine, write=write, verbose=verbose)
            findings += mine
        return findings

    findings = session.with_store(found, judge)
    if json:
        screen.print_json(findings)
    if record is not None and recorder is not None and recorder.made is not None:
        recording.write(recorder.made.recording, record)
        _report_recording(recorder.made, record)
    raise typer.Exit(BUG if any(finding.fails for finding in findings) else OK)


def _report_recording(made: Made, path: Path) -> None:
    """Print a summary of the recording to stderr, so that stdout stays valid JSON."""
    out = screen.console(stderr=True)
    dialect = made.recording.dialect
    named = ", ".join(f"{name}={value}" for name, value in sorted(dialect.items())) or "none"
    out.print(
        f"\n[bold]Recorded in {screen.escape(str(path))}[/] ({made.requests} requests in addition to the "
        "check)"
    )
    out.print(f"  differs from the assumptions in: {screen.escape(named)}")
    out.print(f"  not seen, left as assumed: {', '.join(made.not_seen) or 'nothing'}")
    out.print(
        "  The file holds the keys of records with their types, lengths and frequencies. It holds no value: "
        "no name, id, address, text, date, host or token."
    )
    out.print(f"  To use it: bridge simulate --like {screen.escape(str(path))}")


def _show(integration: IntegrationConfig, findings: list[CheckLine], *, write: bool, verbose: bool) -> None:
    out = screen.console()
    where = integration.base_url or f"region {integration.region}"
    out.print(f"[bold]{integration.id}[/]  {screen.escape(where)}")
    for heading in dict.fromkeys(_HEADINGS.values()):
        chosen = [finding for finding in findings if _HEADINGS[finding.kind] == heading]
        if chosen and heading == _HEADINGS["profile"] and not verbose:
            chosen = profile_lines.summarized(chosen)
        if chosen:
            how = _HOW[write] if heading == _HEADINGS["action"] else ""
            _show_some(out, heading + how, chosen)
    if any(finding.fails and finding.kind == "credentials" for finding in findings):
        out.print("\n[red]The configured credential could not be exchanged for a token.[/]")
    failing = [finding.name for finding in findings if finding.fails and finding.kind == "model"]
    out.print(
        f"\n[red]{len(failing)} models do not work: {', '.join(failing)}[/]"
        if failing
        else "\n[green]Every enabled model works.[/]"
    )


def _show_some(out: Console, heading: str, findings: list[CheckLine]) -> None:
    table = screen.new_table("", "", "")
    table.show_header = False
    before = ""
    for finding in findings:
        color = _COLORS.get(finding.result, "red")
        word = finding.result.replace("_", " ")
        reason = "[dim]same as above[/]" if finding.reason == before else screen.escape(finding.reason)
        table.add_row(f"  {finding.name}", f"[{color}]{word}[/]", reason)
        before = finding.reason
    out.print(f"\n[dim]{heading}[/]")
    out.print(table)
