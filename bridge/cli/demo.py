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
from bridge.errors import OK, EnvironmentFault


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running at the end, to try things.")] = False,
    seconds: Annotated[
        float, typer.Option(min=1, metavar="N", help="Give up on what has not arrived after N seconds.")
    ] = 60.0,
) -> None:
    """See it work: a simulated account, whose changes become events, and which commands change.

    Needs no configuration and no account, and leaves nothing behind. Ends with 0 when every change
    arrived, every command was carried out, and Kafka says of all twelve models what TrackerRMS says.
    """
    try:
        from bridge.demo import runner
        from bridge.demo.screen import Screen
    except ImportError as error:
        raise EnvironmentFault(
            f"the simulator needs {error.name}: pip install ./contracts '.[simulator,embedded]' in a "
            "clone of the bridge"
        ) from error
    data_dir = Path(tempfile.mkdtemp(prefix="trackerrms-demo-"))
    code = None
    try:
        with (data_dir / "demo.log").open("w", encoding="utf-8") as file:
            # The screen is the demo's; the log goes to a file, which stays when something went wrong.
            with contextlib.redirect_stderr(file):
                log.configure_logging(LogConfig(), "json")
            with session.with_guarded_servers(runner.configuration(data_dir)) as grounded:
                played = runner.DemoRunner(grounded, Screen(), seconds, data_dir if keep else None)
                code = session.run_to_end(played.run())
    finally:
        if code == OK:
            shutil.rmtree(data_dir, ignore_errors=True)
        else:
            print(f"The log is in {data_dir / 'demo.log'}{os.linesep}", end="")
    raise typer.Exit(code)
