"""Reading an AsyncAPI document: references, and what a message on a topic may be."""

from collections.abc import Iterator
from typing import Any

import jsonschema

Document = dict[str, Any]


def references(value: Any) -> Iterator[str]:
    """Every ``$ref`` anywhere in it."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def resolve(document: Document, reference: str) -> Any:
    """What a reference inside the document names; ``KeyError`` where it names nothing."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def messages(document: Document, address: str) -> dict[str, Any]:
    """The messages of a topic by name."""
    (channel,) = [one for one in document["channels"].values() if one["address"] == address]
    return {name: resolve(document, one["$ref"]) for name, one in channel["messages"].items()}


def faults(document: Document, schema: Any, value: Any) -> list[str]:
    """What a schema of the document has against a value."""
    whole = {"components": document["components"], **schema}
    kind = jsonschema.Draft202012Validator
    found = kind(whole, format_checker=kind.FORMAT_CHECKER).iter_errors(value)
    return [f"{'/'.join(map(str, one.path))}: {one.message}" for one in found]


def closed(headers: dict[str, Any] | None) -> dict[str, Any]:
    """A message's headers, so that one which is not declared is a fault; none where none are declared."""
    return {"type": "object", **(headers or {}), "additionalProperties": False}
