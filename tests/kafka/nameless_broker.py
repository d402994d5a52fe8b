"""A broker that names none: what one answers that has just started, or that its controller has fenced."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

from aiokafka.protocol import metadata

_METADATA = 3
_EMPTY = {"throttle_time_ms": 0, "brokers": [], "cluster_id": None, "controller_id": -1, "topics": []}


@contextlib.asynccontextmanager
async def nameless(bootstrap: str, connections: int) -> AsyncIterator[str]:
    """An address where the first ``connections`` hear of no broker; the rest is answered by ``bootstrap``."""
    host, _, port = bootstrap.rpartition(":")
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        empty = served <= connections
        theirs, ours = await asyncio.open_connection(host, int(port))
        try:
            while True:
                request = await _frame(reader)
                kind, version, number = struct.unpack(">hhi", request[:8])
                if kind == _METADATA and empty:
                    answer = struct.pack(">i", number) + _no_brokers(version)
                else:
                    ours.write(struct.pack(">i", len(request)) + request)
                    answer = await _frame(theirs)
                writer.write(struct.pack(">i", len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has hung up
        finally:
            writer.close()
            ours.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def _no_brokers(version: int) -> bytes:
    kind = getattr(metadata, f"MetadataResponse_v{version}")
    return bytes(kind(**{name: _EMPTY[name] for name in kind.SCHEMA.names}).encode())
