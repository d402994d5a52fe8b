"""Decoding of messages of the commands topic: a command, or the reason why it is not one. Pure."""

from collections.abc import Collection
from typing import Any, assert_never

import msgspec
from msgspec import Struct
from trackerrms_contracts import codec, ids
from trackerrms_contracts.codec import ContractError
from trackerrms_contracts.commands import (
    INPUTS,
    UNKNOWN_TYPE,
    Command,
    CreateApplication,
    CreateCandidate,
    Failure,
    MoveToStage,
    Passthrough,
    Reject,
)
from trackerrms_contracts.entities import Model

from bridge.commands import errors
from bridge.commands.errors import Code

LARGEST_BYTES = 15_000_000
Input = CreateCandidate | CreateApplication | MoveToStage | Reject | Passthrough
_LONGEST_ID = 200


class DecodedCommand(Struct, frozen=True, kw_only=True):
    """A command, its typed input, and its data in the canonical encoding that is hashed."""

    command: Command
    input: Input
    canonical: bytes


class InvalidCommand(Struct, frozen=True, kw_only=True):
    """A message that is not a valid command; ``failure`` says why. ``command_id`` is ``None`` if it can't be
    read; then no answer is possible."""

    failure: Failure
    command_id: str | None
    type: str
    integration_id: str


def decode_command(value: bytes | None, integrations: Collection[str]) -> DecodedCommand | InvalidCommand:
    """Decode a message. ``integrations`` are the configured ones."""
    if value is None or not value.strip():
        return _denied(
            {}, "PLATFORM.INPUT_INVALID", "the message is empty; a command is a CloudEvent in JSON"
        )
    if len(value) > LARGEST_BYTES:
        return _denied(
            _head(value),
            "PLATFORM.INPUT_INVALID",
            f"the message has {len(value)} bytes, more than the {LARGEST_BYTES} bytes of a command: "
            "send large files by data_url",
        )
    try:
        command, data = codec.decode_command(value)
    except ContractError as error:
        return _denied(_head(value), "PLATFORM.INPUT_INVALID", str(error))
    if command.integrationid not in integrations:
        known = ", ".join(sorted(integrations)) or "(none)"
        head = {"id": command.id, "type": command.type, "integrationid": command.integrationid}
        return _denied(
            head, "PLATFORM.INTEGRATION_NOT_FOUND", f"integrationid: is not one of the configured: {known}"
        )
    if _readable(command.id) is None:
        return _denied(_head(value), "PLATFORM.INPUT_INVALID", "id: has unprintable characters")
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(command.data), order="sorted")
    except (ValueError, RecursionError):
        # Decoding of the input skips unknown keys, so their values are checked here: numbers, UTF-8.
        return _denied(_head(value), "PLATFORM.INPUT_INVALID", "data: contains an invalid value")
    if not isinstance(data, Input):
        raise AssertionError("every type of command has an input")
    return DecodedCommand(command=command, input=data, canonical=canonical)


def subject(integration_id: str, data: Input) -> str | None:
    """Return what the command writes to: commands of one subject are executed in order. ``None`` if nothing
    shared.

    An e-mail address is returned in plain text; the caller must hash it before storing it.
    """
    match data:
        case CreateCandidate() | CreateApplication():
            return f"address:{data.candidate.email_address.strip().casefold()}"
        case MoveToStage() | Reject():
            return f"application:{_as_id(integration_id, Model.APPLICATION, data.application_id)}"
        case Passthrough():
            return None
        case _:
            assert_never(data)


def target(integration_id: str, data: Input) -> str | None:
    """Return the id of the stage to move an application to; ``None`` for every other command."""
    if isinstance(data, MoveToStage):
        return _as_id(integration_id, Model.APPLICATION_STAGE, data.stage_id)
    return None


def _as_id(integration_id: str, model: Model, reference: str) -> str:
    remote_id = reference.removeprefix(ids.REMOTE_PREFIX)
    if remote_id == reference:
        return reference
    # 007 and 7 are the same record.
    return ids.entity_id(integration_id, model, remote_id.lstrip("0") or remote_id)


def _head(value: bytes) -> dict[str, Any]:
    """Return what can be read of an invalid message; empty if it is not a JSON object."""
    try:
        found = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        return {
            key: msgspec.json.decode(found[key]) for key in ("id", "type", "integrationid") if key in found
        }
    except (ValueError, RecursionError):
        return {}


def _denied(head: dict[str, Any], code: Code, message: str) -> InvalidCommand:
    kind, integration = head.get("type"), head.get("integrationid")
    return InvalidCommand(
        failure=errors.failure_of_code(code, message),
        command_id=_readable(head.get("id")),
        type=kind if isinstance(kind, str) and kind in INPUTS else UNKNOWN_TYPE,
        integration_id=_readable(integration) or "unknown",
    )


def _readable(value: object) -> str | None:
    """Return the text if it can be an id: no control characters, no lone surrogates."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID or not value.isprintable():
        return None
    return value
