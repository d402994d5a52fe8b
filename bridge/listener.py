"""Serves HTTP on an address, for the API and for monitoring."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from bridge.errors import EnvironmentFault, Transient

_DRAIN_SECONDS = 5.0


@contextlib.asynccontextmanager
async def serving(application: web.Application, key: str, listen: str) -> AsyncIterator[str]:
    """Serve ``application`` on ``listen`` during the block. Yield its URL.

    ``listen`` is ``host:port``, the value of the configuration's ``key``.

    Raises ``Transient`` while another process has the port: this one is on standby and takes over when the
    port is free; ``EnvironmentFault`` if this machine does not have the address.
    """
    runner = web.AppRunner(application, access_log=None, logger=_unheard(), shutdown_timeout=_DRAIN_SECONDS)
    await runner.setup()
    try:
        yield await _listen(runner, key, listen)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, key: str, listen: str) -> str:
    host, _, port = listen.rpartition(":")
    starting = asyncio.ensure_future(web.TCPSite(runner, host.strip("[]"), int(port)).start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # If canceled between bind and its return, the site would not know its socket and would leave it open.
        await asyncio.wait({starting})
        raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Transient(
                f"{key}: another process listens on {listen}; this one is on standby. If that is not "
                "intended, set another port"
            ) from error
        raise EnvironmentFault(
            f"{key}: can't listen on {listen}: {error.strerror or 'no such address'}; set an address of this "
            "machine, or 0.0.0.0 for all of them"
        ) from error
    name, actual = runner.addresses[0][:2]
    return f"http://[{name}]:{actual}" if ":" in name else f"http://{name}:{actual}"


def _unheard() -> logging.Logger:
    # aiohttp quotes bytes that are not HTTP, and they may contain a token (invariant 9). Our own log has the
    # errors of valid requests.
    logger = logging.getLogger("bridge.listener.unheard")
    logger.disabled = True
    return logger
