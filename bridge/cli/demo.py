"""``bridge demo``."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bridge import log
from bridge.cli import session
from bridge.config import LogConfig
from bridge.errors import OK, EnvironmentFault, install_hint


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep running at the end, to try things.")] = False,
    seconds: Annotated[
        float,
        typer.Option(
            min=1, metavar="N", help="Give up on events and results that have not arrived after N seconds."
        ),
    ] = 60.0,
) -> None:
    """See the bridge work with a simulated account: changes become events, and commands change the account.

    Needs no configuration and no account, and removes its data at the end. Exits
    with 0 if every change arrived, every command succeeded, and the records on
    Kafka equal those in TrackerRMS for all twelve models.
    """
    try:
        from bridge.demo import runner
        from bridge.demo.screen import Screen
    except ImportError as error:
        raise EnvironmentFault(
            f"the simulator needs {error.name}: {install_hint('simulator,embedded')}"
        ) from error
    data_dir = Path(tempfile.mkdtemp(prefix="trackerrms-demo-"))
    code = None
    try:
        with (data_dir / "demo.log").open("w", encoding="utf-8") as file:
            # The demo owns the screen. The log goes to a file, which is kept if the demo fails.
            with contextlib.redirect_stderr(file):
                log.configure_logging(LogConfig(format="json"))
            with session.with_guarded_servers(runner.configuration(data_dir)) as grounded:
                played = runner.DemoRunner(grounded, Screen(), seconds, data_dir if keep else None)
                code = session.run_to_end(played.run())
    finally:
        if code == OK:
            shutil.rmtree(data_dir, ignore_errors=True)
        else:
            print(f"The log is in {data_dir / 'demo.log'}{os.linesep}", end="")
    raise typer.Exit(code)
