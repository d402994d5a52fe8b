"""Every command of the program that a page shows exists, with its options."""

import re
import shlex

import typer
from typer.core import TyperGroup

from bridge.commandline.program import app
from tests import pages


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
    command = typer.main.get_command(app)
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
