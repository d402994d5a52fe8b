"""Reading a body that may have no end, or unfold into one: never more than was asked for is kept.

aiohttp's own decompression is off, so that the limit holds for every byte that leaves a decompressor.
"""

import zlib
from typing import Protocol

import aiohttp


class Unreadable(Exception):
    """The body is not what its headers say, or in an encoding that was not asked for."""


class Decoder(Protocol):
    """Undoes a content encoding."""

    def feed(self, chunk: bytes, room: int) -> bytes:
        """At most ``room`` (from 1) more bytes. Raises ``Unreadable`` for what is not so encoded."""

    def is_whole(self) -> bool:
        """Whether the encoding's own end has come."""


class _Plain:
    def feed(self, chunk: bytes, room: int) -> bytes:
        return chunk[:room]

    def is_whole(self) -> bool:
        return True


class _Inflating:
    """gzip and deflate (zlib), told apart by their headers."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
        self._started = False

    def feed(self, chunk: bytes, room: int) -> bytes:
        self._started = True
        try:
            return self._stream.decompress(chunk, room)
        except zlib.error as error:
            raise Unreadable("the body is not compressed as its headers say") from error

    def is_whole(self) -> bool:
        return self._stream.eof or not self._started


def decoder(encoding: str | None) -> Decoder:
    """The decoder for a ``Content-Encoding``. Raises ``Unreadable`` for one that is not known here."""
    match (encoding or "").strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip" | "deflate":
            return _Inflating()
        case _:
            raise Unreadable("the body is in an encoding that was not asked for")


async def read(response: aiohttp.ClientResponse, kept: bytearray, max_bytes: int) -> bool:
    """Read the body, decoded, into ``kept``; whether that was all of it, or it was cut at ``max_bytes``.

    Raises ``Unreadable``, and what aiohttp raises; ``kept`` then holds what had come. An endless stream that
    decodes to nothing is cut too.
    """
    decode = decoder(response.headers.get("Content-Encoding"))
    raw = 0
    async for chunk in response.content.iter_any():
        raw += len(chunk)
        kept += decode.feed(chunk, max_bytes + 1 - len(kept))
        if len(kept) > max_bytes or raw > 2 * max_bytes + 1024:
            del kept[max_bytes:]
            return False
    if not decode.is_whole():
        raise Unreadable("the compressed body broke off")
    return True
