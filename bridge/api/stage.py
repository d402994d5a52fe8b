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
        """Serve until ``stop``. Raises as ``inbound.serving`` does."""
        async with self.serving() as url:
            _log.info("api.listening", url=url)
            await supervisor.stopped(stop)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """It answers while the block lasts; gives its URL. Raises as ``run`` does."""
        made = build_application(self._parts, self._requests_per_minute)
        async with inbound.serving(made, "api.listen", self._config.listen) as url:
            yield url
