"""The version of how records are read: under another one, every row is read again, once."""

from hashlib import blake2b

import msgspec
from trackerrms_contracts.entities import STRUCTS

from bridge.tracker.schema import Resources

READING = 4
"""Add 1 where code reads a record differently. A new field or place changes the version by itself."""


def reading_version(table: Resources) -> bytes:
    """Return a 16-byte digest of the code's version, the places and words of the table, and the models."""
    models = {
        model: [(field.name, str(field.type)) for field in msgspec.structs.fields(struct)]
        for model, struct in STRUCTS.items()
    }
    read_by = [READING, table.resources, table.owner, table.maps, models]
    return blake2b(msgspec.json.encode(read_by, order="sorted"), digest_size=16).digest()
