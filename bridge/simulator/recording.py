"""Recordings of the form of an account's answers, without any of its values, which the simulator can play.

A recording is one JSON object:

- ``version``: 1.
- ``dialect``: ``{switch: value}`` of ``bridge.simulator.dialects``; omitted switches have their default.
- ``shapes``: for each list (``jobs``, ``candidates``, ``applications``, ``users``, ``statuses``), ``row``,
  the skeleton of a list's element, and ``record``, the skeleton of a by-id answer inside the wrapper of
  ``record_shape``. Either is optional; without it, the dialect determines the form.

A skeleton describes one value: ``types``, all types that were seen, of ``object``, ``list``, ``text``,
``number``, ``flag`` and ``null``; ``keys``, an object's keys in order, each with its skeleton; ``items``, the
skeleton of a list's elements; ``length``, the greatest length of a text or list; ``share``, the share of the
records that had the key, from 0 to 1; ``format``, a note about the form of a text (``email``,
``2026-10-01T09:14:00``), which playing does not use. Keys have the account's spelling::

    {"version": 1, "dialect": {"page_size": "25", "row_case": "pascal"}, "shapes": {"candidates": {
        "row": {"types": ["object"], "keys": {"ResourceId": {"types": ["number"]},
            "Surname": {"types": ["text", "null"], "length": 12, "share": 0.98}}}}}}

A played record has exactly the keys of its skeleton. Each has the simulator's value for the key, or else a
meaningless value of the same type and length. Keys outside the skeleton are not shown. A key that was always
``null`` has no known type, so it keeps the simulator's value. A key that the simulator gives other records of
the list but not this one is omitted, because the dialect omits it.

``bridge check --record`` writes a recording. It rounds lengths up to a power of two, at most 64. It renames
keys that are not words of the product and look like values to ``key1``, ``key2``. ``share`` is 1 if the
dialect determines which keys are omitted.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from bridge.simulator.dialects import DIALECTS, Dialect

ValueKind = Literal["object", "list", "text", "number", "flag", "null"]
ListName = Literal["jobs", "candidates", "applications", "users", "statuses"]

_MOST = 1 << 32
_ITEMS = "[]"


class Skeleton(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The form of one value; see the module."""

    types: tuple[ValueKind, ...]
    keys: Mapping[str, "Skeleton"] = {}
    items: "Skeleton | None" = None
    length: Annotated[int, Meta(ge=0, le=100_000)] = 0
    share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    format: str = ""


class Skeletons(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The skeletons of one list's rows and of its by-id records; ``None`` if not recorded."""

    row: Skeleton | None = None
    record: Skeleton | None = None


ListSkeletons = Mapping[ListName, Skeletons]
KnownKeys = Mapping[str, "KnownKeys"]
"""The keys that the simulator gives the records of a list, including nested ones; ``[]`` for elements."""


class Recording(Struct, frozen=True, kw_only=True):
    """A recording, as in its file."""

    version: Literal[1]
    dialect: Mapping[str, str] = {}
    shapes: ListSkeletons = {}


def read_recording(path: Path) -> Recording:
    """Read the recording of a file. Raises OSError, or ValueError if it can't be played."""
    try:
        recording = msgspec.json.decode(path.read_bytes(), type=Recording)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a recording of version 1: {error}") from error
    Dialect(DIALECTS, recording.dialect)
    return recording


def fitted(skeleton: Skeleton | None, value: Any, record_id: int, known: KnownKeys | None = None) -> Any:
    """Return a value with exactly the keys of its skeleton. ``known``: those that such records can have."""
    return value if skeleton is None else _fitted(skeleton, value, record_id, "", known or {})


def _fitted(skeleton: Skeleton, value: Any, record_id: int, place: str, known: KnownKeys) -> Any:
    if isinstance(value, dict) and "object" in skeleton.types:
        return {
            key: _fitted(part, value[key], record_id, f"{place}.{key}", known.get(key, {}))
            if key in value
            else _made_up(part)
            for key, part in skeleton.keys.items()
            if (key in value or key not in known) and _is_there(part.share, record_id, f"{place}.{key}")
        }
    if isinstance(value, list) and "list" in skeleton.types:
        items, inside = skeleton.items, known.get(_ITEMS, {})
        if items is None:
            return value
        return [_fitted(items, part, record_id, f"{place}[]", inside) for part in value]
    if value is None or _type(value) in skeleton.types or skeleton.types == ("null",):
        return value
    return _made_up(skeleton)


def known_keys(values: Iterable[Any]) -> KnownKeys:
    """Return the keys of some values, at any depth."""
    found: dict[str, list[Any]] = {}
    for value in values:
        if isinstance(value, list):
            found.setdefault(_ITEMS, []).extend(value)
        elif isinstance(value, dict):
            for key, part in value.items():
                found.setdefault(key, []).append(part)
    return {key: known_keys(parts) for key, parts in found.items()}


def _type(value: Any) -> ValueKind:
    kinds: tuple[tuple[type | tuple[type, ...], ValueKind], ...] = (
        (bool, "flag"),
        ((int, float), "number"),
        (str, "text"),
        (list, "list"),
        (dict, "object"),
    )
    return next((kind for types, kind in kinds if isinstance(value, types)), "null")


def _made_up(skeleton: Skeleton) -> Any:
    """Return a value of the first type that is not null."""
    kind: ValueKind = next((kind for kind in skeleton.types if kind != "null"), "null")
    match kind:
        case "object":
            return {key: _made_up(part) for key, part in skeleton.keys.items()}
        case "text":
            return "x" * skeleton.length
        case _:
            empty: dict[ValueKind, Any] = {"list": [], "number": 0, "flag": False}
            return empty.get(kind)


def _is_there(share: float, record_id: int, place: str) -> bool:
    """Return true if this record has the key: always the same for the same record."""
    if share >= 1:
        return True
    digest = hashlib.blake2b(f"{record_id}{place}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < share * _MOST
