"""What commands share: the configuration they were given, and the way into a running installation."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Literal, TypeVar

import msgspec
import typer

from bridge import app, config, log
from bridge.app import Installation
from bridge.config import Config, IntegrationConfig
from bridge.errors import OK, ConfigError, EnvironmentFault
from bridge.store import schema

T = TypeVar("T")

_ALLOCATIONS_TO_COLLECT_AFTER = 10_000

_ADD_ONE = (
    "integrations: none is configured; add [[integrations]] with id, region and bearer_token to bridge.toml "
    "(the README shows one), or see it work first with: bridge demo"
)


_LEVELS = ("debug", "info", "warning", "error")


def configured(ctx: typer.Context, *, level: Literal["warning", "error"] | None = None) -> Config:
    """The configuration of this call, and the log set up by it; ``level`` quietens commands of a moment."""
    path: Path | None = ctx.find_root().obj
    found = config.load_config(path)
    wanted = found.log
    if level is not None and _LEVELS.index(wanted.level) < _LEVELS.index(level):
        wanted = msgspec.structs.replace(wanted, level=level)
    log.configure_logging(wanted)
    return found


def chosen(found: Config, integration: str | None) -> tuple[IntegrationConfig, ...]:
    """The integration of that id, or all of them. Raises ``ConfigError`` where there is none."""
    if not found.integrations:
        raise ConfigError(_ADD_ONE)
    return found.integrations if integration is None else (found.integration(integration),)


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where there is one."""
    # What is imported lives until the end, and records are trees that the reference counts free: the
    # collector would look through a batch of them a dozen times and find nothing.
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_TO_COLLECT_AFTER)
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@contextlib.contextmanager
def with_guarded_servers(found: Config, *, need_kafka: bool = True) -> Iterator[Config]:
    """``app.with_servers``, whose embedded servers a signal never leaves half started or half stopped.

    SIGTERM ends the block, and the process with 0. While stages run, ``supervisor`` takes the signals.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(OK)

    before = _handled(note, note)
    try:
        with app.with_servers(found, need_kafka=need_kafka) as whole:
            if asked:
                raise SystemExit(OK)
            _handled(end, signal.default_int_handler)
            try:
                yield whole
            finally:
                _handled(note, note)
    finally:
        _handled(*before)


def _handled(on_term: Any, on_int: Any) -> tuple[Any, Any]:
    return signal.signal(signal.SIGTERM, on_term), signal.signal(signal.SIGINT, on_int)


def with_store(found: Config, work: Callable[[Installation], Awaitable[T]]) -> T:
    """Do ``work`` on the installation's store, whether ``bridge run`` is running or not.

    The embedded PostgreSQL is attached to, or started for the moment. A schema of somebody else's server is
    looked at, not changed: ``EnvironmentFault`` when it lacks something.
    """

    async def opened(whole: Config) -> T:
        own = found.store.url is None
        if not own and await schema.pending(app.store_url(whole)):
            raise EnvironmentFault("store.url: the schema is not up to date; run: bridge migrate")
        async with app.open_installation(whole, migrate=own) as installed:
            return await work(installed)

    with with_guarded_servers(found, need_kafka=False) as whole:
        return run_to_end(opened(whole))
