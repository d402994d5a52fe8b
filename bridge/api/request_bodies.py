"""Bytes and query strings to structs, and what is wrong with them in words that help."""

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

# What to write where a pattern is not met: the pattern itself helps nobody.
_HINTS = {
    "url": "write an address such as https://example.com/webhooks",
    "owner": "letters, digits, '.', '_' and '-', at most 63, no sign at either end",
    "description": "one line of text",
    "integrations": "the id of an integration: small letters, digits and '-'",
    "event_types": "write <model>.created, .updated or .deleted, <model>.*, *.deleted, endpoint.* or *",
    "event_type": "write <model>.created, .updated or .deleted, endpoint.disabled, or webhook.test",
    "changed_fields": "the name of a field of the model, such as current_stage_id",
    "headers": "a header's name has letters, digits and '-'; its value is plain ASCII without line breaks",
    "endpoint_id": "an endpoint's id is ep_ and 24 characters",
    "cursor": "give next_cursor of the page before, unchanged",
}


@cache
def _decoder(kind: type[S]) -> "msgspec.json.Decoder[S]":
    return msgspec.json.Decoder(kind)


def body(raw: bytes, kind: type[S]) -> S:
    """The struct that a JSON body spells. Raises ``Refused``: 400 for what is no JSON, else 422."""
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
    """The struct that a query string spells. Raises ``Refused`` with 422."""
    # msgspec's own lax reading would take "null" for nothing and a number for a moment.
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
    """A moment in UTC that the store can hold. Raises ``Refused`` with 422."""
    try:
        found = given.astimezone(UTC)
    except OverflowError:
        found = _NEVER
    if found < _EARLIEST:
        raise errors.invalid([FieldFault(field=field, detail="write a moment between 2000 and 9999")])
    return found


def _fault(message: str) -> FieldFault:
    found = re.fullmatch(r"(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<where>[^`]*)`)?", message, re.DOTALL)
    what, where = (found["what"], found["where"] or "") if found else (message, "")
    named = re.search(r"(?:unknown|required) field `([^`]+)`", what)
    if named:
        field = f"{where}.{named[1]}" if where else named[1]
        return FieldFault(
            field=field, detail="must be given" if "required" in what else "there is no such field"
        )
    hint = _HINTS.get(re.split(r"[.\[]", where)[0])
    if hint and "regex" in what:
        what = hint
    return FieldFault(field=where or "body", detail=what)
