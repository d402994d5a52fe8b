"""Skeletons of records: their keys and the kind of each value, without the values.

A key can be a value too, in objects keyed by an id or a name, and in custom fields. A key is kept if it is a
word of the product, or a plain identifier that the records have in common, that is not a value of any record
and contains no person's name. Any other key becomes ``key1``, ``key2``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from bridge.cli.recording.words import WORDS
from bridge.simulator.recording import Skeleton, ValueKind
from bridge.tracker.layouts import compared_key

_LONGEST: Final = 64
_IDENTIFIER: Final = re.compile(r"[$@]?[A-Za-z][A-Za-z_.-]{0,39}", re.ASCII)
_CUSTOM: Final = re.compile(r"custom|udf|userdefined|extra|answers|propert|attribute", re.IGNORECASE)
_NAMING: Final = ("name", "mail", "displayas", "owner")
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_AGREED: Final = 0.5
_FEW: Final = 4
_FORMATS: Final[tuple[tuple[str, str], ...]] = (
    ("email", r"[^@\s]+@[^@\s]+"),
    ("url", r"https?://\S+"),
    ("time", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*|/Date\(.*\)/|\d{1,2}[./]\d{1,2}[./]\d{4}.*"),
    ("number", r"-?[\d.,]+"),
    ("html", r"(?s)\s*<.*>\s*"),
)


class SeenTexts:
    """All texts seen in the account, so that no kept key equals one of them or contains a person's name."""

    def __init__(self, records: Iterable[Any]) -> None:
        texts = [found for record in records for found in _texts(record, "")]
        self._texts = {text for _, text in texts}
        named = (text for key, text in texts if any(word in compared_key(key) for word in _NAMING))
        self._names = {word for text in named for word in _WORD.findall(text)}

    def __contains__(self, key: str) -> bool:
        folded = key.casefold()
        return folded in self._texts or any(name in folded for name in self._names)


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, key)
    elif isinstance(value, str):
        yield key, value.strip().casefold()


def skeleton(samples: Sequence[Any], values: SeenTexts, *, shares: bool = True) -> Skeleton | None:
    """Return the skeleton of some values of one place; ``None`` without any.

    Without ``shares``, each key counts as present in every record, because a switch determines which records
    lack it.
    """
    return _Maker(values, shares).of(samples, custom=False) if samples else None


class _Maker:
    def __init__(self, values: SeenTexts, shares: bool) -> None:
        self._values = values
        self._shares = shares

    def of(self, samples: Sequence[Any], *, custom: bool) -> Skeleton:
        types = tuple(dict.fromkeys(_kind(sample) for sample in samples))
        objects = [sample for sample in samples if isinstance(sample, dict)]
        lists = [sample for sample in samples if isinstance(sample, list)]
        texts = [sample for sample in samples if isinstance(sample, str)]
        items = [part for sample in lists for part in sample]
        lengths = [len(sample) for sample in (*texts, *lists)]
        return Skeleton(
            types=types,
            keys=self._keys(objects, custom) if objects else {},
            items=self.of(items, custom=custom) if items else None,
            length=_rounded(max(lengths, default=0)),
            format=_format(texts),
        )

    def _keys(self, objects: Sequence[Mapping[str, Any]], custom: bool) -> dict[str, Skeleton]:
        found: dict[str, list[Any]] = {}
        for one in objects:
            for key, value in one.items():
                found.setdefault(key, []).append(value)
        shown: dict[str, tuple[list[Any], float]] = {}
        made_up: dict[str, str] = {}
        for key, samples in found.items():
            share = len(samples) / len(objects)
            name = key
            if not self._may_stay(key, share, len(objects), custom):
                name = made_up.setdefault(self._group(key, share), f"key{len(made_up) + 1}")
            before, most = shown.get(name, ([], 0.0))
            shown[name] = ([*before, *samples], max(most, share))
        return {
            name: msgspec.structs.replace(
                self.of(samples, custom=custom or _CUSTOM.search(name) is not None),
                share=round(share, 2) if self._shares else 1.0,
            )
            for name, (samples, share) in shown.items()
        }

    def _may_stay(self, key: str, share: float, of: int, custom: bool) -> bool:
        plain = compared_key(key)
        if plain in WORDS:
            return True
        if custom or key.casefold() in self._values or not _IDENTIFIER.fullmatch(key):
            return False
        return share == 1 if of < _FEW else share >= _AGREED

    @staticmethod
    def _group(key: str, share: float) -> str:
        """Return the group of a key. Keys that vary from record to record count as one."""
        return key if share >= _AGREED else ""


def _kind(value: Any) -> ValueKind:
    match value:
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case dict():
            return "object"
        case _:
            return "null"


def _rounded(length: int) -> int:
    """Round up to a power of two, because an exact length can reveal a value."""
    return min(_LONGEST, 1 << (length - 1).bit_length()) if length > 0 else 0


def _format(texts: Sequence[str]) -> str:
    filled = [text.strip() for text in texts if text.strip()]
    if not filled:
        return ""
    return next((name for name, form in _FORMATS if all(map(_compiled(form).fullmatch, filled))), "")


@cache
def _compiled(form: str) -> re.Pattern[str]:
    return re.compile(form)
