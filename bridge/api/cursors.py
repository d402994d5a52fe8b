"""Where a page ended, as an opaque word."""

import base64
import binascii

from trackerrms_contracts.webhooks import FieldFault

from bridge.api import errors


def encode_cursor(position: int | None) -> str | None:
    """The cursor of a position in a list."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(f"e{position}".encode()).decode("ascii").rstrip("=")


def decode_cursor(cursor: str | None) -> int | None:
    """The position of a cursor. Raises ``Refused`` with 422 for one that is none of ours."""
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
    """The cursor is none of ours."""
    fault = FieldFault(field="cursor", detail="give next_cursor of the page before, unchanged")
    return errors.invalid([fault])
