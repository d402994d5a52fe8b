r"""JSON with odd content: lone surrogates are read and written as ``\ud800``."""

import json
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """Encode ``value`` as JSON, with ASCII escapes if UTF-8 can't hold it."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode("ascii")


def decode_json(body: bytes) -> Any:
    """Decode ``body``. Raises ValueError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)
