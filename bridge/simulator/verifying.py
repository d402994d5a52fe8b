"""The receiver's side of Standard Webhooks: verifies that a delivery was signed recently with a known secret.

``whsec_…`` verifies ``v1`` (HMAC-SHA256), ``whpk_…`` verifies ``v1a`` (ed25519). The signed content is
``{webhook-id}.{webhook-timestamp}.{body}``, byte for byte.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE_SECONDS = 300
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_KEY_BYTES = 32


class Unverified(Exception):
    """The delivery can't be trusted; the message gives the reason."""


def check_secret(secret: str) -> None:
    """Raise ``ValueError`` for an invalid secret, with what to give instead."""
    _key(secret)


def verify(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: datetime) -> str:
    """Verify a delivery and return the kind of the first valid signature: ``v1`` or ``v1a``.

    ``headers`` are in lower case. Raises ``Unverified`` if a header is missing, the timestamp is off by more
    than five minutes, or no signature is valid.
    """
    missing = [name for name in _HEADERS if not headers.get(name)]
    if missing:
        raise Unverified(f"{missing[0]} is missing")
    message_id, timestamp, signatures = (headers[name] for name in _HEADERS)
    if not timestamp.isdecimal():
        raise Unverified("webhook-timestamp is not a number of seconds")
    off_seconds = abs(now.timestamp() - int(timestamp))
    if off_seconds > TOLERANCE_SECONDS:
        raise Unverified(f"webhook-timestamp is {off_seconds:.0f} s off: an old delivery or a wrong clock")
    content = f"{message_id}.{timestamp}.".encode() + body
    keys = [_key(secret) for secret in secrets]
    for signature in signatures.split():
        kind, _, value = signature.partition(",")
        if any(kind == of and _holds(kind, key, content, value) for of, key in keys):
            return kind
    raise Unverified("no signature is valid: another secret, or a changed body")


def _holds(kind: str, key: bytes, content: bytes, value: str) -> bool:
    try:
        given = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    if kind == "v1":
        return hmac.compare_digest(hmac.digest(key, content, "sha256"), given)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(given, content)
    except InvalidSignature:
        return False
    return True


def _key(secret: str) -> tuple[str, bytes]:
    prefix, _, encoded = secret.partition("_")
    kind = {"whsec": "v1", "whpk": "v1a"}.get(prefix)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if kind is None or not key or (kind == "v1a" and len(key) != _KEY_BYTES):
        raise ValueError("a secret is whsec_… or whpk_…, as bridge endpoints create shows it")
    return kind, key
