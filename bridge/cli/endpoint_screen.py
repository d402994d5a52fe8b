"""Tables of endpoints and their secrets for the terminal."""

from collections.abc import Sequence
from typing import Any

from trackerrms_contracts.webhooks import Endpoint, ShownSecret

from bridge.cli import screen


def endpoint_table(shown: Sequence[Endpoint]) -> Any:
    """Return a table with one row per endpoint."""
    made = screen.new_table("Id", "Owner", "URL", "Events", "State", "Description")
    for one in shown:
        made.add_row(
            one.id,
            one.owner,
            screen.escape(one.url),
            "about endpoints and holds" if one.operational else screen.escape(", ".join(one.event_types)),
            _state(one),
            screen.escape(one.description),
        )
    return made


def details(one: Endpoint) -> list[Any]:
    """Return a table with all settings of one endpoint."""
    made = screen.new_table("", "")
    made.show_header = False
    rate = one.rate_limit_per_second
    for name, value in (
        ("id", one.id),
        ("url", one.url),
        ("owner", one.owner),
        ("description", one.description),
        (
            "events",
            "about its owner's endpoints, and holds" if one.operational else ", ".join(one.event_types),
        ),
        ("when changed", ", ".join(one.changed_fields)),
        ("integrations", ", ".join(one.integrations) or "all"),
        ("headers", ", ".join(one.header_names)),
        ("order", "one event of a record at a time" if one.order == "per_entity" else ""),
        ("rate", "" if rate is None else f"at most {rate:g} per second"),
        ("timeout", f"{one.timeout_seconds:g} s"),
        ("signature", one.signature),
        ("public key", one.public_key or ""),
        ("created", screen.ago(one.created_at)),
    ):
        if value:
            made.add_row(f"[dim]{name}[/]", screen.escape(value))
    made.add_row("[dim]state[/]", _state(one))
    return [made]


def secrets(shown: Sequence[ShownSecret]) -> list[Any]:
    """Return new secrets with the warning that they are shown only once."""
    if not shown:
        return []
    lines = [f"  [bold]{screen.escape(one.secret)}[/]  [dim]{one.kind}[/]" for one in shown]
    return ["", "[yellow]Verify deliveries with this secret. It is not shown again:[/]", *lines]


def _state(one: Endpoint) -> str:
    if one.enabled:
        return "[green]enabled[/]"
    return f"[red]disabled[/] {screen.ago(one.disabled_at)}: {screen.escape(one.disabled_reason or '')}"
