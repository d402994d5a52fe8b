"""``bridge run`` and ``bridge migrate``."""

import sys
from typing import Annotated

import typer

from bridge import app
from bridge.app import ROLES, Role
from bridge.cli import screen, session
from bridge.config import Config
from bridge.errors import ConfigError
from bridge.store import schema
from bridge.store.errors import mask_url

_OF_INTEGRATIONS = frozenset[Role]({"poller", "commands"})


def run_command(
    ctx: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help=f"Run only this role ({', '.join(ROLES)}); repeatable."),
    ] = None,
) -> None:
    """Run the bridge until interrupted: read TrackerRMS, publish changes, carry out commands.

    Without [bold]store.url[/] and [bold]kafka.bootstrap_servers[/] it starts an
    embedded PostgreSQL and a Kafka-protocol broker in the data directory. Any
    number of processes may run side by side.
    """
    config = session.configured(ctx)
    roles = _roles(only)
    if _OF_INTEGRATIONS.intersection(roles):
        session.chosen(config, None)
    with session.with_guarded_servers(config) as grounded:
        _introduce(config, grounded)
        code = session.run_to_end(app.run_roles(grounded, roles))
    raise typer.Exit(code)


def migrate_command(ctx: typer.Context) -> None:
    """Migrate the store's schema to this version. [dim]bridge run[/] does it automatically."""
    config = session.configured(ctx, level="warning")
    with session.with_guarded_servers(config, need_kafka=False) as grounded:
        url = app.store_url(grounded)
        applied = session.run_to_end(schema.migrate(url))
    where = mask_url(url)
    print(f"{where}: applied {', '.join(applied)}" if applied else f"{where}: up to date")


def _roles(only: list[str] | None) -> tuple[Role, ...]:
    unknown = sorted(set(only or ()).difference(ROLES))
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: no such role; use one of {', '.join(ROLES)}")
    return tuple(role for role in ROLES if not only or role in only)


def _introduce(config: Config, grounded: Config) -> None:
    """Print the addresses of the servers, without passwords, for people who want to connect."""
    url = grounded.store.url
    embedded_store, embedded_kafka = config.store.url is None, config.kafka.bootstrap_servers is None
    table = screen.new_table("", "", "")
    # The embedded server has no password; an external URL may contain one.
    address = "" if url is None else url.reveal() if embedded_store else mask_url(url.reveal())
    data = f"embedded; data in {config.data_dir}/postgres" if embedded_store else "external"
    forgets = "embedded; [yellow]loses its data at exit[/]" if embedded_kafka else "external"
    table.add_row("PostgreSQL", screen.escape(address), data)
    table.add_row("Kafka", grounded.kafka.bootstrap_servers or "", forgets)
    table.add_row("Integrations", ", ".join(i.id for i in config.integrations), "")
    table.show_header = False
    screen.print_markup(
        table, "[dim]Watch it from another terminal: bridge status, bridge tail. Press Ctrl-C to stop.[/]"
    )
    sys.stdout.flush()
