"""Generate the tables of ``docs/assumptions.md``: the assumptions about an account, and the keys for them.

``make generate`` writes them; a test checks that they are fresh.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

from bridge.tracker import assumptions, corrections
from bridge.tracker.assumptions import Assumption, By, Theme

DOCUMENT = Path(__file__).parents[1] / "docs" / "assumptions.md"
_BY: Mapping[By, str] = {
    "reading": "reading",
    "running": "running",
    "asking": "`check`",
    "writing": "`check --write`",
}
_MOST_NAMES = 3
REGIONS = ("verdicts", "keys")


def verdicts() -> str:
    """Return a table of the assumptions for each theme."""
    listed = assumptions.assumptions_by_name().values()
    parts = [
        f"{len(listed)} assumptions, {sum(one.by != 'writing' for one in listed)} of them about reading."
    ]
    for theme in get_args(Theme):
        lines = [
            "| finding | assumption | sure | judged by | keys that correct it |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(one) for one in listed if one.theme == theme]
        parts.append(f"### Verdicts about {theme}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def keys() -> str:
    """Return a table of every key, with the findings that name it, or the other sign that it must be set."""
    lines = ["| key | findings that name it | and otherwise |", "|---|---|---|"]
    for pattern in sorted(corrections.PATTERNS):
        names = _names(corrections.judges(pattern))
        lines.append(f"| `{pattern}` | {names} | {corrections.OTHERWISE.get(pattern, '')} |")
    return "\n".join(lines)


def fill_assumption_tables(text: str) -> str:
    """Return the document with its current tables. Raises ``ValueError`` if their place is not marked."""
    for name, made in zip(REGIONS, (verdicts(), keys()), strict=True):
        begin, end = marks(name)
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}\n\n{made}\n\n{end}{after}"
    return text


def marks(region: str) -> tuple[str, str]:
    """Return the marks before and after a generated region."""
    return f"<!-- {region}: generated -->", f"<!-- end of {region} -->"


def _row(one: Assumption) -> str:
    keys_ = "the same" if one.keys == (one.name,) else ", ".join(f"`{key}`" for key in one.keys)
    return f"| `{one.name}` | {one.says.replace('|', chr(92) + '|')} | {one.sure} | {_BY[one.by]} | {keys_} |"


def _names(judging: Iterable[Assumption]) -> str:
    """Return their names; of many with the same prefix, the prefix."""
    groups: dict[str, list[str]] = {}
    for one in judging:
        groups.setdefault(one.name.partition(".")[0], []).append(one.name)
    shown = [
        name
        for first, names in groups.items()
        for name in ([f"{first}.…"] if len(names) > _MOST_NAMES else names)
    ]
    return ", ".join(f"`{name}`" for name in shown)


def write() -> None:
    """Write the tables into the document."""
    DOCUMENT.write_text(fill_assumption_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
