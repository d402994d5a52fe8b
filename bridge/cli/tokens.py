"""``bridge tokens``: create, list and revoke tokens of the HTTP API."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import typer
from trackerrms_contracts.webhooks import Owner

from bridge.app import Installation
from bridge.cli import screen, session
from bridge.clock import utc_now
from bridge.errors import ConfigError
from bridge.store.api_tokens import ApiToken, ApiTokens

app = typer.Typer(no_args_is_help=True, help="Tokens of the HTTP API: create, list, revoke.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("create")
def create_token_command(
    ctx: typer.Context,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Give access only to the endpoints of this owner.")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Give access to all endpoints.")] = False,
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="A note for people, such as who holds it.")
    ] = "",
    days: Annotated[
        float | None,
        typer.Option(min=0.01, max=36_500, metavar="DAYS", help="Expire after this many days."),
    ] = None,
    json: _Json = False,
) -> None:
    """Create a token. It is shown only once."""
    if (owner is None) == (not admin):
        raise ConfigError("tokens: give --owner NAME, or --admin for access to all endpoints")
    try:
        msgspec.convert(owner, Owner | None)
    except msgspec.ValidationError:
        raise ConfigError("--owner: letters, digits, '.', '_' and '-', at most 63") from None
    ends_at = None if days is None else utc_now() + timedelta(days=days)

    async def make(installed: Installation) -> tuple[ApiToken, str]:
        return await _tokens(installed).create(owner=owner, description=description, expires_at=ends_at)

    made, text = session.with_store(session.configured(ctx, level="warning"), make)
    if json:
        screen.print_json({**_plain(made), "token": text})
    else:
        screen.print_markup(
            f"[bold]{text}[/]", f"[dim]{made.id}, {_scope(made)}.[/] [yellow]It is not shown again.[/]"
        )


@app.command("list")
def list_tokens_command(ctx: typer.Context, json: _Json = False) -> None:
    """List the tokens, without their secret text."""

    async def read(installed: Installation) -> Sequence[ApiToken]:
        return await _tokens(installed).list_()

    shown = session.with_store(session.configured(ctx, level="warning"), read)
    if json:
        screen.print_json([_plain(one) for one in shown])
    elif shown:
        screen.print_markup(_table(shown))
    else:
        print("No tokens. Create one with: bridge tokens create --admin")


@app.command("revoke")
def revoke(
    ctx: typer.Context, token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, tok_….")]
) -> None:
    """Revoke a token. It gives no access from now on."""

    async def carry_out(installed: Installation) -> bool:
        tokens = _tokens(installed)
        if token_id not in {one.id for one in await tokens.list_()}:
            raise ConfigError(f"tokens: no token has the id {token_id!r}; bridge tokens list shows them")
        return await tokens.revoke(token_id)

    changed = session.with_store(session.configured(ctx, level="warning"), carry_out)
    print(f"revoked {token_id}" if changed else f"{token_id} was already revoked")


def _tokens(installed: Installation) -> ApiTokens:
    return ApiTokens(installed.db, installed.keys.sealer)


def _plain(one: ApiToken) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(one)
    return {"scope": one.scope, **plain}


def _scope(one: ApiToken) -> str:
    return "for all endpoints" if one.owner is None else f"for the endpoints of {one.owner}"


def _table(shown: Sequence[ApiToken]) -> Any:
    table = screen.new_table("Id", "For", "State", "Created", "Used", "Description")
    now = utc_now()
    for one in shown:
        state = "[green]valid[/]"
        if one.revoked_at is not None:
            state = f"[red]revoked {screen.ago(one.revoked_at)}[/]"
        elif one.expires_at is not None:
            state = f"until {one.expires_at:%Y-%m-%d}"
            if one.expires_at <= now:
                state = f"[red]expired {screen.ago(one.expires_at)}[/]"
        table.add_row(
            one.id,
            "[bold]admin[/]" if one.owner is None else one.owner,
            state,
            screen.ago(one.created_at),
            screen.ago(one.used_at),
            screen.escape(one.description),
        )
    return table
