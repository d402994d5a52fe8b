"""Keyed hashes: what the bridge remembers of a record instead of the record.

All are blake2b under the installation's hash key, so that nobody who reads the database can look a
telephone number up.
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
    """``record``: 16 bytes over the whole content; ``fields``: 8 bytes a field, in the model's order."""

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
        """The hashes of an entity's content: not its id, ``changed_at``, or raw form."""
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
        # What is empty is left out, so that a field new to the model changes no record that lacks it.
        whole.update(b"".join(filled))
        return RecordHash(record=whole.digest(), fields=b"".join(digests))

    def salt(self, *parts: bytes) -> bytes:
        """A key for row fingerprints that changes when any of ``parts`` does (mapping, status list)."""
        digest = blake2b(key=self._key, digest_size=32, person=b"salt")
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def address(self, text: str) -> bytes:
        """16 bytes that stand for an e-mail address: without case, so that both spellings are one."""
        return self._keyed(b"address", text.strip().casefold().encode("utf-8", "surrogatepass"))

    def content(self, kind: str, data: bytes) -> bytes:
        """16 bytes that stand for what a command asks: its type and its data, in one spelling."""
        return self._keyed(b"command", kind.encode() + b"\0" + data)

    def _keyed(self, purpose: bytes, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=RECORD_BYTES, person=purpose).digest()


def differing_fields(struct: type[Entity], before: bytes, after: bytes) -> tuple[str, ...]:
    """The fields whose hashes differ, in the model's order; ``before`` and ``after`` as in ``RecordHash``.

    Where the model itself has changed shape between the two, places say nothing: then what holds something
    new, or every field where only something was emptied. Never none of them for records that differ.
    """
    names = _content_fields(struct)
    if len(before) != len(after):
        old = {_at(before, place) for place in range(len(before) // FIELD_BYTES)} | {_NOTHING}
        return tuple(name for i, name in enumerate(names) if _at(after, i) not in old) or tuple(names)
    return tuple(name for i, name in enumerate(names) if _at(before, i) != _at(after, i))


def emptied_fields(struct: type[Entity], before: bytes, after: bytes) -> tuple[str, ...]:
    """The fields that held something and hold nothing now; none where the model changed shape between."""
    if len(before) != len(after):
        return ()
    names = _content_fields(struct)
    return tuple(
        name for i, name in enumerate(names) if _at(after, i) == _NOTHING and _at(before, i) != _NOTHING
    )


def is_filled(struct: type[Entity], fields: bytes, name: str) -> bool:
    """Whether the field held something."""
    return _at(fields, list(_content_fields(struct)).index(name)) != _NOTHING


def place_of(struct: type[Entity], name: str) -> int:
    """How many bytes of a record's field hashes stand before that field's; of ``FIELD_BYTES`` zeros, it is
    empty."""
    return list(_content_fields(struct)).index(name) * FIELD_BYTES


def _at(fields: bytes, index: int) -> bytes:
    return fields[index * FIELD_BYTES : (index + 1) * FIELD_BYTES]


def _begun(field: "blake2b", struct: type[Entity]) -> list[tuple[int, "blake2b"]]:
    """For each field of the content: its place in the struct, and a hash that its name has gone into.

    Equal values in two fields must not look alike in the database.
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
