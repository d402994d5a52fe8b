"""JSON that survives odd content: lone surrogates go in and out as ``\\ud800``."""

import json
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """``value`` as JSON; ASCII escapes where UTF-8 can't hold it."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode("ascii")


def decode_json(body: bytes) -> Any:
    """The value of ``body``. Raises ValueError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)
