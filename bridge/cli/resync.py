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
        str | None, typer.Argument(metavar="[INTEGRATION]", help="Left out: all integrations.")
    ] = None,
    resource: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Such as candidates or jobs; may be given again. Left out: all."),
    ] = None,
    republish: Annotated[
        bool,
        typer.Option("--republish", help="Publish every record as created again: for a topic that was lost."),
    ] = False,
) -> None:
    """Read every record anew, whether it seems changed or not, and publish what differs.

    The running bridge begins at once and says [bold]cause: resync[/] in the events; polls go on meanwhile.
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
            f"--resource {unknown[0]}: not one that {integration.id} follows ({', '.join(followed)})"
        )
    return [resource for name, resource in followed.items() if not names or name in names]


async def request_resync(
    installed: Installation, integration: IntegrationConfig, resource: Resource, republish: bool
) -> str:
    """Ask the running bridge for one resource's resync; returns what to tell the person."""
    db, name = installed.db, resource.name
    if not await is_loaded(installed, integration, resource):
        return "its first load is not complete; nothing to do"
    async with db.transaction() as tx:
        await scans.begin_again(tx, integration.id, name, "republish" if republish else "resync")
    return "begins; the running bridge carries it out (bridge status shows how far it is)"


async def is_loaded(installed: Installation, integration: IntegrationConfig, resource: Resource) -> bool:
    """Whether the resource was read whole once: before that there is nothing to read anew."""
    if resource.updated_after:
        return await scans.last_finished(installed.db, integration.id, resource.name) is not None
    # A short list is read whole at each poll: the first of them is its first load.
    return (await cursors.load_cursor(installed.db, integration.id, resource.name)).polled_at is not None
