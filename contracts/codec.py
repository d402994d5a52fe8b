"""Bytes to structs and back.

Readers ignore unknown fields, so that a newer bridge may add some. ``ContractError`` says which field of
what message is wrong, never the value.
"""

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from contracts import commands, entities, events
from contracts.entities import Entity, Model

_encoder = msgspec.json.Encoder(decimal_format="number")


class ContractError(ValueError):
    """A message does not follow the contract."""


class _Head(Struct, frozen=True, kw_only=True):
    type: str


_head = msgspec.json.Decoder(_Head)


def encode(message: Any) -> bytes:
    """UTF-8 JSON, the keys in the struct's order."""
    return _encoder.encode(message)


def decode_event(value: bytes) -> events.Event[Any]:
    """An event with its typed record; ``ContractError`` when ``value`` is none."""
    try:
        model, _ = events.parse_type(_head.decode(value).type)
        return event_decoder(model).decode(value)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise ContractError(f"not an event: {error}") from error


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
    except ValueError as error:
        raise ContractError(f"not a command: {error}") from error


_command = msgspec.json.Decoder(commands.Command)
_inputs = {kind: msgspec.json.Decoder(struct) for kind, struct in commands.INPUTS.items()}


def field_names(struct: type[Entity]) -> tuple[str, ...]:
    """The fields that make up a record's content, in order: what hashes and ``changed_fields`` speak of."""
    return tuple(name for name in struct.__struct_fields__ if name not in entities.UNHASHED)
