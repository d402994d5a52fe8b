"""The API stage: serves until it is stopped, then lets requests in progress finish."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from bridge import inbound, supervisor
from bridge.api.calls import ApiDependencies
from bridge.api.server import build_application
from bridge.config import ApiConfig

_log = structlog.get_logger(__name__)


class Api:
    """The HTTP API on one address."""

    def __init__(self, parts: ApiDependencies, config: ApiConfig) -> None:
        self._parts = parts
        self._config = config

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set. Raises what ``inbound.serving`` raises."""
        async with self.serving() as url:
            _log.info("api.listening", url=url)
            await supervisor.stopped(stop)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve while the block runs, and yield the URL. Raises what ``run`` raises."""
        made = build_application(self._parts, self._config.requests_per_minute)
        async with inbound.serving(made, "api", self._config.host, self._config.port) as url:
            yield url
