"""Two JSON Schema engines that share no code, over the committed schemas."""

import json
from functools import cache
from typing import Any

import jsonschema
import jsonschema_rs
from trackerrms_contracts.entities import Model

from tools import schemas


@cache
def committed(name: str) -> dict[str, Any]:
    """A committed schema."""
    schema: dict[str, Any] = json.loads((schemas.DIRECTORY / name).read_text(encoding="utf-8"))
    return schema


@cache
def _python(name: str) -> Any:
    kind = jsonschema.Draft202012Validator
    return kind(committed(name), format_checker=kind.FORMAT_CHECKER)


@cache
def _rust(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(committed(name), validate_formats=True)


def verdicts(name: str, message: Any) -> tuple[bool, bool]:
    """Whether each engine accepts a message under the committed schema of that name."""
    return _python(name).is_valid(message), _rust(name).is_valid(message)


def event_schema(model: Model) -> str:
    """The file of a model's events."""
    return f"{model}.event.v1.json"
