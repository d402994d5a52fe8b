"""Changes the case of keys, and values at any depth."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=4096)
def cased(key: str, case: str) -> str:
    """Return a key in ``camel``, ``pascal``, ``lower`` or ``snake`` case; camel leaves it unchanged."""
    match case:
        case "pascal":
            return key[:1].upper() + key[1:]
        case "lower":
            return key.lower()
        case "snake":
            return _HUMP.sub("_", key).lower()
        case _:
            return key


def all_cased(value: Any, case: str) -> Any:
    """Return a JSON value with all its keys in this case."""
    if case == "camel":
        return value
    if isinstance(value, dict):
        return {cased(key, case): all_cased(part, case) for key, part in value.items()}
    return [all_cased(part, case) for part in value] if isinstance(value, list) else value


def walked(value: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """Return a JSON value with each text, number, flag and null replaced by ``change(key, value)``.

    An element of a list has the key of its list.
    """
    if isinstance(value, dict):
        return {name: walked(part, change, name) for name, part in value.items()}
    if isinstance(value, list):
        return [walked(part, change, key) for part in value]
    return change(key, value)
