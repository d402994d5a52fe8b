"""Ids: 24 characters of base58, derived from what they name, so that no lookup is needed.

An entity's id is derived from (integration id, model, remote id), an event's from (entity id, sequence). The
same thing always has the same id, on every replay and in every process. The parts are hashed with their
lengths, so that ("a", "bc") and ("ab", "c") differ.
"""

from functools import lru_cache
from hashlib import blake2b

from trackerrms_contracts.entities import Model

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ID_LENGTH = 24
REMOTE_PREFIX = "remote:"
SEQUENCE_DIGITS = 10


@lru_cache(maxsize=16_384)  # the same jobs, stages and tags are referenced repeatedly
def entity_id(integration_id: str, model: Model | str, remote_id: str) -> str:
    """Return the id of the entity that TrackerRMS knows as ``remote_id``. It is unique across models."""
    return _derived(_entities_of(integration_id, str(model)), remote_id)


def event_id(entity: str, sequence: int) -> str:
    """Return the id of an entity's ``sequence``-th version: ``evt_`` and 24 characters, without a dot."""
    return "evt_" + _derived(_EVENT, entity, str(sequence))


def dead_letter_id(integration_id: str, subject: str, reason: str, at: str) -> str:
    """Return the id of a dead letter: ``dlq_`` and 24 characters."""
    return "dlq_" + _derived(_DEAD_LETTER, integration_id, subject, reason, at)


def result_id(integration_id: str, command_id: str, variant: str = "") -> str:
    """Return the id of a command's result: ``res_`` and 24 characters. A command has one result. The result
    of a message with a used id, or of an invalid message, gets its own id by ``variant``."""
    return "res_" + _derived(_RESULT, integration_id, command_id, variant)


def delivery_id(endpoint_id: str, event: str, resend: int = 0) -> str:
    """Return the id of an event's delivery to an endpoint: ``dl_`` and 24 characters. Each resend has its
    own."""
    return "dl_" + _derived(_DELIVERY, endpoint_id, event, str(resend))


def operational_id(*parts: str) -> str:
    """Return the id of an operational event, such as ``endpoint.disabled``: ``evt_`` and 24 characters."""
    return "evt_" + _derived(_OPERATIONAL, *parts)


def format_sequence(sequence: int) -> str:
    """Format a version number with leading zeros, so that it sorts as text: ``0000000042``."""
    return str(sequence).zfill(SEQUENCE_DIGITS)


def is_entity_id(text: str) -> bool:
    """Return true if ``text`` has the form of an id."""
    return len(text) == ID_LENGTH and all(character in ALPHABET for character in text)


def parse_reference(text: str) -> tuple[str | None, str | None]:
    """Return ``(id, None)`` for an id, or ``(None, remote id)`` for ``remote:<remote id>``.

    Raises ``ValueError`` that says what to write instead.
    """
    if text.startswith(REMOTE_PREFIX) and len(text) > len(REMOTE_PREFIX):
        return None, text.removeprefix(REMOTE_PREFIX)
    if is_entity_id(text):
        return text, None
    raise ValueError("an id is 24 characters of base58, or remote:<the id in TrackerRMS>")


# Each byte of a digest becomes one character: 24 of them hold 139 bits, because 256 is not a multiple of 58.
_CHARACTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))


_EVENT = blake2b(digest_size=ID_LENGTH, person=b"event")
_ENTITY = blake2b(digest_size=ID_LENGTH, person=b"entity")
_DEAD_LETTER = blake2b(digest_size=ID_LENGTH, person=b"deadletter")
_RESULT = blake2b(digest_size=ID_LENGTH, person=b"result")
_DELIVERY = blake2b(digest_size=ID_LENGTH, person=b"delivery")
_OPERATIONAL = blake2b(digest_size=ID_LENGTH, person=b"operational")
_LENGTHS = tuple(length.to_bytes(4, "big") for length in range(256))


@lru_cache(maxsize=1_024)
def _entities_of(integration_id: str, model: str) -> blake2b:
    """Return the common hash prefix of the ids of one integration's entities of one model."""
    begun = _ENTITY.copy()
    begun.update(_framed(integration_id) + _framed(model))
    return begun


def _derived(begun: blake2b, *parts: str) -> str:
    digest = begun.copy()
    for part in parts:
        digest.update(_framed(part))
    return digest.digest().translate(_CHARACTERS).decode("ascii")


def _framed(part: str) -> bytes:
    encoded = part.encode("utf-8", "surrogatepass")
    length = len(encoded)
    return (_LENGTHS[length] if length < len(_LENGTHS) else length.to_bytes(4, "big")) + encoded
