"""The OpenAPI 3.1 document, made from the operations and their structs.

``make generate`` writes ``openapi.json`` of the contracts, which the service serves; a test checks that it is
fresh.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from trackerrms_contracts import ids, webhooks

from bridge.api import errors
from bridge.api.health import Health, livez, readyz
from bridge.api.operations import IDS, NAME_PATTERN, OPERATIONS, Operation

FILE = Path(__file__).parents[1] / "contracts" / "trackerrms_contracts" / "openapi.json"
_TEMPLATE = "#/components/schemas/{name}"
_REQUESTS = (webhooks.NewEndpoint, webhooks.EndpointChange, webhooks.Rotation, webhooks.NewRecovery)
_JSON, _PROBLEM = "application/json", errors.CONTENT_TYPE
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}


def document() -> dict[str, Any]:
    """The document."""
    structs = {webhooks.Problem, Health}
    for operation in OPERATIONS:
        structs.update(kind for kind in (operation.body, operation.answer) if kind is not None)
    ordered = sorted(structs, key=lambda kind: kind.__name__)
    _, definitions = msgspec.json.schema_components(ordered, ref_template=_TEMPLATE)
    paths: dict[str, dict[str, Any]] = {}
    for path, check in (("/livez", livez), ("/readyz", readyz)):
        paths[path] = {"get": _health(check)}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TrackerRMS Bridge",
            "version": "1",
            "description": "Who gets TrackerRMS's events as webhooks, and what became of each delivery.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [
            {"name": "endpoints", "description": "Where events go, which of them, and how."},
            {"name": "deliveries", "description": "What became of each event, endpoint by endpoint."},
            {"name": "accounts", "description": "What the bridge knows of each TrackerRMS account."},
            {"name": "health", "description": "For who watches the process; needs no token."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made with `bridge tokens create`: for everything (`admin`), or for one "
                    "owner's endpoints alone; the others are not there for it.",
                }
            },
            "schemas": {name: _schema(name, definitions[name]) for name in sorted(definitions)},
        },
    }


def render_openapi(made: dict[str, Any]) -> str:
    """The document as it stands in its file."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        made["description"] = operation.description
    parameters = [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)]
    if parameters:
        made["parameters"] = parameters
    if operation.body:
        reference = _reference(operation.body)
        made["requestBody"] = {
            "required": not operation.bodiless,
            "content": {_JSON: {"schema": reference}},
        }
    made["responses"] = _responses(operation)
    return made


def _responses(operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if operation.answer:
        success["content"] = {_JSON: {"schema": _reference(operation.answer)}}
    if operation.status == 201:
        success["headers"] = {"Location": {"description": "Its address.", "schema": {"type": "string"}}}
    statuses = {400, 401, 429, 500, 503}
    statuses |= {404} if "{" in operation.path else set()
    statuses |= {408, 413, 415, 422} if operation.body else set()
    statuses |= {422} if operation.query else set()
    statuses |= {403} if operation.keyed else set()
    statuses |= {409} if operation.conflicts else set()
    return {str(operation.status): success, **{str(status): _refusal(status) for status in sorted(statuses)}}


def _refusal(status: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": f"{errors.TITLES[status]}.",
        "content": {_PROBLEM: {"schema": _reference(webhooks.Problem)}},
    }
    if status in (429, 503):
        made["headers"] = _RETRY_AFTER
    return made


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": _id_pattern(name)},
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _id_pattern(name: str) -> str:
    return f"^{IDS[name]}[{ids.ALPHABET}]{{{ids.ID_LENGTH}}}$" if name in IDS else NAME_PATTERN


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    made = []
    for field in msgspec.structs.fields(operation.query):
        schema = _plain(msgspec.json.schema(field.type))
        parameter = {"name": field.name, "in": "query", "required": False}
        description = schema.pop("description", None)
        if description:
            parameter["description"] = description
        if field.default is not None:
            schema["default"] = field.default
        made.append({**parameter, "schema": schema})
    return made


def _headers(operation: Operation) -> list[dict[str, Any]]:
    if not operation.keyed:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key and request again get the same answer, for a day.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
        }
    ]


def _health(check: Any) -> dict[str, Any]:
    content = {"content": {_JSON: {"schema": _reference(Health)}}}
    responses = {
        "200": {"description": "It does.", **content},
        "503": {"description": "It does not.", **content},
    }
    summary = (inspect.getdoc(check) or "").partition("\n")[0]
    return {
        "operationId": check.__name__,
        "tags": ["health"],
        "summary": summary,
        "security": [],
        "responses": responses,
    }


def _schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if "description" in schema:
        schema["description"] = " ".join(inspect.cleandoc(schema["description"]).replace("``", "`").split())
    if name not in {kind.__name__ for kind in _REQUESTS} and "properties" in schema:
        # The answers have every key always.
        schema["required"] = list(schema["properties"])
    return schema


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is there or not: ``null`` can't be spelled."""
    choices = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**choices[0], **rest}
    return schema


def _reference(kind: type[Struct]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(name=kind.__name__)}


def write() -> None:
    """Write the file."""
    FILE.write_text(render_openapi(document()), encoding="utf-8")
