"""Encryption at rest: AES-256-GCM under the installation's key (``sealing.key``).

A sealed value is ``version (1) | key id (4) | nonce (12) | ciphertext and tag``. Its purpose is bound to it
as associated data, so a value copied into another column does not open. The key itself encrypts nothing:
each use has its own subkey (HKDF-SHA256, RFC 5869).
"""

import base64
import binascii
import os
import secrets
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.config import Secret
from bridge.errors import ConfigError, EnvironmentFault

_log = structlog.get_logger()

_VERSION = b"\x01"
_KEY_BYTES, _KEY_ID_BYTES, _NONCE_BYTES = 32, 4, 12
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
_MAKE_ONE = "make one with: openssl rand -base64 32"


class Sealer:
    """Seals and opens small values, and derives keys. Raises ``ConfigError`` for an invalid key."""

    def __init__(self, key: Secret) -> None:
        """Decode ``key``: 32 random bytes in base64 (standard or URL-safe alphabet)."""
        self._key = _decoded(key)
        self._cipher = AESGCM(self.subkey("sealing"))
        self._key_id = self.subkey("key id")[:_KEY_ID_BYTES]

    @property
    def key_id(self) -> str:
        """Return an identifier of the key that does not reveal it: eight hexadecimal digits."""
        return self._key_id.hex()

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypt ``plain`` so that only ``open`` with the same ``purpose`` reads it."""
        header = _VERSION + self._key_id
        nonce = os.urandom(_NONCE_BYTES)
        return header + nonce + self._cipher.encrypt(nonce, plain, header + purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt a sealed value. Raises ``EnvironmentFault`` if it is damaged or has another key."""
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if header[:1] != _VERSION:
            raise EnvironmentFault(f"{purpose}: sealed in a format that this version does not know; upgrade")
        if header[1:] != self._key_id:
            raise EnvironmentFault(
                f"sealing.key: {purpose} was sealed with the key {header[1:].hex()}, but the configured key "
                f"is {self.key_id}; set the key that the installation was created with"
            )
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + purpose.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: too short
            raise EnvironmentFault(
                f"{purpose}: the sealed value is damaged or was sealed for another purpose; restore it"
            ) from error

    def subkey(self, purpose: str) -> bytes:
        """Derive 32 bytes for this purpose. One key always gives the same bytes."""
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"trackerrms-bridge {purpose}".encode()).derive(
            self._key
        )


def development_key(data_dir: Path) -> Secret:
    """Return the key in ``data_dir/sealing.key``; create it on the first call. For one machine only.

    Raises ``EnvironmentFault`` if the file can't be created or read.
    """
    path = data_dir / "sealing.key"
    try:
        if not path.exists():
            _make(path)
            _log.warning("sealing.development_key_made", path=str(path), advice="set sealing.key to share it")
        return Secret(path.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentFault(f"{path}: can't be created or read: {type(error).__name__}") from error


def _make(path: Path) -> None:
    """Create the file atomically. If two processes try at once, the file of the first one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _decoded(key: Secret) -> bytes:
    text = key.reveal().strip().replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"sealing.key: not base64; {_MAKE_ONE}") from error
    if len(decoded) != _KEY_BYTES:
        raise ConfigError(f"sealing.key: {len(decoded)} bytes instead of {_KEY_BYTES}; {_MAKE_ONE}")
    return decoded
