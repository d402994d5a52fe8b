"""The program: its commands, its global options, and the exit codes of errors."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bridge.cli import (
    check,
    commands,
    deliveries,
    demo,
    endpoints,
    holds,
    listen,
    resync,
    run,
    send,
    simulate,
    status,
    tail,
    tokens,
)
from bridge.errors import BAD_ENVIRONMENT, BUG, BridgeError, Fatal, LeaseLost, Transient


class _Program(TyperGroup):
    """Prints a ``BridgeError`` as one line on stderr and exits with the code of ``bridge.errors``."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BridgeError as error:
            print(f"bridge: {error}", file=sys.stderr)
            raise typer.Exit(_exit_code(error)) from error
        except BrokenPipeError as error:
            # The reader of the pipe has closed it (| head); the buffered output has nowhere to go.
            sys.stdout = None
            raise typer.Exit(0) from error


def _exit_code(error: BridgeError) -> int:
    match error:
        case Fatal():
            return error.exit_code
        case Transient() | LeaseLost():
            return BAD_ENVIRONMENT
        case _:
            return BUG


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"bridge {importlib.metadata.version('trackerrms-bridge')}")
        raise typer.Exit


@app.callback(epilog="Exit codes: 0 success, 1 a check failed, 2 configuration error, 3 environment error.")
def program(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            envvar="BRIDGE_CONFIG",
            metavar="PATH",
            help="The configuration file. Default: bridge.toml, if it exists. BRIDGE_* variables override.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """TrackerRMS as an event stream: every change on Kafka with what changed, and commands back to
    TrackerRMS."""
    ctx.obj = config


_FIRST, _OPERATE, _WEBHOOKS = "Start here", "Operate", "Webhooks"

app.command("demo", rich_help_panel=_FIRST)(demo.demo)
app.command("simulate", rich_help_panel=_FIRST)(simulate.simulate)
app.command("check", rich_help_panel=_FIRST)(check.check)
app.command("run", rich_help_panel=_FIRST)(run.run_command)
app.command("status", rich_help_panel=_OPERATE)(status.status_command)
app.command("tail", rich_help_panel=_OPERATE)(tail.tail)
app.add_typer(holds.app, name="holds", rich_help_panel=_OPERATE)
app.command("send", rich_help_panel=_OPERATE)(send.send_command)
app.add_typer(commands.app, name="commands", rich_help_panel=_OPERATE)
app.command("resync", rich_help_panel=_OPERATE)(resync.resync)
app.add_typer(endpoints.app, name="endpoints", rich_help_panel=_WEBHOOKS)
app.add_typer(deliveries.app, name="deliveries", rich_help_panel=_WEBHOOKS)
app.command("listen", rich_help_panel=_WEBHOOKS)(listen.listen)
app.add_typer(tokens.app, name="tokens", rich_help_panel=_WEBHOOKS)
app.command("migrate", rich_help_panel=_OPERATE)(run.migrate_command)
