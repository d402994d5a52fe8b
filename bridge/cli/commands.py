"""``bridge commands``: list commands, and show one with its steps and its result."""

from datetime import datetime
from typing import Annotated, Any, get_args

import msgspec
import typer

from bridge.app import Installation
from bridge.cli import screen, session
from bridge.commands.runner import PURPOSE
from bridge.errors import BUG, ConfigError
from bridge.store import commands
from bridge.store.commands import CommandState, CommandSummary

app = typer.Typer(no_args_is_help=True, help="List commands, and show one with its steps.")

_STATES = get_args(CommandState)
_COLORS = {"succeeded": "green", "failed": "red", "unknown": "yellow"}
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_commands_command(
    ctx: typer.Context,
    integration: Annotated[
        str | None, typer.Option(metavar="ID", help="Only commands of this integration.")
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option(metavar="STATE", help=f"{', '.join(_STATES)}; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Show the newest N.")] = 50,
    json: _Json = False,
) -> None:
    """Show the newest commands and their states."""
    unknown = sorted(set(state or ()).difference(_STATES))
    if unknown:
        raise ConfigError(f"--state {unknown[0]}: no such state; use one of {', '.join(_STATES)}")
    found = session.configured(ctx, level="warning")
    if integration is not None:
        session.chosen(found, integration)

    async def read(installed: Installation) -> list[CommandSummary]:
        return await commands.newest_commands(installed.db, integration, state or (), limit)

    shown = session.with_store(found, read)
    if json:
        screen.print_json([_plain(one) for one in shown])
    elif shown:
        screen.print_markup(_table(shown))
    else:
        print("No commands.")


@app.command("show")
def show_command_command(
    ctx: typer.Context,
    command_id: Annotated[str, typer.Argument(metavar="ID", help="The command's id.")],
    result: Annotated[
        bool, typer.Option("--result", help="Show the published result too; it may hold personal data.")
    ] = False,
    json: _Json = False,
) -> None:
    """Show one command, step by step. A command sent to several integrations is shown once for each.

    Steps list ids, calls and statuses, never the command's data. Exits with 1 if
    there is no such command.
    """
    found = session.configured(ctx, level="warning")

    async def read(installed: Installation) -> list[dict[str, Any]]:
        made = []
        for one in await commands.find_commands(installed.db, command_id):
            plain = _plain(one)
            if result and one.result is not None:
                plain["result"] = msgspec.json.decode(installed.keys.sealer.open(PURPOSE, one.result))
            made.append(plain)
        return made

    shown = session.with_store(found, read)
    if json:
        screen.print_json(shown)
    elif not shown:
        print(f"No command has the id {command_id}; bridge commands list shows the newest.")
    for one in () if json else shown:
        screen.print_markup(*_details(one))
    if not shown:
        raise typer.Exit(BUG)


def _plain(one: CommandSummary) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(one)
    plain.pop("result")
    return plain


def _table(shown: list[CommandSummary]) -> Any:
    table = screen.new_table(
        "Id", "Integration", "Type", "CommandState", "Tries", "Received", "Took", right=("Tries",)
    )
    for one in shown:
        color = _COLORS.get(one.state, "cyan")
        said = one.step or one.error_code or ""
        took = one.finished_at and screen.duration((one.finished_at - one.received_at).total_seconds())
        table.add_row(
            screen.escape(one.command_id),
            one.integration_id,
            one.type,
            f"[{color}]{one.state}[/] [dim]{screen.escape(said)}[/]",
            str(one.tries),
            screen.ago(one.received_at),
            took or "",
        )
    return table


def _details(one: dict[str, Any]) -> list[Any]:
    color = _COLORS.get(one["state"], "cyan")
    where = f" at {screen.escape(one['step'])}" if one["step"] else ""
    tries = "1 try" if one["tries"] == 1 else f"{one['tries']} tries"
    received = datetime.fromisoformat(one["received_at"])
    took = ""
    if one["finished_at"] is not None:
        finished = datetime.fromisoformat(one["finished_at"])
        took = f", {screen.duration((finished - received).total_seconds())}"
    lines: list[Any] = [
        f"[bold]{screen.escape(one['command_id'])}[/]  {one['type']}  {one['integration_id']}",
        f"[{color}]{one['state']}{where}[/]  received {received:%Y-%m-%d %H:%M:%S} UTC, {tries}{took}",
    ]
    steps = screen.new_table("At", "Step", "What")
    for line in one["history"]:
        at = datetime.fromisoformat(line["at"])
        steps.add_row(
            at.time().isoformat("milliseconds"),
            f"[cyan]{screen.escape(line['step'])}[/]",
            screen.escape(line["what"]),
        )
    lines.append(steps)
    if "result" in one:
        formatted = msgspec.json.format(msgspec.json.encode(one["result"]), indent=2).decode()
        lines.append(screen.escape(formatted))
    return lines
