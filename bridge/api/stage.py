"""The stage: serves until it is told to stop, then lets the requests under way end."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from bridge.api.calls import Parts
from bridge.api.serving import application
from bridge.config import ApiConfig
from bridge.errors import EnvironmentFault, Transient

_log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 5.0


def _unheard() -> logging.Logger:
    # aiohttp reports bytes that are no HTTP by quoting them, and there may be a token among them (invariant
    # 9). What goes wrong with a request proper is in our own log.
    logger = logging.getLogger("bridge.api.unheard")
    logger.disabled = True
    return logger


class Api:
    """The HTTP API on one address."""

    def __init__(self, parts: Parts, config: ApiConfig) -> None:
        self._parts = parts
        self._config = config

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``.

        Raises ``Transient`` while another process has the port: this one stands by, and takes over when it is
        free; ``EnvironmentFault`` where the address is none of this machine.
        """
        async with self.serving() as url:
            _log.info("api.listening", url=url)
            await stop.wait()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """It answers while the block lasts; gives its URL. Raises as ``run`` does."""
        runner = web.AppRunner(
            application(self._parts, self._config.requests_per_minute),
            access_log=None,
            logger=_unheard(),
            shutdown_timeout=_DRAIN_SECONDS,
        )
        await runner.setup()
        try:
            yield await self._listen(runner)
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> str:
        host, port = self._config.host, self._config.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Transient(
                    f"api.port: another process listens on {host}:{port}; this one stands by. "
                    "Where that is not meant, give api.port another number"
                ) from error
            raise EnvironmentFault(
                f"api.host: can't listen on {host}:{port}: {error.strerror or 'no such address'}; give an "
                "address of this machine, or 0.0.0.0 for all"
            ) from error
        name, actual = runner.addresses[0][:2]
        return f"http://[{name}]:{actual}" if ":" in name else f"http://{name}:{actual}"
