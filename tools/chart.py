"""Generate the chart's files that depend on the configuration; ``make generate`` writes them.

``values.schema.json`` describes the chart's own values and, under ``config``, every key of the configuration.
``files/secret-keys.json`` names the secret keys, so that the chart never puts one of them into a ConfigMap. A
test checks that both are fresh.
"""

import inspect
import json
import typing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bridge.config import Config, IntegrationConfig, Secret
from tools.chart_values import ChartValues, SecretRef

CHART = Path(__file__).parents[1] / "helm" / "trackerrms-bridge"
# Helm before 3.18 supports no later draft.
DIALECT = "http://json-schema.org/draft-07/schema#"


def generate() -> dict[str, dict[str, Any]]:
    """Return the content of each file, by its path below the chart."""
    return {"values.schema.json": schema(), "files/secret-keys.json": secret_keys()}


def secret_keys() -> dict[str, Any]:
    """Return the secret keys of each slice that has some. ``integrations`` has those of every integration."""
    found = {
        name: _secrets_of(kind)
        for name, kind in Config.__annotations__.items()
        if isinstance(kind, type) and issubclass(kind, Struct)
    }
    found["integrations"] = _secrets_of(IntegrationConfig)
    return {name: keys for name, keys in found.items() if keys}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the values."""
    (values, config, reference), definitions = msgspec.json.schema_components(
        [ChartValues, Config, SecretRef], schema_hook=_secret_schema, ref_template="#/definitions/{name}"
    )
    properties = definitions[ChartValues.__name__]["properties"]
    properties["config"] = config
    properties["secretRefs"] = _references(reference)
    for definition in definitions.values():
        _tidy(definition)
    return {"$schema": DIALECT, "title": "Values of TrackerRMS Bridge", **values, "definitions": definitions}


def _references(reference: dict[str, Any]) -> dict[str, Any]:
    keys = secret_keys()
    of_integration = _closed(dict.fromkeys(keys.pop("integrations"), reference))
    parts = {name: _closed(dict.fromkeys(names, reference)) for name, names in keys.items()}
    parts["integrations"] = {"type": "object", "additionalProperties": of_integration}
    return _closed(parts)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _tidy(definition: dict[str, Any]) -> None:
    """Remove the defaults, which are in values.yaml and in the configuration's struct."""
    if "description" in definition:
        definition["description"] = inspect.cleandoc(definition["description"])
    for one in definition.get("properties", {}).values():
        one.pop("default", None)


def _secrets_of(kind: type[Struct]) -> list[str]:
    hints = typing.get_type_hints(kind)
    return [key for key in kind.__struct_fields__ if Secret in (hints[key], *typing.get_args(hints[key]))]


def _secret_schema(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "minLength": 1}
    raise NotImplementedError(kind)


def render_chart_file(document: dict[str, Any]) -> str:
    """Return the text of a document's file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Write both files."""
    for name, document in generate().items():
        (CHART / name).parent.mkdir(parents=True, exist_ok=True)
        (CHART / name).write_text(render_chart_file(document), encoding="utf-8")
