"""``bridge resync``."""

from typing import Annotated

import typer

from bridge import app as composition
from bridge.app import Installation
from bridge.cli import session
from bridge.config import IntegrationConfig
from bridge.errors import ConfigError
from bridge.store import cursors, scans
from bridge.tracker.schema import Resource


def resync(
    ctx: typer.Context,
    integration: Annotated[
        str | None, typer.Argument(metavar="[INTEGRATION]", help="Default: all integrations.")
    ] = None,
    resource: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Such as candidates or jobs; repeatable. Default: all."),
    ] = None,
    republish: Annotated[
        bool,
        typer.Option("--republish", help="Publish every record as created again, for a topic that was lost."),
    ] = False,
) -> None:
    """Read every record again, even if it seems unchanged, and publish the differences.

    The running bridge starts at once. Its events carry [bold]cause: resync[/].
    Polls continue meanwhile.
    """
    found = session.configured(ctx, level="warning")
    asked = [(one, _resources(one, resource)) for one in session.chosen(found, integration)]

    async def begin_all(installed: Installation) -> None:
        for one, resources in asked:
            for name in resources:
                print(f"{one.id} {name.name}: {await request_resync(installed, one, name, republish)}")

    session.with_store(found, begin_all)


def _resources(integration: IntegrationConfig, names: list[str] | None) -> list[Resource]:
    followed = composition.resources_of_integration(integration)
    unknown = sorted(set(names or ()) - followed.keys())
    if unknown:
        raise ConfigError(
            f"--resource {unknown[0]}: {integration.id} does not follow it; use one of {', '.join(followed)}"
        )
    return [resource for name, resource in followed.items() if not names or name in names]


async def request_resync(
    installed: Installation, integration: IntegrationConfig, resource: Resource, republish: bool
) -> str:
    """Ask the running bridge to resync one resource. Return the message for the user."""
    db, name = installed.db, resource.name
    if not await is_loaded(installed, integration, resource):
        return "its first load is not complete; nothing to do"
    async with db.transaction() as tx:
        await scans.begin_again(tx, integration.id, name, "republish" if republish else "resync")
    return "requested; the running bridge carries it out (bridge status shows its progress)"


async def is_loaded(installed: Installation, integration: IntegrationConfig, resource: Resource) -> bool:
    """Return true if the resource has been read completely once. Before that, a resync has nothing to read
    again."""
    if resource.updated_after:
        return await scans.last_finished(installed.db, integration.id, resource.name) is not None
    # A short list is read whole at each poll, so its first poll is its first load.
    return (await cursors.load_cursor(installed.db, integration.id, resource.name)).polled_at is not None
