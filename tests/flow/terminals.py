"""A terminal for a program to write to, and what is seen on it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

ENVIRON = {"TERM": "xterm", "COLUMNS": "200"}
"""What a program is told of it."""


class Screen(asyncio.Protocol):
    """What was written to a terminal."""

    def __init__(self) -> None:
        self.shown = b""

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.shown += data


@contextlib.asynccontextmanager
async def terminal() -> AsyncIterator[tuple[int, Screen]]:
    """A terminal: the descriptor to write to, and what is seen on it."""
    ours, theirs = os.openpty()
    transport, screen = await asyncio.get_running_loop().connect_read_pipe(Screen, os.fdopen(ours, "rb"))
    try:
        yield theirs, screen
    finally:
        transport.close()
        os.close(theirs)
