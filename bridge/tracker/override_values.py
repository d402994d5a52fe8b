"""Parses and checks values of ``[integrations.tracker]``. ``ConfigError`` names the key and the valid values.
Pure."""

from collections.abc import Mapping
from typing import Any, get_args

from bridge.errors import ConfigError
from bridge.tracker import charsets
from bridge.tracker.schema import Door, FieldPlace, KeyCase, ReadFrom, Sure, Write, is_absence_status


def parse_table(value: Any, where: str) -> Mapping[str, Any]:
    """Return a table. Raises ``ConfigError`` for anything else, like all functions here."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: must be a table")
    return value


def parse_setting_text(value: Any, where: str) -> str:
    """Return text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: must be a text that is not blank")
    return value


def parse_texts(value: Any, where: str) -> list[str]:
    """Return one text or several as a list."""
    if isinstance(value, str):
        return [parse_setting_text(value, where)]
    if not isinstance(value, list):
        raise ConfigError(f"{where}: must be text, or a list of texts")
    return [parse_setting_text(item, where) for item in value]


def choice(value: Any, choices: tuple[str, ...], where: str) -> str:
    """Return one of ``choices``."""
    if value not in choices:
        raise ConfigError(f"{where}: must be one of {', '.join(choices)}")
    return str(value)


def statuses(value: Any, where: str) -> frozenset[int]:
    """Return HTTP statuses that may mean that a record does not exist."""
    if (
        not isinstance(value, list)
        or not value
        or not all(type(item) is int and is_absence_status(item) for item in value)
    ):
        raise ConfigError(
            f"{where}: must be a list of HTTP statuses such as [204, 404]; use bodies for 2xx; 401, 408, "
            "429 and 502 to 504 never mean that a record does not exist"
        )
    return frozenset(value)


def answers(value: Any, where: str, allowed: range, always: set[int]) -> frozenset[int]:
    """Return HTTP statuses in a range, with those in ``always``."""
    if not isinstance(value, list) or not all(type(item) is int and item in allowed for item in value):
        raise ConfigError(
            f"{where}: must be a list of HTTP statuses from {allowed.start} to {allowed.stop - 1}"
        )
    return frozenset(value) | always


def seconds(value: Any, where: str) -> float:
    """Return a number of seconds, at most one day."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 86_400:
        raise ConfigError(f"{where}: must be a number of seconds from 1 to 86400")
    return float(value)


def unknown_name(where: str, what: str, known: list[str]) -> ConfigError:
    """Return the error for a name that is not ``known``."""
    return ConfigError(f"{where}: no such {what}; known: {', '.join(sorted(known))}")


def parse_first_page(value: Any, where: str) -> int:
    """Return 0 or 1."""
    if type(value) is not int or value not in (0, 1):
        raise ConfigError(f"{where}: must be 0 or 1")
    return value


def parse_page_size(value: Any, where: str) -> int:
    """Return a number of rows."""
    if type(value) is not int or value < 1:
        raise ConfigError(f"{where}: must be a whole number of at least 1")
    return value


def parse_charset(value: Any, where: str) -> str:
    """Return the name of a known charset."""
    name = parse_setting_text(value, where)
    if not charsets.is_known(name):
        raise ConfigError(f'{where}: unknown charset; examples: "utf-8", "windows-1252", "iso-8859-1"')
    return name


def parse_key_case(value: Any, where: str) -> KeyCase:
    """Return the case of an account's keys."""
    found: KeyCase
    for found in get_args(KeyCase):
        if found == value:
            return found
    raise ConfigError(f"{where}: must be one of {', '.join(get_args(KeyCase))}")


def parse_read(spelling: str, sure: Sure) -> FieldPlace:
    """Parse ``row:a``, ``detail:a.b`` or ``a.b`` (either record, the by-id one first). Raises ``ValueError``
    otherwise."""
    prefix, separator, dotted = spelling.partition(":")
    source: ReadFrom = "any"
    if not separator:
        dotted = spelling
    elif prefix == "row":
        source = "row"
    elif prefix == "detail":
        source = "detail"
    elif prefix != "any":
        raise ValueError("a path starts with row: or detail:, or has no colon")
    path = tuple(dotted.split("."))
    if not all(path):
        raise ValueError("a path consists of names separated by dots")
    return FieldPlace(source=source, path=path, sure=sure)


def parse_write(spelling: str, sure: Sure) -> Write:
    """Parse ``rest:a.b``, ``create:key`` or ``column:name``. Raises ``ValueError`` otherwise."""
    prefix, _, dotted = spelling.partition(":")
    path = tuple(dotted.split("."))
    for door in get_args(Door):
        if prefix == door:
            if not all(path) or (door != "rest" and len(path) > 1):
                raise ValueError("a place is one name, or for rest: names separated by dots")
            return Write(door=door, path=path, sure=sure)
    raise ValueError("a place starts with rest:, create: or column:")
