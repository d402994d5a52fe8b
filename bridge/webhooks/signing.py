"""Signatures according to the Standard Webhooks specification 1.0.0. Pure.

The signed content is ``{id}.{timestamp}.{body}``, with the bytes that are sent. ``v1`` is HMAC-SHA256 with a
shared secret (``whsec_``). ``v1a`` is ed25519 with a private key (``whsk_``: seed, then public key), whose
public key (``whpk_``) the receiver has. During a rotation, every valid secret signs.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from msgspec import Struct

SignatureVersion = Literal["v1", "v1a"]
_PREFIXES: dict[SignatureVersion, str] = {"v1": "whsec_", "v1a": "whsk_"}
_SEED_BYTES = 32
# Signs the content of a delivery: a token such as ``v1,…``.
_Sign = Callable[[bytes], str]


class BadSecret(ValueError):
    """A text that is not a secret in the specification's notation. The message does not contain it."""


class SigningKey(Struct, frozen=True, kw_only=True):
    """A secret as text (``whsec_…``, ``whsk_…``), and the time until which it signs (``None``: no end)."""

    kind: SignatureVersion
    secret: str
    expires_at: datetime | None = None


class Signer:
    """Signs for one endpoint with all its valid secrets, in the given order, newest first.

    Raises ``BadSecret`` for an invalid secret.
    """

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._signs = [(key.kind, key.expires_at, _sign_with(key)) for key in keys]
        lasting = all(end is None for _, end, _ in self._signs)
        self._kinds = " ".join([kind for kind, *_ in self._signs]) if lasting else None

    def headers(self, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
        """Return the three headers of an attempt at ``now``.

        Receivers allow a difference of five minutes, so the timestamp is that of the attempt, not the event.
        Raises ``BadSecret`` if no secret is valid: an unsigned delivery would look forged.
        """
        timestamp = str(int(now.timestamp()))
        content = f"{event_id}.{timestamp}.".encode() + body
        # Receivers split at spaces: one between tokens and none at the end.
        signature = " ".join([sign(content) for _, end, sign in self._signs if end is None or end > now])
        if not signature:
            raise BadSecret("the endpoint has no valid secret; rotate it")
        return {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": signature}

    def signed_with(self, now: datetime) -> str:
        """Return the kinds that sign now, for the log: ``v1``, ``v1 v1``, ``v1 v1a`` …"""
        if self._kinds is not None:
            return self._kinds
        return " ".join([kind for kind, end, _ in self._signs if end is None or end > now])


def _sign_with(key: SigningKey) -> _Sign:
    raw = _decoded(key)
    return _hmac(raw) if key.kind == "v1" else _ed25519(raw)


def _hmac(secret: bytes) -> _Sign:
    # Hashing the key costs as much as hashing a small body, so it is done only once.
    keyed = HMAC(secret, SHA256())

    def sign(content: bytes) -> str:
        begun = keyed.copy()
        begun.update(content)
        return "v1," + binascii.b2a_base64(begun.finalize(), newline=False).decode("ascii")

    return sign


def _ed25519(raw: bytes) -> _Sign:
    if len(raw) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise BadSecret("whsk_: expected 64 bytes, a seed and its public key")
    private = Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])

    def sign(content: bytes) -> str:
        return "v1a," + binascii.b2a_base64(private.sign(content), newline=False).decode("ascii")

    return sign


def _decoded(key: SigningKey) -> bytes:
    prefix = _PREFIXES[key.kind]
    if not key.secret.startswith(prefix):
        raise BadSecret(f"a {key.kind} secret must begin with {prefix}")
    text = key.secret.removeprefix(prefix)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret(f"{prefix}: the rest is not base64") from None
    if not raw:
        raise BadSecret(f"{prefix}: the rest is missing")
    return raw
