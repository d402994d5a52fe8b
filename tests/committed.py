"""Committed files that a program writes: each must be as the program would write it today."""

import difflib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SHOWN_LINES = 20


def stale(path: Path, command: str = "make generate") -> str:
    """Return what a test says of a stale file: its name, and the command that writes it."""
    return f'{path.relative_to(ROOT).as_posix()} is stale: run "{command}"'


def assert_fresh(made: Mapping[Path, str | None]) -> None:
    """Fail with every file that is not committed as it is made; ``None`` for one that is no longer made."""
    __tracebackhide__ = True
    found = {path: path.read_text(encoding="utf-8") if path.exists() else None for path in made}
    told = [_told(path, found[path], text) for path, text in sorted(made.items()) if found[path] != text]
    if told:
        pytest.fail("\n".join(told), pytrace=False)


def _told(path: Path, found: str | None, made: str | None) -> str:
    before, after = ((text or "").splitlines() for text in (found, made))
    difference = list(difflib.unified_diff(before, after, "committed", "generated", n=1, lineterm=""))
    more = [f"... and {len(difference) - _SHOWN_LINES} lines more"] if difference[_SHOWN_LINES:] else []
    return "\n".join([stale(path), *difference[:_SHOWN_LINES], *more])
