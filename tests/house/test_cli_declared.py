"""What a command declares it uses: no option is taken and ignored."""

import ast
from collections.abc import Iterator
from pathlib import Path

CLI = Path(__file__).parents[2] / "bridge" / "cli"
# Typer's own: its callback acts when the option is met, before the command runs.
EAGER = {("program", "version")}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def commands() -> Iterator[Function]:
    """The functions that are commands, or the programs above them."""
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Function) and any(is_command(one) for one in node.decorator_list):
                yield node


def is_command(decorator: ast.expr) -> bool:
    """Whether it is ``@app.command(…)`` or ``@app.callback(…)``."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(function, ast.Attribute) and function.attr in ("command", "callback")


def unused(function: Function) -> set[str]:
    """The parameters that the body never names."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = {node.id for part in function.body for node in ast.walk(part) if isinstance(node, ast.Name)}
    return {one.arg for one in arguments} - named


def test_every_option_of_every_command_is_used() -> None:
    found = list(commands())
    assert len(found) > 20
    ignored = {(one.name, name) for one in found for name in unused(one)}
    assert ignored == EAGER, "declared, and not used: use them, or take them away"
