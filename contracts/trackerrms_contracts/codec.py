"""Encodes and decodes messages.

Readers ignore unknown fields, so that a newer bridge may add some. ``ContractError`` names the message and
the field that is wrong, never the value, because messages may hold personal data.
"""

import re
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from trackerrms_contracts import commands, entities, events
from trackerrms_contracts.entities import Entity, Model

_encoder = msgspec.json.Encoder(decimal_format="number")


class ContractError(ValueError):
    """A message violates the contract. The text says where, and what was expected there."""


class _Head(Struct, frozen=True, kw_only=True):
    type: str


_head = msgspec.json.Decoder(_Head)


def encode(message: Any) -> bytes:
    """Encode a message as UTF-8 JSON, with the keys in the struct's order. Raises ``ValueError`` for text
    that UTF-8 can't hold."""
    return _encoder.encode(message)


def decode_event(value: bytes) -> events.Event[Any]:
    """Decode an event with its typed record. Raises ``ContractError`` if ``value`` is not an event."""
    try:
        model, _ = events.parse_type(_head.decode(value).type)
        return event_decoder(model).decode(value)
    except _REFUSED as error:
        raise ContractError(f"not an event: {_without_values(error)}") from None


@cache
def event_decoder(model: Model) -> "msgspec.json.Decoder[events.Event[Any]]":
    """Return the decoder of one model's events."""
    kind: Any = event_struct(model)
    return msgspec.json.Decoder(kind)


def event_struct(model: Model) -> Any:
    """Return ``Event[Candidate]`` for ``Model.CANDIDATE``, and so on."""
    record: Any = entities.STRUCTS[model]
    return events.Event[record]


def decode_command(value: bytes) -> tuple[commands.Command, Struct]:
    """Decode a command's envelope and its typed input. Raises ``ContractError`` if ``value`` is not a
    command."""
    try:
        command = _command.decode(value)
        return command, _inputs[command.type].decode(command.data)
    except _REFUSED as error:
        raise ContractError(f"not a command: {_without_values(error)}") from None


# msgspec's errors are ValueErrors; a message nested thousands of levels deep raises RecursionError.
_REFUSED = (ValueError, RecursionError)
_QUOTED = re.compile(r"^Invalid (?:enum )?value .*?(?= - at `|\Z)", re.DOTALL)


def _without_values(error: Exception) -> str:
    # Neither the text nor the chain of a ContractError may quote the message.
    match error:
        case msgspec.DecodeError():
            return _QUOTED.sub("not one of the allowed values", str(error))
        case RecursionError():
            return "nested too deeply"
        case UnicodeError():
            return "not UTF-8"
        case _:
            return "`type` is not an event type"


_command = msgspec.json.Decoder(commands.Command)
_inputs = {kind: msgspec.json.Decoder(struct) for kind, struct in commands.INPUTS.items()}


def field_names(struct: type[Entity]) -> tuple[str, ...]:
    """Return the fields of a record's content, in order: those that are hashed and named in
    ``changed_fields``."""
    return tuple(name for name in struct.__struct_fields__ if name not in entities.UNHASHED)
