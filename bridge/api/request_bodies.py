"""Parses request bodies and query strings into structs, and explains what is wrong with them."""

import re
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TypeVar

import msgspec
from msgspec import Struct
from trackerrms_contracts.webhooks import FieldFault

from bridge.api import errors

S = TypeVar("S", bound=Struct)

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)

_WHOLE_NUMBER = re.compile("-?[0-9]{1,18}")

# What to write if a pattern does not match. The pattern itself would not help the caller.
_HINTS = {
    "url": "write a URL such as https://example.com/webhooks",
    "owner": "letters, digits, '.', '_' and '-', at most 63, with a letter or digit at both ends",
    "description": "one line of text",
    "integrations": "the id of an integration: lowercase letters, digits and '-'",
    "event_types": "write <model>.created, .updated or .deleted, <model>.*, *.deleted, endpoint.* or *",
    "event_type": "write <model>.created, .updated or .deleted, endpoint.disabled, or webhook.test",
    "changed_fields": "the name of a field of the model, such as current_stage_id",
    "headers": "a header name has letters, digits and '-'; its value is ASCII without line breaks",
    "endpoint_id": "an endpoint id is ep_ followed by 24 characters",
    "cursor": "pass next_cursor of the previous page, unchanged",
}


@cache
def _decoder(kind: type[S]) -> "msgspec.json.Decoder[S]":
    return msgspec.json.Decoder(kind)


def body(raw: bytes, kind: type[S]) -> S:
    """Decode a JSON body. Raises ``RequestRefused``: 400 if it is not JSON, else 422."""
    try:
        found: S = _decoder(kind).decode(raw)
        return found
    except msgspec.ValidationError as error:
        raise errors.invalid([_fault(str(error))]) from None
    except RecursionError:
        raise errors.malformed("the body is nested too deeply") from None
    except ValueError:
        raise errors.malformed("the body is not JSON in UTF-8") from None


def query(given: Mapping[str, str], kind: type[S]) -> S:
    """Decode a query string. Raises ``RequestRefused`` with 422."""
    # msgspec's lax mode would read "null" as None and a number as a timestamp.
    numbers = _whole_numbers(kind)
    spelled = {
        name: int(value) if name in numbers and _WHOLE_NUMBER.fullmatch(value) else value
        for name, value in given.items()
    }
    try:
        return msgspec.convert(spelled, kind)
    except msgspec.ValidationError as error:
        raise errors.invalid([_fault(str(error))]) from None


@cache
def _whole_numbers(kind: type[Struct]) -> frozenset[str]:
    hints = typing.get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if hint is int)


def moment(field: str, given: datetime) -> datetime:
    """Return the time in UTC, in the range that the store can hold. Raises ``RequestRefused`` with 422."""
    try:
        found = given.astimezone(UTC)
    except OverflowError:
        found = _NEVER
    if found < _EARLIEST:
        raise errors.invalid([FieldFault(field=field, detail="write a time between the years 2000 and 9999")])
    return found


def _fault(message: str) -> FieldFault:
    found = re.fullmatch(r"(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<where>[^`]*)`)?", message, re.DOTALL)
    what, where = (found["what"], found["where"] or "") if found else (message, "")
    named = re.search(r"(?:unknown|required) field `([^`]+)`", what)
    if named:
        field = f"{where}.{named[1]}" if where else named[1]
        return FieldFault(field=field, detail="required" if "required" in what else "unknown field")
    hint = _HINTS.get(re.split(r"[.\[]", where)[0])
    if hint and "regex" in what:
        what = hint
    return FieldFault(field=where or "body", detail=what)
