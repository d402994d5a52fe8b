"""A subscriber for the benchmarks, in a process of its own: it prints its port, and notes what comes when.

``POST /<name>/ok`` is answered at once, ``/fail`` with 500, ``/hang`` after 30 seconds. ``GET /<name>`` gives
when each event came first, ``GET /<name>/count`` how many did.
"""

import asyncio
import time
from collections import defaultdict
from typing import cast

import orjson
import uvloop

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_FAIL = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
_HANG_SECONDS = 30.0

_came: dict[str, dict[str, float]] = defaultdict(dict)


class Connection(asyncio.Protocol):
    """As little HTTP as a benchmark needs: the sender is measured, not the sink."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end]
            length = _header(head, b"content-length:")
            size = int(length) if length else 0
            if len(self._buffer) < end + 4 + size:
                return
            self._buffer = self._buffer[end + 4 + size :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        method, path, _ = head.split(b" ", 2)
        _, name, *rest = path.decode().split("/")
        if method == b"GET":
            body = str(len(_came[name])).encode() if rest else orjson.dumps(_came[name])
            self._write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        _came[name].setdefault(_header(head, b"webhook-id:").decode(), time.time())
        if rest == ["hang"]:
            asyncio.get_running_loop().call_later(_HANG_SECONDS, self._write, _OK)
        else:
            self._write(_FAIL if rest == ["fail"] else _OK)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _header(head: bytes, name: bytes) -> bytes:
    lowered = head.lower()
    at = lowered.find(b"\r\n" + name)
    if at < 0:
        return b""
    start = at + 2 + len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
