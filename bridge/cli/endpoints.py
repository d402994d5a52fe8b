"""``bridge endpoints``: manage webhook endpoints directly in the store, by the rules of the HTTP API."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from msgspec import Struct
from trackerrms_contracts.webhooks import Endpoint, EndpointChange, EndpointWithSecrets, NewEndpoint

from bridge import app as composition
from bridge.api import endpoint_handlers, endpoint_rules, request_bodies
from bridge.api.errors import RequestRefused
from bridge.app import Installation
from bridge.cli import endpoint_screen, screen, session, time_arguments
from bridge.errors import ConfigError
from bridge.store import deliveries, endpoints, recoveries

S = TypeVar("S", bound=Struct)

app = typer.Typer(
    no_args_is_help=True,
    help="Manage webhook endpoints: where events go, which ones, and how they are signed.",
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, ep_….")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Events = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        metavar="TYPE",
        help="candidate.updated, application.*, *.deleted or *; repeatable. Default: all.",
    ),
]
_Integrations = Annotated[
    list[str] | None,
    typer.Option("--integration", metavar="ID", help="Only events of this account; repeatable."),
]
_Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--changed-field",
        metavar="FIELD",
        help="Only updated events in which this field changed; repeatable.",
    ),
]
_Headers = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="NAME:VALUE",
        help="A header to send with each delivery, stored encrypted; repeatable.",
    ),
]
_Rate = Annotated[
    float | None, typer.Option(min=0, metavar="N", help="The most deliveries per second; 0: no limit.")
]
_Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="The timeout of one delivery; default: 15.")
]
_Order = Annotated[
    str | None,
    typer.Option(
        metavar="none|per_entity", help="per_entity: deliver the events of a record one at a time, in order."
    ),
]
_Signature = Annotated[
    str | None, typer.Option(metavar="v1|v1a|both", help="HMAC with a shared secret, ed25519, or both.")
]
_Description = Annotated[str | None, typer.Option(metavar="TEXT", help="A note for people.")]


@app.command("create")
def create_endpoint_command(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The URL to post to.")],
    owner: Annotated[
        str, typer.Option(metavar="NAME", help="The owner of the endpoint; a token may be bound to an owner.")
    ] = "default",
    event: _Events = None,
    integration: _Integrations = None,
    changed_field: _Fields = None,
    header: _Headers = None,
    description: _Description = None,
    rate: _Rate = None,
    timeout: _Timeout = None,
    order: _Order = None,
    signature: _Signature = None,
    operational: Annotated[
        bool,
        typer.Option(
            "--operational",
            help="Receive operational events about the owner's endpoints and holds, instead of records' "
            "events.",
        ),
    ] = False,
    disabled: Annotated[bool, typer.Option("--disabled", help="Create it disabled.")] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help=f"Also deliver events since then: {time_arguments.HELP}"),
    ] = None,
    json: _Json = False,
) -> None:
    """Create an endpoint. Its secret is shown only once."""
    found = session.configured(ctx, level="warning")
    raw = _raw(
        event_types=event,
        integrations=integration,
        changed_fields=changed_field,
        headers=_headers(header),
        description=description,
        rate_limit_per_second=rate or None,
        timeout_seconds=timeout,
        order=order,
        signature=signature,
    )
    raw |= {"url": url, "owner": owner, "operational": operational, "enabled": not disabled}
    if since is not None:
        raw["deliver_since"] = time_arguments.past("--since", since)
    new = _parse(raw, NewEndpoint)

    async def make(installed: Installation) -> EndpointWithSecrets:
        _check(installed, endpoint_rules.new_endpoint(new))
        async with installed.db.transaction() as tx:
            made, secrets = await endpoints.insert_endpoint(tx, installed.keys.sealer, new, owner)
            if new.deliver_since is not None:
                await recoveries.request_recovery(tx, made.id, new.deliver_since, made.created_at)
        return EndpointWithSecrets(endpoint=made, secrets=endpoint_handlers.show_secrets(secrets))

    _show(session.with_store(found, make), json)


@app.command("list")
def list_endpoints_command(
    ctx: typer.Context,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only endpoints of this owner.")] = None,
    json: _Json = False,
) -> None:
    """List the endpoints."""
    found = session.configured(ctx, level="warning")

    async def read(installed: Installation) -> list[Endpoint]:
        items: list[Endpoint] = []
        after: int | None = None
        while True:
            page = await endpoints.list_(installed.db, owner, after, 200)
            items += page.items
            after = page.next_after
            if after is None:
                return items

    shown = session.with_store(found, read)
    if json:
        screen.print_json(shown)
    elif shown:
        screen.print_markup(endpoint_screen.endpoint_table(shown))
    else:
        print("No endpoints. Create one with: bridge endpoints create https://…")


@app.command("show")
def show_endpoint_command(ctx: typer.Context, endpoint_id: _Id, json: _Json = False) -> None:
    """Show one endpoint."""
    found = session.configured(ctx, level="warning")

    async def read(installed: Installation) -> Endpoint:
        return await existing(installed, endpoint_id)

    endpoint = session.with_store(found, read)
    if json:
        screen.print_json(endpoint)
    else:
        screen.print_markup(*endpoint_screen.details(endpoint))


@app.command("update")
def update(
    ctx: typer.Context,
    endpoint_id: _Id,
    url: Annotated[str | None, typer.Option(metavar="URL", help="The URL to post to.")] = None,
    event: _Events = None,
    integration: _Integrations = None,
    all_integrations: Annotated[
        bool, typer.Option("--all-integrations", help="Events of all accounts.")
    ] = False,
    changed_field: _Fields = None,
    any_field: Annotated[
        bool, typer.Option("--any-field", help="Updated events, whichever field changed.")
    ] = False,
    header: _Headers = None,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Send no custom headers.")] = False,
    description: _Description = None,
    rate: _Rate = None,
    timeout: _Timeout = None,
    order: _Order = None,
    signature: _Signature = None,
    operational: Annotated[
        bool | None,
        typer.Option(
            "--operational/--no-operational",
            help="Receive operational events instead of records' events, or the reverse.",
        ),
    ] = None,
    json: _Json = False,
) -> None:
    """Change the given settings and no others. A given list replaces the stored one."""
    found = session.configured(ctx, level="warning")
    raw = _raw(
        url=url,
        event_types=event,
        integrations=[] if all_integrations else integration,
        changed_fields=[] if any_field else changed_field,
        headers={} if no_headers else _headers(header),
        description=description,
        timeout_seconds=timeout,
        order=order,
        signature=signature,
        operational=operational,
    )
    if rate is not None:
        raw["rate_limit_per_second"] = rate or None
    if not raw:
        raise ConfigError("endpoints update: nothing to change; give an option (--help lists them)")
    change = _parse(raw, EndpointChange)

    async def carry_out(installed: Installation) -> EndpointWithSecrets:
        before = await existing(installed, endpoint_id)
        _check(installed, endpoint_rules.changed_endpoint(before, change))
        async with installed.db.transaction() as tx:
            return _some(endpoint_id, await endpoints.patch(tx, installed.keys.sealer, endpoint_id, change))

    _show(session.with_store(found, carry_out), json)


@app.command("delete")
def delete_endpoint_command(ctx: typer.Context, endpoint_id: _Id) -> None:
    """Delete an endpoint. Its pending deliveries are dropped."""

    async def carry_out(installed: Installation) -> None:
        async with installed.db.transaction() as tx:
            if not await endpoints.remove_endpoint(tx, endpoint_id):
                raise unknown_endpoint(endpoint_id)

    session.with_store(session.configured(ctx, level="warning"), carry_out)
    print(f"deleted {endpoint_id}")


@app.command("rotate")
def rotate(
    ctx: typer.Context,
    endpoint_id: _Id,
    overlap_hours: Annotated[
        float,
        typer.Option(
            min=0, max=720, metavar="HOURS", help="How long deliveries are signed with the old secret too."
        ),
    ] = 24.0,
    json: _Json = False,
) -> None:
    """Rotate the secret. The new one is shown only once; the old one also signs until the overlap ends."""

    async def carry_out(installed: Installation) -> EndpointWithSecrets:
        async with installed.db.transaction() as tx:
            sealer = installed.keys.sealer
            return _some(
                endpoint_id, await endpoints.replace_secrets(tx, sealer, endpoint_id, overlap_hours * 3600)
            )

    try:
        _show(session.with_store(session.configured(ctx, level="warning"), carry_out), json)
    except endpoints.TooManySecrets as reason:
        raise ConfigError(f"endpoints rotate: {reason}") from None


@app.command("enable")
def enable_endpoint_command(ctx: typer.Context, endpoint_id: _Id) -> None:
    """Enable deliveries. To deliver the events it missed, use bridge deliveries recover."""
    _switch(ctx, endpoint_id, lambda installed: endpoints.mark_enabled(installed.db, endpoint_id), "enabled")


@app.command("disable")
def disable_endpoint_command(ctx: typer.Context, endpoint_id: _Id) -> None:
    """Stop deliveries until it is enabled again."""
    _switch(
        ctx,
        endpoint_id,
        lambda installed: endpoints.mark_disabled(installed.db, endpoint_id, endpoints.BY_A_PERSON),
        "disabled",
    )


@app.command("test")
def test(ctx: typer.Context, endpoint_id: _Id) -> None:
    """Have the running bridge deliver a test event."""

    async def carry_out(installed: Installation) -> str:
        if not (await existing(installed, endpoint_id)).enabled:
            raise ConfigError(
                f"endpoints: {endpoint_id} is disabled; enable it first: bridge endpoints enable "
                f"{endpoint_id}"
            )
        return await deliveries.send_test(installed.db, installed.keys.sealer, endpoint_id)

    delivery_id = session.with_store(session.configured(ctx, level="warning"), carry_out)
    print(f"requested; see the outcome with: bridge deliveries show {delivery_id}")


async def existing(installed: Installation, endpoint_id: str) -> Endpoint:
    """Return the endpoint with that id. Raises ``ConfigError`` if there is none."""
    endpoint = await endpoints.get(installed.db, endpoint_id)
    if endpoint is None:
        raise unknown_endpoint(endpoint_id)
    return endpoint


def unknown_endpoint(endpoint_id: str) -> ConfigError:
    """Return the error for an id that no endpoint has."""
    return ConfigError(f"endpoints: no endpoint has the id {endpoint_id!r}; bridge endpoints list shows them")


def _switch(
    ctx: typer.Context, endpoint_id: str, work: Callable[[Installation], Awaitable[bool]], word: str
) -> None:
    async def carry_out(installed: Installation) -> bool:
        await existing(installed, endpoint_id)
        return await work(installed)

    changed = session.with_store(session.configured(ctx, level="warning"), carry_out)
    print(f"{word} {endpoint_id}" if changed else f"{endpoint_id} was already {word}")


def _raw(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _headers(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    found = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConfigError("--header: not NAME:VALUE; write it like X-Team:hiring")
        found[name.strip()] = value.strip()
    return found


_OPTIONS = {
    "event_types": "--event",
    "integrations": "--integration",
    "changed_fields": "--changed-field",
    "headers": "--header",
    "rate_limit_per_second": "--rate",
    "timeout_seconds": "--timeout",
    "deliver_since": "--since",
    "url": "URL",
}


def _parse(raw: Mapping[str, Any], kind: type[S]) -> S:
    """Parse the options as the API parses a body. Raises ``ConfigError`` with the option's name if it is
    invalid."""
    try:
        return request_bodies.body(msgspec.json.encode(raw), kind)
    except RequestRefused as refused:
        raise ConfigError("; ".join(_option_error(one.field, one.detail) for one in refused.errors)) from None


def _check(installed: Installation, wanted: endpoint_rules.RequestedEndpoint) -> None:
    parts = composition.api_parts(installed)
    faults = endpoint_rules.faults(wanted, parts.judge, parts.integrations)
    if faults:
        raise ConfigError("; ".join(_option_error(one.field, one.detail) for one in faults))


def _option_error(field: str, detail: str) -> str:
    name = field.partition("[")[0].partition(".")[0]
    return f"{_OPTIONS.get(name, f'--{name}')}: {detail}"


def _some(
    endpoint_id: str, found: tuple[Endpoint, list[endpoints.SigningSecret]] | None
) -> EndpointWithSecrets:
    if found is None:
        raise unknown_endpoint(endpoint_id)
    return EndpointWithSecrets(endpoint=found[0], secrets=endpoint_handlers.show_secrets(found[1]))


def _show(made: EndpointWithSecrets, json: bool) -> None:
    if json:
        screen.print_json(made)
    else:
        screen.print_markup(*endpoint_screen.details(made.endpoint), *endpoint_screen.secrets(made.secrets))
