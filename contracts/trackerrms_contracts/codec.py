"""Bytes to structs and back.

Readers ignore unknown fields, so that a newer bridge may add some. ``ContractError`` says which field of
what message is wrong, never the value: the message may hold personal data.
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
    """A message does not follow the contract. Says where, and what was expected there."""


class _Head(Struct, frozen=True, kw_only=True):
    type: str


_head = msgspec.json.Decoder(_Head)


def encode(message: Any) -> bytes:
    """UTF-8 JSON, the keys in the struct's order. ``ValueError`` for text that UTF-8 can't hold."""
    return _encoder.encode(message)


def decode_event(value: bytes) -> events.Event[Any]:
    """An event with its typed record; ``ContractError`` when ``value`` is none."""
    try:
        model, _ = events.parse_type(_head.decode(value).type)
        return event_decoder(model).decode(value)
    except _REFUSED as error:
        raise ContractError(f"not an event: {_without_values(error)}") from None


@cache
def event_decoder(model: Model) -> "msgspec.json.Decoder[events.Event[Any]]":
    """The decoder of one model's events."""
    kind: Any = event_struct(model)
    return msgspec.json.Decoder(kind)


def event_struct(model: Model) -> Any:
    """``Event[Candidate]`` for ``Model.CANDIDATE``, and so on."""
    record: Any = entities.STRUCTS[model]
    return events.Event[record]


def decode_command(value: bytes) -> tuple[commands.Command, Struct]:
    """A command's envelope and its typed input; ``ContractError`` when ``value`` is none."""
    try:
        command = _command.decode(value)
        return command, _inputs[command.type].decode(command.data)
    except _REFUSED as error:
        raise ContractError(f"not a command: {_without_values(error)}") from None


# msgspec's errors are ValueErrors; a message nested thousands of levels deep makes it give up in its own way.
_REFUSED = (ValueError, RecursionError)
_QUOTED = re.compile(r"^Invalid (?:enum )?value .*?(?= - at `|\Z)", re.DOTALL)


def _without_values(error: Exception) -> str:
    # Neither the text nor the chain of a ContractError may quote what the message said.
    match error:
        case msgspec.DecodeError():
            return _QUOTED.sub("not one of the values that are allowed there", str(error))
        case RecursionError():
            return "nested too deeply"
        case UnicodeError():
            return "not UTF-8"
        case _:
            return "`type` names no event"


_command = msgspec.json.Decoder(commands.Command)
_inputs = {kind: msgspec.json.Decoder(struct) for kind, struct in commands.INPUTS.items()}


def field_names(struct: type[Entity]) -> tuple[str, ...]:
    """The fields that make up a record's content, in order: what hashes and ``changed_fields`` speak of."""
    return tuple(name for name in struct.__struct_fields__ if name not in entities.UNHASHED)
