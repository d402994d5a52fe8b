"""Generate the tables of the simulator's dialects in ``docs/simulator.md``.

``make generate`` writes them; a test checks that they are fresh.
"""

from pathlib import Path

from bridge.simulator.dialects import DIALECTS, GROUPS, Switch

DOCUMENT = Path(__file__).parents[1] / "docs" / "simulator.md"
BEGIN, END = "<!-- dialects: generated -->", "<!-- end of dialects -->"


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
    """Return the document with its current tables. Raises ``ValueError`` if their place is not marked."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def write() -> None:
    """Write the tables into the document."""
    DOCUMENT.write_text(fill_dialect_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
