"""HTTP that others ask of this process: listening on an address, for the API and for monitoring."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from bridge.errors import EnvironmentFault, Transient

_DRAIN_SECONDS = 5.0


@contextlib.asynccontextmanager
async def serving(application: web.Application, section: str, host: str, port: int) -> AsyncIterator[str]:
    """``application`` answers while the block lasts; gives its URL. ``section`` is the configuration's.

    Raises ``Transient`` while another process has the port: this one stands by, and takes over when it is
    free; ``EnvironmentFault`` where the address is none of this machine.
    """
    runner = web.AppRunner(application, access_log=None, logger=_unheard(), shutdown_timeout=_DRAIN_SECONDS)
    await runner.setup()
    try:
        yield await _listen(runner, section, host, port)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, section: str, host: str, port: int) -> str:
    starting = asyncio.ensure_future(web.TCPSite(runner, host, port).start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Cancelled between bind and its return, the site would not know its socket, and leave it open.
        await asyncio.wait({starting})
        raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Transient(
                f"{section}.port: another process listens on {host}:{port}; this one stands by. "
                f"Where that is not meant, give {section}.port another number"
            ) from error
        raise EnvironmentFault(
            f"{section}.host: can't listen on {host}:{port}: {error.strerror or 'no such address'}; give an "
            "address of this machine, or 0.0.0.0 for all"
        ) from error
    name, actual = runner.addresses[0][:2]
    return f"http://[{name}]:{actual}" if ":" in name else f"http://{name}:{actual}"


def _unheard() -> logging.Logger:
    # aiohttp reports bytes that are no HTTP by quoting them, and there may be a token among them (invariant
    # 9). What goes wrong with a request proper is in our own log.
    logger = logging.getLogger("bridge.inbound.unheard")
    logger.disabled = True
    return logger
