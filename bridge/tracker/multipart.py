"""Encodes a multipart form as bytes, with aiohttp."""

import aiohttp
from msgspec import Struct


class FormPart(Struct, frozen=True, kw_only=True):
    """A field of a form: text or, with a ``filename``, a file."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


async def multipart(parts: list[FormPart]) -> tuple[str, bytes]:
    """Return the content type with its boundary, and the body."""
    form = aiohttp.FormData(default_to_multipart=True)
    for part in parts:
        # aiohttp treats bytes as a file in any case.
        content = part.content.decode() if part.filename is None else part.content
        form.add_field(part.name, content, filename=part.filename, content_type=part.content_type)
    payload = form()
    return payload.content_type, await payload.as_bytes()
