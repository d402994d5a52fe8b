"""Generate the JSON Schemas from the structs: ``make generate`` writes ``schema/`` of the contracts.

There is one schema (draft 2020-12) for each model's events, each command, the results and the dead letters.
They are committed; a test compares them with the structs. Messages that the bridge writes always have every
key, except the optional ones. Messages that it reads may omit keys that have a default.
"""

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from trackerrms_contracts import codec, commands, dead_letters, events
from trackerrms_contracts.entities import STRUCTS, Model

from tools import descriptions

DIRECTORY = Path(__file__).parents[1] / "contracts" / "trackerrms_contracts" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def generate() -> dict[str, dict[str, Any]]:
    """Return the schemas by file name."""
    made = {f"{model}.event.v1.json": _event_schema(model) for model in STRUCTS}
    for kind, struct in commands.INPUTS.items():
        made[f"{kind.replace('.', '-')}.command.v1.json"] = _command_schema(kind, struct)
    made["command-result.v1.json"] = _result_schema()
    made["dead-letter.v1.json"] = _written(msgspec.json.schema(dead_letters.DeadLetter), "Dead letter")
    return made


def described(struct: type[Struct]) -> str:
    """Return the first paragraph of a struct's docstring in one line."""
    first = (inspect.getdoc(struct) or "").partition("\n\n")[0]
    return " ".join(first.replace("``", "`").replace("`None`", "`null`").split())


def render(schema: dict[str, Any]) -> str:
    """Return the text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _event_schema(model: Model) -> dict[str, Any]:
    schema = msgspec.json.schema(codec.event_struct(model))
    envelope = next(d for name, d in schema["$defs"].items() if name.startswith("Event_"))
    properties = envelope["properties"]
    properties["type"]["enum"] = [events.event_type(model, operation) for operation in events.OPERATIONS]
    properties["id"] |= {"pattern": "^evt_[1-9A-HJ-NP-Za-km-z]{24}$", "maxLength": 28}
    properties["sequence"] |= {"pattern": "^[0-9]{10,}$", "maxLength": 19}
    properties["dataschema"]["const"] = events.data_schema(model)
    return _written(schema, f"{STRUCTS[model].__name__} event")


def _command_schema(kind: str, struct: type[Struct]) -> dict[str, Any]:
    (envelope, data), definitions = msgspec.json.schema_components(
        [commands.Command, struct], ref_template="#/$defs/{name}"
    )
    command = definitions[commands.Command.__name__]
    command["properties"]["type"] = {"const": kind}
    command["properties"]["data"] = data
    return _titled({**envelope, "$defs": definitions}, f"{kind} command")


def _result_schema() -> dict[str, Any]:
    schema = msgspec.json.schema(commands.Result)
    kinds = [f"{kind}.{ending}" for kind in commands.INPUTS for ending in commands.ENDINGS]
    kinds.append(f"{commands.UNKNOWN_TYPE}.failed")
    schema["$defs"][commands.Result.__name__]["properties"]["type"]["enum"] = kinds
    return _written(schema, "Command result")


def _written(schema: dict[str, Any], title: str) -> dict[str, Any]:
    # Fields with a default are always written, although a reader may omit them. Fields that may be UNSET
    # have none.
    for definition in schema["$defs"].values():
        needed = set(definition.get("required", ()))
        properties = definition.get("properties", {})
        definition["required"] = [n for n, p in properties.items() if n in needed or "default" in p]
    return _titled(schema, title)


def _titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    for name, definition in schema["$defs"].items():
        descriptions.describe(name, definition)
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return {"$schema": DIALECT, "title": title, **schema}


def write() -> None:
    """Write every schema, and remove the files of schemas that no longer exist."""
    DIRECTORY.mkdir(exist_ok=True)
    made = generate()
    for stale in {path.name for path in DIRECTORY.glob("*.json")} - made.keys():
        (DIRECTORY / stale).unlink()
    for name, schema in made.items():
        (DIRECTORY / name).write_text(render(schema), encoding="utf-8")
