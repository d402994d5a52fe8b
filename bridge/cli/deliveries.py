"""``bridge deliveries``: list deliveries, show their attempts, and repeat them."""

from typing import Annotated, Any, get_args

import typer
from trackerrms_contracts.webhooks import Attempt, Delivery, DeliveryState, DeliveryWithAttempts, Recovery

from bridge.app import Installation
from bridge.cli import endpoints, screen, session, time_arguments
from bridge.errors import ConfigError
from bridge.store import deliveries

app = typer.Typer(
    no_args_is_help=True, help="List deliveries, show their attempts, resend them, and recover missed events."
)

_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
_COLORS = {"delivered": "green", "pending": "yellow", "failed": "red"}
_PAGE = 200
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, dl_….")]


@app.command("list")
def list_deliveries_command(
    ctx: typer.Context,
    endpoint: Annotated[
        str | None, typer.Option(metavar="ID", help="Only deliveries to this endpoint.")
    ] = None,
    state: Annotated[str | None, typer.Option(metavar="STATE", help=f"{', '.join(_STATES)}.")] = None,
    event: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only this event type, such as candidate.updated.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help=f"Only deliveries attempted since then: {time_arguments.HELP}"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Show the newest N.")] = 50,
    json: _Json = False,
) -> None:
    """Show deliveries, ordered by their last attempt, newest first."""
    wanted = next((one for one in _STATES if one == state), None)
    if state is not None and wanted is None:
        raise ConfigError(f"--state {state}: no such state; use one of {', '.join(_STATES)}")
    found = session.configured(ctx, level="warning")
    after = None if since is None else time_arguments.past("--since", since)

    async def read(installed: Installation) -> list[Delivery]:
        items: list[Delivery] = []
        cursor: str | None = None
        while len(items) < limit:
            page = await deliveries.load_deliveries(
                installed.db,
                endpoint_id=endpoint,
                state=wanted,
                event_type=event,
                since=after,
                cursor=cursor,
                limit=min(_PAGE, limit - len(items)),
            )
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return items

    shown = session.with_store(found, read)
    if json:
        screen.print_json(shown)
    elif shown:
        screen.print_markup(_table(shown))
    else:
        print("No deliveries.")


@app.command("show")
def show_delivery_command(ctx: typer.Context, delivery_id: _Id, json: _Json = False) -> None:
    """Show one delivery with its attempts."""

    async def read(installed: Installation) -> DeliveryWithAttempts:
        found = await deliveries.load_delivery(installed.db, installed.keys.sealer, delivery_id)
        if found is None:
            raise _unknown(delivery_id)
        return DeliveryWithAttempts(delivery=found[0], attempts=tuple(found[1]))

    shown = session.with_store(session.configured(ctx, level="warning"), read)
    if json:
        screen.print_json(shown)
    else:
        screen.print_markup(_table([shown.delivery]), "", _attempts(shown.attempts))


@app.command("resend")
def resend(ctx: typer.Context, delivery_id: _Id) -> None:
    """Have the running bridge deliver it again now."""

    async def carry_out(installed: Installation) -> str:
        started = await deliveries.request_resend(installed.db, installed.keys.sealer, delivery_id)
        if started is None:
            raise _unknown(delivery_id)
        return started

    started = session.with_store(session.configured(ctx, level="warning"), carry_out)
    print(f"requested; see the outcome with: bridge deliveries show {started}")


@app.command("recover")
def recover(
    ctx: typer.Context,
    endpoint_id: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id, ep_….")],
    since: Annotated[str, typer.Option(metavar="WHEN", help=f"Start of the range: {time_arguments.HELP}")],
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="End of the range; default: now.")] = None,
) -> None:
    """Have the running bridge deliver the events an endpoint missed, as far as Kafka still has them."""
    begin = time_arguments.past("--since", since)
    end = None if until is None else time_arguments.past("--until", until)
    if end is not None and end <= begin:
        raise ConfigError(f"--until {until}: must be later than --since")

    async def carry_out(installed: Installation) -> str:
        await endpoints.existing(installed, endpoint_id)
        return await deliveries.recover_deliveries(installed.db, endpoint_id, begin, end)

    started = session.with_store(session.configured(ctx, level="warning"), carry_out)
    print(f"{started} started; see its progress with: bridge deliveries recoveries {endpoint_id}")


@app.command("recoveries")
def recoveries(
    ctx: typer.Context,
    endpoint_id: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id, ep_….")],
    json: _Json = False,
) -> None:
    """Show an endpoint's recoveries."""

    async def read(installed: Installation) -> list[Recovery]:
        await endpoints.existing(installed, endpoint_id)
        return await deliveries.load_recoveries(installed.db, endpoint_id)

    shown = session.with_store(session.configured(ctx, level="warning"), read)
    if json:
        screen.print_json(shown)
        return
    table = screen.new_table(
        "Id", "Since", "Until", "State", "Found", "Pending", "Why", right=("Found", "Pending")
    )
    for one in shown:
        end = "" if one.until is None else one.until.isoformat(timespec="seconds")
        table.add_row(
            one.id,
            one.since.isoformat(timespec="seconds"),
            end,
            one.state,
            f"{one.found:,}",
            f"{one.pending:,}",
            screen.escape(one.reason or ""),
        )
    screen.print_markup(table if shown else "No recoveries.")


def _unknown(delivery_id: str) -> ConfigError:
    return ConfigError(
        f"deliveries: no delivery has the id {delivery_id!r}; bridge deliveries list shows the newest"
    )


def _table(shown: list[Delivery]) -> Any:
    table = screen.new_table("Id", "Endpoint", "Event", "State", "Tries", "Last", "Said", right=("Tries",))
    for one in shown:
        said = str(one.last_status) if one.last_status is not None else one.last_error or ""
        state = f"[{_COLORS[one.state]}]{one.state}[/]"
        if one.state == "pending" and one.next_attempt_at is not None:
            state += f" [dim]retry at {one.next_attempt_at.isoformat(timespec='seconds')}[/]"
        table.add_row(
            one.id,
            one.endpoint_id,
            one.event_type,
            state,
            str(one.attempts),
            screen.ago(one.last_at),
            screen.escape(said),
        )
    return table


def _attempts(attempts: tuple[Attempt, ...]) -> Any:
    table = screen.new_table("At", "Said", "Took", "Signed", "Why", "Answer", right=("Took",))
    for one in attempts:
        table.add_row(
            one.at.isoformat(timespec="milliseconds"),
            str(one.status) if one.status is not None else f"[red]{one.error or ''}[/]",
            f"{one.elapsed_ms} ms",
            one.signed_with,
            screen.escape(one.reason or ""),
            screen.escape(one.response_excerpt[:200]),
        )
    return table
