"""Write the results of ``make matrix`` as a document: ``python -m tests.matrix.table RESULTS``."""

import re
import sys
from collections import Counter
from pathlib import Path

import msgspec

from bridge.simulator.dialects import DIALECTS, GROUPS
from bridge.tracker import corrections
from tests.matrix.entry import Outcome, Verdict

_DOCUMENT = Path("docs/matrix.md")
_WORD = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")
_BEFORE = "integrations.acme.tracker."
_VERDICTS: tuple[Verdict, ...] = ("right", "loud", "silent", "endless")
_SIZES = {0: "an ordinary account", 1: "one value alone", 2: "random pairs", 3: "random triples"}
_HEAD = """\
# How accounts are read that differ

Each doubtful point of TrackerRMS's API is a switch of the [simulated account](simulator.md). An account
of each kind is loaded, changed and deleted from; where a switch shows in writing, all four actions are
carried out. Then topics and account are compared.

- **right**: the topics say what the account holds, and each action did what its result says.
- **loud**: they don't; nothing untrue was published, `bridge check` ends with 1 and names a key of
  `bridge.toml`, and `bridge status` names the cause.
- **silent**, **endless**: anything else. There must be none.

`make matrix` measures this and writes this page.
"""


def main(results: Path) -> None:
    """Write the document from a file of outcomes; the last outcome of a dialect counts."""
    lines = results.read_bytes().splitlines()
    outcomes = [msgspec.json.decode(line, type=Outcome) for line in lines]
    last = {tuple(sorted(one.dialect.items())): one for one in outcomes}
    text = f"{_HEAD}\n{totals(list(last.values()))}\n\n{singles(last)}\n"
    _DOCUMENT.write_text(text, encoding="utf-8")
    print(totals(list(last.values())))


def totals(outcomes: list[Outcome]) -> str:
    """Return how many entries have which verdict, by how many switches they set."""
    counts = Counter((len(one.dialect), one.verdict) for one in outcomes)
    rows = ["| entries | right | loud | silent | endless |", "|---|---|---|---|---|"]
    for size, name in _SIZES.items():
        found = [counts[size, verdict] for verdict in _VERDICTS]
        if any(found):
            rows.append(f"| {sum(found)}: {name} | " + " | ".join(map(str, found)) + " |")
    values = sum(len(switch.others) for switch in DIALECTS.values())
    tried = sum(count for (size, _), count in counts.items() if size == 1)
    left = (
        ""
        if tried == values
        else f"\n\nNot tried when this was written: {values - tried} of {values} values."
    )
    return "\n".join(rows) + left


def singles(last: dict[tuple[tuple[str, str], ...], Outcome]) -> str:
    """Return each value's verdict, a table for each group of switches."""
    parts = []
    for heading, group in GROUPS.items():
        rows = ["| switch | right | loud, with the key that is named first, or worse |", "|---|---|---|"]
        for name in group:
            right, loud = [], []
            for value in DIALECTS[name].others:
                one = last.get(((name, value),))
                if one is None:
                    continue
                if one.verdict == "right":
                    right.append(f"`{value}`")
                else:
                    loud.append(f"`{value}`: {one.verdict if one.verdict != 'loud' else _key(one)}")
            rows.append(f"| `{name}` | {', '.join(right)} | {', '.join(loud)} |")
        parts.append(f"## {heading}\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _key(one: Outcome) -> str:
    words = (word[0].removeprefix(_BEFORE) for line in one.check for word in _WORD.finditer(line))
    found = next((word for word in words if corrections.pattern_of(word) is not None), None)
    return f"`{found}`" if found else "no key"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
