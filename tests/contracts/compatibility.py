"""Whether a set of JSON Schemas still accepts what an earlier set did. Of the keywords that msgspec writes.

For the day of the first release: its schemas are kept, and every later set is held against them. Removing a
property is named too, although a reader ignores what it doesn't know: somebody may have relied on it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_LIMITS = ("pattern", "format", "const", "minLength", "maxLength", "minimum", "maximum")


def breaks(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """What was accepted under ``old`` (file name → schema) and no longer is, in words; empty when nothing."""
    found = [f"{name}: removed" for name in old if name not in new]
    for name in old.keys() & new.keys():
        found += [f"{name}{what}" for what in _Comparison(old[name], new[name]).breaks()]
    return sorted(found)


class _Comparison:
    """Two versions of one schema; references are followed in each one's own definitions."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()

    def breaks(self) -> Iterator[str]:
        return self._differ("", self._old, self._new)

    def _differ(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if all(references):
            if references in self._seen:
                return
            self._seen.add(references)
        before, after = _resolve(self._old, old), _resolve(self._new, new)
        if len(before) > 1 or len(after) > 1:
            yield from self._alternatives(path, before, after)
        else:
            yield from self._one(path, before[0], after[0])

    def _alternatives(self, path: str, before: list[Schema], after: list[Schema]) -> Iterator[str]:
        for one in before:
            tried = [list(self._one(path, one, other)) for other in after]
            if all(tried):
                yield (
                    min(tried, key=len)[0] if len(tried) == 1 else f"{path}: {_kind(one)} no longer accepted"
                )

    def _one(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        if (
            _kind(old) != _kind(new)
            and _kind(new) != "any"
            and (_kind(old), _kind(new)) != ("integer", "number")
        ):
            yield f"{path}: {_kind(old)} became {_kind(new)}"
            return
        for limit in _LIMITS:
            if limit in new and new[limit] != old.get(limit):
                yield f"{path}: {limit} is new or another"
        if "enum" in new:
            gone = [value for value in old.get("enum", ["anything"]) if value not in new["enum"]]
            yield from (f"{path}: {value!r} removed" for value in gone)
        yield from (f"{path}.{n}: required now" for n in _required(new) - _required(old))
        yield from self._properties(path, old.get("properties", {}), new.get("properties", {}))
        if "items" in old and "items" in new:
            yield from self._differ(f"{path}[]", old["items"], new["items"])

    def _properties(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        for name, before in old.items():
            if name in new:
                yield from self._differ(f"{path}.{name}", before, new[name])
            elif new or old:
                yield f"{path}.{name}: removed"


def _resolve(root: Schema, schema: Schema) -> list[Schema]:
    """The alternatives of a schema, references followed."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _resolve(root, target)
    if "anyOf" in schema:
        return [found for part in schema["anyOf"] for found in _resolve(root, part)]
    return [schema]


def _kind(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        return "string"
    return str(schema.get("type", "any"))


def _required(schema: Schema) -> set[str]:
    return set(schema.get("required", ()))
