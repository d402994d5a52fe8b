"""Reading of response bodies that may be endless or decompress to any size, up to a limit.

aiohttp's own decompression is off, so that the limit holds for every decompressed byte.
"""

import zlib
from typing import Protocol

import aiohttp

_MOST_MEMBERS = 1000


class BodyUnreadable(Exception):
    """A body that does not match its headers, or has an encoding that was not requested."""


class Decoder(Protocol):
    """A decoder of one content encoding."""

    def feed(self, chunk: bytes, room: int) -> bytes:
        """Return at most ``room`` (from 1) more bytes. Raises ``BodyUnreadable`` for an invalid encoding."""

    def is_whole(self) -> bool:
        """Report whether the encoded stream has ended."""


class _Plain:
    def feed(self, chunk: bytes, room: int) -> bytes:
        return chunk[:room]

    def is_whole(self) -> bool:
        return True


class _Inflating:
    """Decoder of gzip (one member or more) and deflate (zlib), which it distinguishes by their headers."""

    def __init__(self) -> None:
        self._stream = _inflater()
        self._members = 0

    def feed(self, chunk: bytes, room: int) -> bytes:
        unfolded = b""
        while chunk and len(unfolded) < room:
            if self._members == 0 or self._stream.eof:
                self._next_member()
            try:
                unfolded += self._stream.decompress(chunk, room - len(unfolded))
            except zlib.error as error:
                raise BodyUnreadable("the body is not compressed as its headers say") from error
            chunk = self._stream.unused_data
        return unfolded

    def _next_member(self) -> None:
        # Each member copies the rest of the chunk: thousands of empty members would block the event loop.
        if self._members == _MOST_MEMBERS:
            raise BodyUnreadable(f"the body is compressed in more than {_MOST_MEMBERS} pieces")
        self._members += 1
        self._stream = _inflater()

    def is_whole(self) -> bool:
        return self._stream.eof or self._members == 0


def _inflater() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)


def decoder(encoding: str | None) -> Decoder:
    """Return the decoder for a ``Content-Encoding``. Raises ``BodyUnreadable`` for an unknown one."""
    match (encoding or "").strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip" | "deflate":
            return _Inflating()
        case _:
            raise BodyUnreadable("the body has an encoding that was not requested")


async def read_body(response: aiohttp.ClientResponse, kept: bytearray, max_bytes: int) -> bool:
    """Read and decode the body into ``kept``. Return true if it is complete, false if it was cut at
    ``max_bytes``.

    Raises ``BodyUnreadable`` and aiohttp's exceptions; ``kept`` then holds what had arrived. An endless
    stream that decodes to nothing is cut too.
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
        raise BodyUnreadable("the compressed body is incomplete")
    return True
