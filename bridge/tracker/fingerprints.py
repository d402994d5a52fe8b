"""Fingerprints of list rows, which show if a row has changed since it was last read. Pure.

Both are keyed with the installation's key, because an unkeyed hash of a short row could be looked up. A row
whose fast fingerprint is stored has not changed. Otherwise the canonical one decides, which ignores key
order, white space and counters that change by themselves.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw

from bridge.tracker import pages, values

FAST_BYTES = 8
FULL_BYTES = 16


def fast_fingerprint(raw: bytes | Raw, key: bytes) -> bytes:
    """Return 8 bytes over the row exactly as received."""
    return blake2b(raw, digest_size=FAST_BYTES, key=key, person=b"row-raw").digest()


def fingerprint(
    row: bytes | Raw | Mapping[str, Any], key: bytes, volatile: frozenset[str] = frozenset()
) -> bytes:
    """Return 16 bytes over the row's keys and values in canonical order, without the ``volatile`` ones."""
    record = row if isinstance(row, Mapping) else pages.decode_leniently(row)
    steady = {name: value for name, value in record.items() if name not in volatile}
    return blake2b(_canonical(steady), digest_size=FULL_BYTES, key=key, person=b"row-canonical").digest()


def _canonical(record: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(record, order="sorted")
    except UnicodeEncodeError:
        return msgspec.json.encode(values.scrub_tree(record), order="sorted")
