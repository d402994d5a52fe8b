"""Opaque cursors that mark where a page ended."""

import base64
import binascii

from trackerrms_contracts.webhooks import FieldFault

from bridge.api import errors


def encode_cursor(position: int | None) -> str | None:
    """Return the cursor for a position in a list."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(f"e{position}".encode()).decode("ascii").rstrip("=")


def decode_cursor(cursor: str | None) -> int | None:
    """Return the position that a cursor marks. Raises ``RequestRefused`` with 422 for a cursor the API did
    not issue.
    """
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    digits = text.removeprefix("e")
    if text == digits or not digits.isdecimal() or len(digits) > 18:
        raise refused()
    return int(digits)


def refused() -> errors.RequestRefused:
    """Return the 422 for an invalid cursor."""
    fault = FieldFault(field="cursor", detail="pass next_cursor of the previous page, unchanged")
    return errors.invalid([fault])
