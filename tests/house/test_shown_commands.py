"""Every command of the program that a page shows exists, with its options."""

import re
import shlex
from typing import Any, cast

import typer
from typer.core import TyperGroup

from bridge.cli.program import app
from tests import pages

TABLE = "docs/command-line.md"
PROGRAM = cast(TyperGroup, typer.main.get_command(app))


def shown(page: str) -> list[list[str]]:
    """Return the words of every command of ours that a page shows."""
    lines = re.findall(r"`(bridge [a-z][^`]*)`", pages.text_of(page))
    lines += [
        line
        for block in pages.blocks(page, "sh")
        for line in re.findall(r"^(bridge [a-z][^#\n]*)", block, re.MULTILINE)
    ]
    return [shlex.split(re.sub(r"[\[\]|]", " ", line), comments=True)[1:] for line in lines]


def fault(words: list[str]) -> str | None:
    """Return what is wrong with a command; ``None`` where nothing is."""
    command: Any = PROGRAM
    path = list(words)
    while isinstance(command, TyperGroup) and path and not path[0].startswith("-"):
        found = command.commands.get(path.pop(0).rstrip(","))
        if found is None:
            return f"shows `bridge {shlex.join(words)}`, and there is no such command"
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = {word for word in path if re.fullmatch(r"--[a-z-]+", word)} - known - {"--help"}
    return f"shows `bridge {shlex.join(words)}`, which has no {sorted(unknown)}" if unknown else None


def test_every_command_that_is_shown_exists() -> None:
    assert len([words for page in pages.NAMES for words in shown(page)]) > 90
    found = [f"{page} {wrong}" for page in pages.NAMES for words in shown(page) if (wrong := fault(words))]
    assert not found, "\n".join(found)


def test_a_wrong_command_is_found() -> None:
    assert fault(["endpoints", "sing"]) == "shows `bridge endpoints sing`, and there is no such command"
    assert fault(["check", "--shout"]) == "shows `bridge check --shout`, which has no ['--shout']"
    assert fault(["check", "acme", "--write"]) is None


def test_the_table_of_commands_has_every_command() -> None:
    known = {" ".join(words[:2]) for row in table() for words in written(row[0])}
    for name, command in PROGRAM.commands.items():
        if isinstance(command, TyperGroup):
            wanted = {f"{name} {inner}" for inner, one in command.commands.items() if not one.hidden}
            assert {one for one in known if one.startswith(f"{name} ")} == wanted, f"{TABLE}: add {name}"
        elif not command.hidden:
            assert name in {one.split()[0] for one in known}, f"{TABLE}: add {name}"


def test_the_table_of_commands_has_only_options_that_exist() -> None:
    for commands, options, _ in table():
        given = re.findall("`(--[a-z-]+)", options)
        found = [fault([*words, option]) for words in written(commands) for option in given]
        assert not any(found), f"{TABLE}, {commands}: {found}"


def table() -> list[list[str]]:
    """Return the rows of the table of commands: commands, options, what they do."""
    found = pages.rows(TABLE, "command | options")
    assert len(found) > 10
    return found


def written(cell: str) -> list[list[str]]:
    """Return the words of each command in a cell."""
    return [line.split() for line in re.findall("`bridge ([^`]+)`", cell)]


def test_the_bridge_is_installed_together_with_its_contracts() -> None:
    lines = [
        (page, line)
        for page in pages.NAMES
        for line in re.findall(r"pip install [^\n`]*'\.\[", pages.text_of(page))
    ]
    assert len(lines) > 1
    alone = [(page, line) for page, line in lines if "./contracts" not in line]
    assert not alone, "name both, as the contracts are on no package index: pip install ./contracts '.[…]'"
