"""Output for people and programs: tables on a terminal, plain aligned text without one, and JSON."""

import sys
from datetime import datetime, timedelta
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.clock import utc_now

_PLAIN_WIDTH = 1000

__all__ = ["ago", "console", "duration", "escape", "new_table", "print_json", "print_markup"]


def console(*, stderr: bool = False) -> Console:
    """Return a console for the current stream. Without a terminal it is wide enough to fold nothing."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())


def new_table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table with these headings. Columns named in ``right`` are right-aligned,
    for numbers."""
    made = Table(
        box=None,
        padding=(0, 2, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def print_markup(*what: Any) -> None:
    """Print to stdout with rich's markup."""
    out = console()
    for one in what:
        out.print(one)


def print_json(value: Any, *, lines: bool = False) -> None:
    """Print one JSON document to stdout; with ``lines``, on a single line."""
    encoded = msgspec.json.encode(value)
    text = encoded if lines else msgspec.json.format(encoded, indent=2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def duration(seconds: float) -> str:
    """Format a duration: ``850 ms``, ``12 s``, ``3 min``, ``2 h 05 min``, ``3 days``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
    return f"{timedelta(seconds=seconds).days} days"


def ago(moment: datetime | None) -> str:
    """Format a moment as ``12 s ago``, or ``never``."""
    if moment is None:
        return "never"
    return f"{duration(max(0.0, (utc_now() - moment).total_seconds()))} ago"
