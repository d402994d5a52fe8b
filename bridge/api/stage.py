"""The API stage: serves until it is stopped, then lets requests in progress finish."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from bridge import listener
from bridge.api.calls import ApiDependencies
from bridge.api.server import build_application
from bridge.config import ApiConfig
from bridge.runtime import supervisor

_log = structlog.get_logger(__name__)
# Of one token, in each process; above it the API answers 429.
_REQUESTS_PER_MINUTE = 600


class Api:
    """The HTTP API on one address."""

    def __init__(
        self, parts: ApiDependencies, config: ApiConfig, *, requests_per_minute: int = _REQUESTS_PER_MINUTE
    ) -> None:
        self._parts = parts
        self._config = config
        self._requests_per_minute = requests_per_minute

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set. Raises what ``listener.serving`` raises."""
        async with self.serving() as url:
            _log.info("api.listening", url=url)
            await supervisor.stopped(stop)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve while the block runs, and yield the URL. Raises what ``run`` raises."""
        made = build_application(self._parts, self._requests_per_minute)
        async with listener.serving(made, "api.listen", self._config.listen) as url:
            yield url
