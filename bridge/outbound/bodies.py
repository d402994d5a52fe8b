"""Reading a body that may have no end, or unfold into one: never more than was asked for is kept.

aiohttp's own decompression is off, so that the limit holds for every byte that leaves a decompressor.
"""

import zlib
from typing import Protocol

import aiohttp

_MOST_MEMBERS = 1000


class BodyUnreadable(Exception):
    """The body is not what its headers say, or in an encoding that was not asked for."""


class Decoder(Protocol):
    """Undoes a content encoding."""

    def feed(self, chunk: bytes, room: int) -> bytes:
        """At most ``room`` (from 1) more bytes. Raises ``BodyUnreadable`` for what is not so encoded."""

    def is_whole(self) -> bool:
        """Whether the encoding's own end has come."""


class _Plain:
    def feed(self, chunk: bytes, room: int) -> bytes:
        return chunk[:room]

    def is_whole(self) -> bool:
        return True


class _Inflating:
    """gzip, of one member or more, and deflate (zlib), told apart by their headers."""

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
        # Each copies what is left of the chunk: thousands of empty ones would hold up everybody else.
        if self._members == _MOST_MEMBERS:
            raise BodyUnreadable(f"the body is compressed in over {_MOST_MEMBERS} pieces")
        self._members += 1
        self._stream = _inflater()

    def is_whole(self) -> bool:
        return self._stream.eof or self._members == 0


def _inflater() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)


def decoder(encoding: str | None) -> Decoder:
    """The decoder for a ``Content-Encoding``. Raises ``BodyUnreadable`` for one that is not known here."""
    match (encoding or "").strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip" | "deflate":
            return _Inflating()
        case _:
            raise BodyUnreadable("the body is in an encoding that was not asked for")


async def read_body(response: aiohttp.ClientResponse, kept: bytearray, max_bytes: int) -> bool:
    """Read the body, decoded, into ``kept``; whether that was all of it, or it was cut at ``max_bytes``.

    Raises ``BodyUnreadable``, and what aiohttp raises; ``kept`` then holds what had come. An endless stream
    that decodes to nothing is cut too.
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
        raise BodyUnreadable("the compressed body broke off")
    return True
