"""``bridge holds``: list the holds, and approve or discard them."""

from typing import Annotated, Any, Literal

import typer

from bridge.app import Installation
from bridge.cli import screen, session
from bridge.errors import ConfigError
from bridge.store import holds
from bridge.store.holds import Hold

app = typer.Typer(
    no_args_is_help=True,
    help="What is held back because too much changed at once, or because the account's answers changed: "
    "list, approve, discard.",
)

_Id = Annotated[int | None, typer.Argument(metavar="ID", help="The number that the list shows.")]
_All = Annotated[bool, typer.Option("--all", help="All holds.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_holds_command(ctx: typer.Context, json: _Json = False) -> None:
    """Show the holds that await a decision, and the discarded ones that are still held back."""
    found = session.configured(ctx, level="warning")
    waiting = session.with_store(found, _waiting)
    if json:
        screen.print_json(waiting)
    elif waiting:
        screen.print_markup(_table(waiting))
    else:
        print("Nothing is held back.")


@app.command("approve")
def approve(ctx: typer.Context, hold_id: _Id = None, all_: _All = False, json: _Json = False) -> None:
    """Publish the held changes. Deletions are first confirmed again; other records are read again.

    Records that have not changed since are not read by that; bridge resync reads
    them all.
    """
    _decide(ctx, hold_id, all_, "approved", json)


@app.command("discard")
def discard(ctx: typer.Context, hold_id: _Id = None, all_: _All = False, json: _Json = False) -> None:
    """Discard the held changes. Deletions are held again if a later scan misses the records again.

    Other records stay held back, without an alarm, until they look right again.
    """
    _decide(ctx, hold_id, all_, "discarded", json)


def _decide(
    ctx: typer.Context,
    hold_id: int | None,
    everything: bool,
    word: Literal["approved", "discarded"],
    json: bool,
) -> None:
    if (hold_id is None) == (not everything):
        raise ConfigError("holds: give an ID from bridge holds list, or --all")
    found = session.configured(ctx, level="warning")

    async def decide(installed: Installation) -> list[Hold]:
        waiting = await _waiting(installed)
        chosen = [one for one in waiting if one.state == "held" if everything] or [
            one for one in waiting if one.id == hold_id
        ]
        return [one for one in chosen if await holds.decide_hold(installed.db, one.id, word)]

    decided = session.with_store(found, decide)
    if json:
        screen.print_json(decided)
    for one in () if json else decided:
        what = f"{one.key}: " if one.key else ""
        print(f"{word} {one.id}: {what}{one.row_count} {one.resource} of {one.integration_id}")
    if not decided:
        if not json:
            print(
                "Nothing is held back."
                if everything
                else f"Nothing is held back under {hold_id}; bridge holds list shows the holds."
            )
        raise typer.Exit(0 if everything else 1)


async def _waiting(installed: Installation) -> list[Hold]:
    return await holds.load_waiting_holds(installed.db)


def _table(waiting: list[Hold]) -> Any:
    headings = ("ID", "Integration", "Resource", "What", "Records", "Since", "State", "Evidence")
    table = screen.new_table(*headings, right=("Records",))
    words = {"held": "[red]held[/]", "approved": "approved, in progress", "discarded": "discarded"}
    for one in waiting:
        table.add_row(
            str(one.id),
            one.integration_id,
            one.resource,
            one.kind,
            f"{one.row_count:,}",
            screen.ago(one.found_at),
            words[one.state],
            screen.escape(one.evidence),
        )
    return table
