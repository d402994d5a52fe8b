"""What commands share: the configuration they were given, and the way into a running installation."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import typer

from bridge import app, config, log
from bridge.app import Installation
from bridge.config import Config, IntegrationConfig
from bridge.errors import ConfigError, EnvironmentFault
from bridge.store import database

T = TypeVar("T")

_ADD_ONE = (
    "integrations: none is configured; add [[integrations]] with id, region and bearer_token to bridge.toml "
    "(the README shows one), or see it work first with: bridge demo"
)


def configured(ctx: typer.Context, *, level: Literal["warning"] | None = None) -> Config:
    """The configuration of this call, and the log set up by it; ``level`` quietens commands of a moment."""
    path: Path | None = ctx.find_root().obj
    found = config.load(path)
    wanted = found.log
    if level is not None and wanted.level in ("debug", "info"):
        wanted = msgspec.structs.replace(wanted, level=level)
    log.configure(wanted)
    return found


def chosen(found: Config, integration: str | None) -> tuple[IntegrationConfig, ...]:
    """The integration of that id, or all of them. Raises ``ConfigError`` where there is none."""
    if not found.integrations:
        raise ConfigError(_ADD_ONE)
    return found.integrations if integration is None else (found.integration(integration),)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def with_store(found: Config, work: Callable[[Installation], Awaitable[T]]) -> T:
    """Do ``work`` on the installation's store, whether ``bridge run`` is running or not.

    The embedded PostgreSQL is attached to, or started for the moment. A schema of somebody else's server is
    looked at, not changed: ``EnvironmentFault`` when it lacks something.
    """

    async def opened(grounded: Config) -> T:
        own = found.store.url is None
        if not own and await database.pending(app.store_url(grounded)):
            raise EnvironmentFault("store.url: the schema is not up to date; run: bridge migrate")
        async with app.opened(grounded, migrate=own) as installed:
            return await work(installed)

    with app.grounded(found, need_kafka=False) as grounded:
        return run(opened(grounded))
