"""What the README tells an operator is so: figures follow from formulae, commands and links exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from bridge.cli.program import app
from bridge.config import CaptureConfig
from bridge.store.budgets import BudgetRules

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_, _, AFTER = README.partition("\n## Running in production\n")
SECTION = AFTER.partition("\n## ")[0]
LEFT_A_MINUTE = 510


def test_the_budget_is_what_the_bridge_keeps_to() -> None:
    terms = BudgetRules(requests=600)
    assert f"most {terms.limit};" in SECTION
    assert f"nine tenths of them, {terms.poll_limit}, and commands all" in SECTION
    polls = 5 * 60 / CaptureConfig().poll_seconds
    assert f"Polls take {polls:.0f} a minute" in SECTION
    assert terms.poll_limit - polls == pytest.approx(LEFT_A_MINUTE, abs=5)


def test_the_table_of_sizes_follows_from_its_formulae() -> None:
    rows = re.findall(r"^\| ([\d,]+(?: \| [\d,]+){6}) \|$", SECTION, re.MULTILINE)
    assert len(rows) == 4
    for row in rows:
        candidates, jobs, applications, *told = [int(cell.replace(",", "")) for cell in row.split(" | ")]
        load = 1.1 * (candidates + jobs) + 0.1 * applications
        sweep = 0.1 * (candidates + jobs + applications)
        computed = [load, load / LEFT_A_MINUTE, sweep, sweep / LEFT_A_MINUTE]
        assert told == [round(figure) for figure in computed]


def named() -> list[list[str]]:
    """The words of every command of ours that the README shows."""
    lines = re.findall(r"`(bridge [a-z][^`]*)`", README)
    lines += re.findall(r"^ *(bridge [a-z][^#\n]*)", README, re.MULTILINE)
    return [shlex.split(re.sub(r"[\[\]|]", " ", line), comments=True)[1:] for line in lines]


def test_every_command_that_is_named_exists() -> None:
    assert len(named()) > 50
    for words in named():
        command = typer.main.get_command(app)
        path = list(words)
        while isinstance(command, TyperGroup) and path and not path[0].startswith("-"):
            found = command.commands.get(path.pop(0).rstrip(","))
            assert found is not None, (
                f"README.md shows `bridge {shlex.join(words)}`, and there is no such command"
            )
            command = found
        known = {option for parameter in command.params for option in parameter.opts}
        unknown = {word for word in path if re.fullmatch(r"--[a-z-]+", word)} - known - {"--help"}
        assert not unknown, f"README.md shows `bridge {shlex.join(words)}`, which has no {unknown}"


def broken_links(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        other = page.parent / file if file else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(target)
    return broken


def test_every_link_leads_somewhere() -> None:
    found = [f"{page.relative_to(ROOT)}: {target}" for page in PAGES for target in broken_links(page)]
    assert not found, "\n".join(found)


def anchors(page: Path) -> set[str]:
    """The headings of a page as its links spell them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
