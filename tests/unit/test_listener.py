"""What listens stops listening, whenever it is cancelled."""

import asyncio
import socket

from aiohttp import web

from bridge import listener
from tests.ports import free_port


async def test_a_cancelled_listener_leaves_no_port_bound() -> None:
    port = free_port()
    for steps in range(40):
        starting = asyncio.create_task(serve(port))
        for _ in range(steps):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        assert starting.cancelled()
        assert not listens(port), f"cancelled after {steps} steps of the loop"


async def serve(port: int) -> None:
    """Serve until it is cancelled."""
    async with listener.serving(web.Application(), "api.listen", f"127.0.0.1:{port}"):
        await asyncio.Event().wait()


def listens(port: int) -> bool:
    """Whether anything does."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
