"""Shared parts of commands: the configuration, and access to a running installation."""

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
    "integrations: none configured; add [[integrations]] with id, region and bearer_token to bridge.toml "
    "(the README shows one), or try the bridge first with: bridge demo"
)


_LEVELS = ("debug", "info", "warning", "error")


def configured(ctx: typer.Context, *, level: Literal["warning", "error"] | None = None) -> Config:
    """Load the configuration and set up the log. ``level`` raises the log level for short-lived commands."""
    path: Path | None = ctx.find_root().obj
    found = config.load_config(path)
    wanted = found.log
    if level is not None and _LEVELS.index(wanted.level) < _LEVELS.index(level):
        wanted = msgspec.structs.replace(wanted, level=level)
    log.configure_logging(wanted)
    return found


def chosen(found: Config, integration: str | None) -> tuple[IntegrationConfig, ...]:
    """Return the integration with that id, or all of them. Raises ``ConfigError`` if there is none."""
    if not found.integrations:
        raise ConfigError(_ADD_ONE)
    return found.integrations if integration is None else (found.integration(integration),)


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run to completion, on uvloop if it is installed."""
    # Imported modules live until exit, and records are trees that reference counting frees. The collector
    # would scan a batch of them a dozen times and find nothing.
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_TO_COLLECT_AFTER)
    try:
        import uvloop
    except ImportError:  # not available on Windows
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@contextlib.contextmanager
def with_guarded_servers(found: Config, *, need_kafka: bool = True) -> Iterator[Config]:
    """Run ``app.with_servers`` so that a signal never leaves the embedded servers half started or half
    stopped.

    SIGTERM ends the block, and the process with exit code 0. While stages run, ``supervisor`` handles the
    signals.
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
    """Run ``work`` on the installation's store, even if ``bridge run`` is not running.

    Attaches to the embedded PostgreSQL, or starts it for this call. The schema of an external server is
    checked, not changed. Raises ``EnvironmentFault`` if it is not up to date.
    """

    async def opened(whole: Config) -> T:
        own = found.store.url is None
        if not own and await schema.pending(app.store_url(whole)):
            raise EnvironmentFault("store.url: the schema is not up to date; run: bridge migrate")
        async with app.open_installation(whole, migrate=own) as installed:
            return await work(installed)

    with with_guarded_servers(found, need_kafka=False) as whole:
        return run_to_end(opened(whole))
