"""Keyed hashes, which the bridge stores instead of records.

All are blake2b under the installation's hash key, so that no one who reads the database can test whether it
holds a given telephone number.
"""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct
from trackerrms_contracts import codec, entities
from trackerrms_contracts.entities import Entity

FIELD_BYTES = 8
RECORD_BYTES = 16
_NOTHING = bytes(FIELD_BYTES)
_encode = msgspec.json.Encoder(order="sorted").encode


class RecordHash(Struct, frozen=True, kw_only=True, gc=False):
    """Hashes of an entity. ``record``: 16 bytes over all content; ``fields``: 8 bytes per field, in order."""

    record: bytes
    fields: bytes


class Hasher:
    """Hashes records and rows under one key (32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._record = blake2b(key=key, digest_size=RECORD_BYTES, person=b"record")
        self._key = key
        field = blake2b(key=key, digest_size=FIELD_BYTES, person=b"field")
        self._fields = {struct: _begun(field, struct) for struct in _fields_of}

    def record(self, entity: Entity) -> RecordHash:
        """Return the hashes of an entity's content, without its id, ``changed_at`` and raw form."""
        values = msgspec.structs.astuple(entity)
        digests, filled = [], []
        for place, begun in self._fields[type(entity)]:
            value = values[place]
            if value is None or value == ():
                digests.append(_NOTHING)
                continue
            digest = begun.copy()
            digest.update(_encode(value))
            digests.append(found := digest.digest())
            filled.append(found)
        whole = self._record.copy()
        # Empty fields are left out, so that a new field in the model changes no record that lacks it.
        whole.update(b"".join(filled))
        return RecordHash(record=whole.digest(), fields=b"".join(digests))

    def salt(self, *parts: bytes) -> bytes:
        """Derive a key for row fingerprints that changes when any of ``parts`` (mapping, status list)
        does."""
        digest = blake2b(key=self._key, digest_size=32, person=b"salt")
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def address(self, text: str) -> bytes:
        """Hash an e-mail address to 16 bytes. Case is ignored, so that both spellings match."""
        return self._keyed(b"address", text.strip().casefold().encode("utf-8", "surrogatepass"))

    def content(self, kind: str, data: bytes) -> bytes:
        """Hash a command's type and canonical data to 16 bytes."""
        return self._keyed(b"command", kind.encode() + b"\0" + data)

    def _keyed(self, purpose: bytes, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=RECORD_BYTES, person=purpose).digest()


def differing_fields(struct: type[Entity], before: bytes, after: bytes) -> tuple[str, ...]:
    """Return the fields whose hashes differ, in the model's order; ``before`` and ``after`` are ``fields``.

    If the model has changed shape between the two, positions don't match. Then return the fields that hold
    a new value, or every field if a value was only removed. Records that differ never return an empty tuple.
    """
    names = _content_fields(struct)
    if len(before) != len(after):
        old = {_at(before, place) for place in range(len(before) // FIELD_BYTES)} | {_NOTHING}
        return tuple(name for i, name in enumerate(names) if _at(after, i) not in old) or tuple(names)
    return tuple(name for i, name in enumerate(names) if _at(before, i) != _at(after, i))


def emptied_fields(struct: type[Entity], before: bytes, after: bytes) -> tuple[str, ...]:
    """Return the fields that were filled and are empty now; none if the model changed shape between."""
    if len(before) != len(after):
        return ()
    names = _content_fields(struct)
    return tuple(
        name for i, name in enumerate(names) if _at(after, i) == _NOTHING and _at(before, i) != _NOTHING
    )


def is_filled(struct: type[Entity], fields: bytes, name: str) -> bool:
    """Report whether the field held a value."""
    return _at(fields, list(_content_fields(struct)).index(name)) != _NOTHING


def place_of(struct: type[Entity], name: str) -> int:
    """Return the byte offset of a field's hash in ``RecordHash.fields``. A hash of all zeros is empty."""
    return list(_content_fields(struct)).index(name) * FIELD_BYTES


def _at(fields: bytes, index: int) -> bytes:
    return fields[index * FIELD_BYTES : (index + 1) * FIELD_BYTES]


def _begun(field: "blake2b", struct: type[Entity]) -> list[tuple[int, "blake2b"]]:
    """Return, for each content field, its index in the struct and a hash seeded with its name.

    The seed keeps equal values of two fields from looking alike in the database.
    """
    begun = []
    for name in _content_fields(struct):
        digest = field.copy()
        digest.update(name.encode() + b"\0")
        begun.append((struct.__struct_fields__.index(name), digest))
    return begun


_fields_of: dict[type[Entity], tuple[str, ...]] = {
    struct: codec.field_names(struct) for struct in entities.STRUCTS.values()
}


def _content_fields(struct: type[Entity]) -> Sequence[str]:
    return _fields_of[struct]
