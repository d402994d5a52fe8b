"""The stage: serves until it is told to stop, then lets the requests under way end."""

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
        """Serve until ``stop``. Raises as ``inbound.serving`` does."""
        async with self.serving() as url:
            _log.info("api.listening", url=url)
            await supervisor.stopped(stop)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """It answers while the block lasts; gives its URL. Raises as ``run`` does."""
        made = build_application(self._parts, self._config.requests_per_minute)
        async with inbound.serving(made, "api", self._config.host, self._config.port) as url:
            yield url
