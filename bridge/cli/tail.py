"""``bridge tail``."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer
from rich.console import Console
from trackerrms_contracts import codec, topics
from trackerrms_contracts.entities import Model
from trackerrms_contracts.events import Event

from bridge import app, kafka
from bridge.cli import screen, session
from bridge.config import Config

_COLORS = {"created": "green", "updated": "cyan", "deleted": "red"}
_WIDEST_TYPE = max(len(model) for model in Model) + len(".created")


def tail(
    ctx: typer.Context,
    model: Annotated[
        list[Model] | None,
        typer.Option(metavar="MODEL", help="Only events of this model; repeatable."),
    ] = None,
    integration: Annotated[
        str | None, typer.Option(metavar="ID", help="Only events of this integration.")
    ] = None,
    from_beginning: Annotated[
        bool,
        typer.Option(
            "--from-beginning", help="Start with the oldest event on Kafka instead of the next one."
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Exit after N events.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the events themselves, one JSON line each.")
    ] = False,
) -> None:
    """Show events as they arrive on Kafka, one line each.

    A line shows the time, event type, account, entity id, version, changed fields
    and cause, never the values.
    """
    found = session.configured(ctx, level="warning")
    if integration is not None:
        session.chosen(found, integration)
    config = app.reaching_kafka(found)
    wanted = [topics.events(one, config.kafka.topic_prefix) for one in model or Model]
    with contextlib.suppress(KeyboardInterrupt):
        session.run_to_end(_tail(config, wanted, integration, from_beginning, limit, json))


async def _tail(
    config: Config,
    wanted: list[str],
    integration: str | None,
    from_beginning: bool,
    limit: int | None,
    json: bool,
) -> None:
    out = screen.console()
    printed = 0
    async for record in _records(config, wanted, from_beginning):
        if integration is not None and dict(record.headers).get("ce_integrationid") != integration.encode():
            continue
        # A tombstone follows a deletion on a compacted topic; it adds no information.
        if record.value is None:
            continue
        _print(out, record.value, json=json)
        printed += 1
        if printed == limit:
            return


async def _records(
    config: Config, wanted: list[str], from_beginning: bool
) -> AsyncIterator[kafka.ConsumedRecord]:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with kafka.Consumer(
        config.kafka, wanted, start="beginning" if from_beginning else "end"
    ) as consumer:
        while not ended.is_set():
            for record in await consumer.getmany(0.5):
                yield record


def _print(out: Console, value: bytes, *, json: bool) -> None:
    if json:
        sys.stdout.write(value.decode() + "\n")
        sys.stdout.flush()
        return
    try:
        out.print(format_event(codec.decode_event(value)))
    except codec.ContractError as error:
        out.print(f"[yellow]{screen.escape(str(error))}[/]")


def format_event(event: Event[Any]) -> str:
    """Format an event as one line of rich markup."""
    operation = event.type.rpartition(".")[2]
    fields = ", ".join(event.data.changed_fields)
    return (
        f"[dim]{event.time.time().isoformat('milliseconds')}[/] "
        f"[{_COLORS[operation]}]{event.type:<{_WIDEST_TYPE}}[/] "
        f"{event.integrationid} {event.subject} [dim]v{int(event.sequence)}[/] "
        f"{fields}{' ' if fields else ''}[dim]{event.data.cause}[/]"
    )
