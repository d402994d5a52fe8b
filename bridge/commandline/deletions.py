"""``bridge deletions``: what disappeared in numbers too large to believe, and a person's word on it."""

from typing import Annotated, Any, Literal

import typer

from bridge.app import Installation
from bridge.commandline import screen, session
from bridge.errors import ConfigError
from bridge.store import deletions
from bridge.store.deletions import Held

app = typer.Typer(
    no_args_is_help=True,
    help="Deletions held back because too many records disappeared at once: list, approve, discard.",
)

_Id = Annotated[int | None, typer.Argument(metavar="ID", help="The number that the list shows.")]
_All = Annotated[bool, typer.Option("--all", help="Everything that is held.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.command("list")
def listed(ctx: typer.Context, json: _Json = False) -> None:
    """Show what waits for a decision."""
    found = session.configured(ctx, level="warning")
    waiting = session.with_store(found, _waiting)
    if json:
        screen.print_json(waiting)
    elif waiting:
        screen.show(_table(waiting))
    else:
        print("No deletion is held back.")


@app.command()
def approve(ctx: typer.Context, held_id: _Id = None, all_: _All = False) -> None:
    """They are real: the running bridge confirms each once more and publishes it as deleted."""
    _decide(ctx, held_id, all_, "approved")


@app.command()
def discard(ctx: typer.Context, held_id: _Id = None, all_: _All = False) -> None:
    """They are not real: forget them. A later scan that misses the records again holds them again."""
    _decide(ctx, held_id, all_, "discarded")


def _decide(
    ctx: typer.Context, held_id: int | None, everything: bool, word: Literal["approved", "discarded"]
) -> None:
    if (held_id is None) == (not everything):
        raise ConfigError("deletions: give the ID that bridge deletions list shows, or --all")
    found = session.configured(ctx, level="warning")

    async def decide(installed: Installation) -> list[Held]:
        waiting = [held for held in await _waiting(installed) if held.state == "held"]
        chosen = [held for held in waiting if everything or held.id == held_id]
        return [held for held in chosen if await deletions.decide(installed.db, held.id, word)]

    decided = session.with_store(found, decide)
    for held in decided:
        print(f"{word} {held.id}: {held.row_count} {held.resource} of {held.integration_id}")
    if not decided:
        print("No deletion is held back." if everything else f"Nothing is held back under {held_id}.")
        raise typer.Exit(0 if everything else 1)


async def _waiting(installed: Installation) -> list[Held]:
    return await deletions.waiting(installed.db)


def _table(waiting: list[Held]) -> Any:
    headings = ("ID", "Integration", "Resource", "Gone", "Of", "Found", "State")
    table = screen.table(*headings, right=("Gone", "Of"))
    for held in waiting:
        state = "[red]held[/]" if held.state == "held" else "approved, being carried out"
        table.add_row(
            str(held.id),
            held.integration_id,
            held.resource,
            f"{held.row_count:,}",
            f"{held.known_count:,}",
            screen.ago(held.found_at),
            state,
        )
    return table
