"""The simulator's dialects as tables: on the screen, and in ``docs/simulator.md``.

``python -m bridge.cli.dialect_table`` writes the document; a test checks that it is fresh.
"""

from pathlib import Path

from rich.table import Table

from bridge.cli import screen
from bridge.simulator.dialects import DIALECTS, GROUPS, Switch

BEGIN, END = "<!-- dialects: generated -->", "<!-- end of dialects -->"


def list_switches() -> Table:
    """Return every switch with its values; the first of them is its default."""
    made = screen.new_table("switch", "value", "meaning", "touches")
    for name, one in DIALECTS.items():
        made.add_row(f"[bold]{name}[/]", "", f"[bold]{screen.escape(one.meaning)}[/]", "")
        for value, said in one.values.items():
            shown = screen.escape(f"{name}={value}")
            made.add_row("", shown, screen.escape(said.meaning), " ".join(sorted(said.touches)))
    return made


def tables() -> str:
    """Return every switch in Markdown, a heading for each group and a table below it."""
    pairs = sum(len(one.others) for one in DIALECTS.values())
    parts = [f"{len(DIALECTS)} switches, {pairs} values besides the defaults, which come first."]
    for heading, group in GROUPS.items():
        lines = ["| switch | value | meaning | touches |", "|---|---|---|---|"]
        for name, one in group.items():
            lines += [f"| `{name}` | | **{_cell(one.meaning)}** | |", *_rows(one)]
        parts.append(f"### {heading}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _rows(one: Switch) -> list[str]:
    return [
        f"| | `{_cell(name)}` | {_cell(value.meaning)} | {', '.join(sorted(value.touches))} |"
        for name, value in one.values.items()
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def fill_dialect_tables(text: str) -> str:
    """Return the document with its tables as they are now. Raises ValueError where no place is marked."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    document = Path("docs/simulator.md")
    document.write_text(fill_dialect_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
