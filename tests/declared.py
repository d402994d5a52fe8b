"""What the command line declares, for the tests that hold something against it."""

from typing import Any

import typer


def options(app: typer.Typer, command: str) -> set[str]:
    """Return the options of a command of ``app``, ``--no-…`` included, ``--help`` not."""
    group: Any = typer.main.get_command(app)
    declared = [one for one in group.commands[command].params if one.param_type_name == "option"]
    return {word for one in declared for word in (*one.opts, *one.secondary_opts)}
