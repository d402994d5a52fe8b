"""The documentation as tests read it: the text of a page, its blocks of code, its tables."""

import re
import textwrap
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Pages at the root and in docs/, by their paths from the root.
NAMES = tuple(
    sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
)


@cache
def text_of(name: str) -> str:
    """Return what a page says."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return the blocks of code in a language, in the order of the page."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text_of(name), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for _, code in found]


def without_blocks(name: str) -> str:
    """Return what a page says outside of its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", text_of(name), flags=re.MULTILINE | re.DOTALL)


def rows(name: str, heading: str) -> list[list[str]]:
    """Return the rows of the table that begins with this heading, cell by cell."""
    _, _, after = text_of(name).partition(f"\n| {heading} |")
    lines = after.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r" \|(?= )", line.strip("|"))] for line in lines]
