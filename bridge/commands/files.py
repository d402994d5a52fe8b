"""Attachments: decoded or downloaded, limited in size, and mapped to TrackerRMS's document types."""

import asyncio
import base64
import binascii
import mimetypes
from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath

from msgspec import Struct
from trackerrms_contracts.commands import Attachment, PartFile

from bridge.commands.errors import CommandFailed, input_invalid
from bridge.errors import Permanent, Throttled, Transient
from bridge.outbound import Outbound

LARGEST_TOTAL_BYTES = 10_000_000
DOWNLOAD_SECONDS = 60.0
_LONGEST_NAME = 200
_TYPES = {"CV": "resume"}
_LARGE = 1 << 18


class File(Struct, frozen=True, kw_only=True):
    """A file to attach. ``digest`` identifies it within a command."""

    name: str
    document_type: str
    content: bytes
    digest: str


async def gather(attachments: Sequence[Attachment], outbound: Outbound) -> list[File]:
    """Return every attachment's content. Raises ``CommandFailed`` for an unavailable or a too large one."""
    files: list[File] = []
    left = LARGEST_TOTAL_BYTES
    for place, attachment in enumerate(attachments):
        where = f"attachments[{place}]"
        content, content_type = await content_of(attachment, where, outbound, left)
        left -= len(content)
        name = _name(where, attachment.name, content_type)
        # TrackerRMS has no type for a cover letter.
        kind = _TYPES.get(attachment.type, "general")
        digest = sha256(f"{name}\0{kind}\0".encode() + content).hexdigest()[:32]
        files.append(File(name=name, document_type=kind, content=content, digest=digest))
    return list({file.digest: file for file in files}.values())


async def content_of(
    given: Attachment | PartFile, where: str, outbound: Outbound, limit: int
) -> tuple[bytes, str | None]:
    """Return the bytes of ``data`` or ``data_url``, and their content type. Raises ``CommandFailed``."""
    if (given.data is None) == (given.data_url is None):
        raise input_invalid(f"{where}: give either data (base64) or data_url")
    if given.data is not None:
        return await _decoded(given.data, where, limit), given.content_type
    try:
        found = await outbound.download(
            given.data_url or "", max_bytes=limit, deadline_seconds=DOWNLOAD_SECONDS
        )
    except Permanent as error:
        raise input_invalid(f"{where}.data_url: {error}") from error
    except Transient as error:
        raise CommandFailed(
            "REMOTE.SERVICE_UNAVAILABLE",
            f"{where}.data_url: {error}",
            retryable=True,
            retry_after_seconds=error.retry_after_seconds if isinstance(error, Throttled) else None,
        ) from error
    return found.body, found.content_type or given.content_type


async def _decoded(data: str, where: str, limit: int) -> bytes:
    if len(data) > 4 * (limit // 3 + 2) + 1024:
        raise _too_large(where)
    try:
        if len(data) > _LARGE:
            content = await asyncio.to_thread(base64.b64decode, data, validate=True)
        else:
            content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise input_invalid(f"{where}.data: is not valid base64") from None
    if len(content) > limit:
        raise _too_large(where)
    return content


def encoded(content: bytes) -> str:
    """Encode the file as TrackerRMS expects it."""
    return base64.b64encode(content).decode("ascii")


def _too_large(where: str) -> CommandFailed:
    return input_invalid(
        f"{where}: all files together exceed {LARGEST_TOTAL_BYTES} bytes; send fewer or smaller files"
    )


def _name(where: str, given: str, content_type: str | None) -> str:
    """Return the file's name without a path; without a suffix it gets that of its content type."""
    name = PurePosixPath(given.replace("\\", "/")).name.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise input_invalid(f"{where}.name: must be a file name of up to {_LONGEST_NAME} characters")
    if PurePosixPath(name).suffix or content_type is None:
        return name
    return name + (mimetypes.guess_extension(content_type.partition(";")[0].strip()) or "")
