"""``bridge check``: the scope test, shown as it goes."""

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
    "deletions": "Proof of deletion: how an id that does not exist is answered",
    "action": "Actions",
    "cleanup": "The trial candidate",
    "profile": "Profile: what the account's API looks like",
    "noticed": "What running has seen of it",
    "time": "Warnings",
}
_HOW = {False: " (asked about; nothing was written)", True: " (carried out on a trial candidate)"}


def check(
    ctx: typer.Context,
    integration: Annotated[
        str | None, typer.Argument(metavar="[INTEGRATION]", help="Left out: all integrations.")
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Carry each action out for real: makes a candidate «Bridge Check» in this account, changes "
            "it, attaches a document, adds it to the newest open job, moves and rejects it there, then "
            "deletes it. Without it, actions are only asked about.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Each assumption about the account, the proved ones too.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Write what the account's answers look like, without any value of it, to a new file; "
            "bridge simulate --like FILE plays it. Asks up to some 300 questions more; all of them read.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Try each model and each action against the account and say which work, and why not.

    Reads a few records, and writes nothing unless [bold]--write[/] is given. Warning: --write changes the
    real account for a moment; people who watch that job may see it, or get TrackerRMS's e-mails about it.
    Exchanges the configured credential for a token, which replaces the stored one for every process.
    Ends with 1 when that fails, when a model that is on does not work, when an action that --write carried
    out did not work, or when the trial candidate could not be removed.
    """
    found = session.configured(ctx, level="warning")
    chosen = session.chosen(found, integration)
    recorder = None
    if record is not None:
        if len(chosen) > 1:
            known = ", ".join(one.id for one in chosen)
            raise ConfigError(f"--record takes one integration: name one of {known}")
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
        _tell(recorder.made, record)
    raise typer.Exit(BUG if any(finding.fails for finding in findings) else OK)


def _tell(made: Made, path: Path) -> None:
    """Say what was recorded, on stderr, where it is in the way of no JSON."""
    out = screen.console(stderr=True)
    dialect = made.recording.dialect
    named = ", ".join(f"{name}={value}" for name, value in sorted(dialect.items())) or "none"
    out.print(
        f"\n[bold]Recorded in {screen.escape(str(path))}[/] ({made.requests} requests more than the check)"
    )
    out.print(f"  differs from what is assumed in: {screen.escape(named)}")
    out.print(f"  not seen, so left as assumed: {', '.join(made.not_seen) or 'nothing'}")
    out.print(
        "  It holds the keys of records with types, lengths and how often each is there, and no value: no "
        "name, id, address, text, date, host or token."
    )
    out.print(f"  To play it: bridge simulate --like {screen.escape(str(path))}")


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
        out.print("\n[red]The configured credential is not exchanged for a token.[/]")
    failing = [finding.name for finding in findings if finding.fails and finding.kind == "model"]
    out.print(
        f"\n[red]{len(failing)} models do not work: {', '.join(failing)}[/]"
        if failing
        else "\n[green]Every model that is on works.[/]"
    )


def _show_some(out: Console, heading: str, findings: list[CheckLine]) -> None:
    table = screen.new_table("", "", "")
    table.show_header = False
    before = ""
    for finding in findings:
        color = _COLORS.get(finding.result, "red")
        word = finding.result.replace("_", " ")
        reason = "[dim]the same[/]" if finding.reason == before else screen.escape(finding.reason)
        table.add_row(f"  {finding.name}", f"[{color}]{word}[/]", reason)
        before = finding.reason
    out.print(f"\n[dim]{heading}[/]")
    out.print(table)
