"""A multipart form as bytes, written by aiohttp."""

import aiohttp
from msgspec import Struct


class Part(Struct, frozen=True, kw_only=True):
    """One field of a form; with a ``filename`` it is a file."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


async def multipart(parts: list[Part]) -> tuple[str, bytes]:
    """The content type with its boundary, and the body."""
    form = aiohttp.FormData(default_to_multipart=True)
    for part in parts:
        form.add_field(part.name, part.content, filename=part.filename, content_type=part.content_type)
    payload = form()
    return payload.content_type, await payload.as_bytes()
