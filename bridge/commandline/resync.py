"""``bridge resync``."""

from typing import Annotated

import typer

from bridge import app as composition
from bridge.app import Installation
from bridge.commandline import session
from bridge.config import IntegrationConfig
from bridge.errors import ConfigError
from bridge.store import scans, sources
from bridge.tracker.shapes import Resource


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

    async def begin(installed: Installation) -> None:
        for one, resources in asked:
            for name in resources:
                print(f"{one.id} {name.name}: {await _begin(installed, one, name, republish)}")

    session.with_store(found, begin)


def _resources(integration: IntegrationConfig, names: list[str] | None) -> list[Resource]:
    followed = composition.resources(integration)
    unknown = sorted(set(names or ()) - followed.keys())
    if unknown:
        raise ConfigError(
            f"--resource {unknown[0]}: not one that {integration.id} follows ({', '.join(followed)})"
        )
    return [resource for name, resource in followed.items() if not names or name in names]


async def _begin(
    installed: Installation, integration: IntegrationConfig, resource: Resource, republish: bool
) -> str:
    db, name = installed.db, resource.name
    if not resource.updated_after:
        # Read whole every time: the next reading looks at each record again by itself.
        async with db.transaction() as tx:
            await sources.forget_fingerprints(tx, integration.id, name)
        if republish:
            return "read anew at the next poll; this resource can't be republished"
        return "read anew at the next poll"
    if await scans.last_finished(db, integration.id, name) is None:
        return "its first load is not complete; nothing to do"
    async with db.transaction() as tx:
        await scans.begin_again(tx, integration.id, name, "republish" if republish else "resync")
    return "begins; the running bridge carries it out (bridge status shows how far it is)"
