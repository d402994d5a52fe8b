"""What stands in a message of the commands topic: a command, or a reason why it is none. Pure."""

from collections.abc import Collection
from typing import Any

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
    """A command, its input by type, and its data spelled in the one way that ``content`` is hashed of."""

    command: Command
    input: Input
    canonical: bytes


class InvalidCommand(Struct, frozen=True, kw_only=True):
    """A message that is no command: ``failure`` says why. ``command_id`` is ``None`` where none can be read,
    and then nobody can be answered."""

    failure: Failure
    command_id: str | None
    type: str
    integration_id: str


def decode_command(value: bytes | None, integrations: Collection[str]) -> DecodedCommand | InvalidCommand:
    """The command in a message; ``integrations`` are those that are configured."""
    if value is None or not value.strip():
        return _denied(
            {}, "PLATFORM.INPUT_INVALID", "the message is empty; a command is a CloudEvent in JSON"
        )
    if len(value) > LARGEST_BYTES:
        return _denied(
            _head(value),
            "PLATFORM.INPUT_INVALID",
            f"the message has {len(value)} bytes, and a command may have {LARGEST_BYTES}: "
            "send large files by data_url",
        )
    try:
        command, data = codec.decode_command(value)
    except ContractError as error:
        return _denied(_head(value), "PLATFORM.INPUT_INVALID", str(error))
    if command.integrationid not in integrations:
        known = ", ".join(sorted(integrations)) or "none is configured"
        head = {"id": command.id, "type": command.type, "integrationid": command.integrationid}
        return _denied(head, "PLATFORM.INTEGRATION_NOT_FOUND", f"integrationid names none of: {known}")
    if _readable(command.id) is None:
        return _denied(_head(value), "PLATFORM.INPUT_INVALID", "id: has characters that can't be printed")
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(command.data), order="sorted")
    except (ValueError, RecursionError):
        # Reading an input passes over what it does not know: numbers out of range, text that is no UTF-8.
        return _denied(_head(value), "PLATFORM.INPUT_INVALID", "data: holds a value that can't be read")
    if not isinstance(data, Input):
        raise AssertionError("an input of every type of command is known")
    return DecodedCommand(command=command, input=data, canonical=canonical)


def subject(integration_id: str, data: Input) -> str | None:
    """What the command writes for: commands of one subject go one after another. ``None``: none in common.

    An e-mail address is given as it stands; whoever keeps it hashes it.
    """
    match data:
        case CreateCandidate() | CreateApplication():
            return f"address:{data.candidate.email_address.strip().casefold()}"
        case MoveToStage() | Reject():
            return f"application:{_as_id(integration_id, Model.APPLICATION, data.application_id)}"
        case _:
            return None


def target(integration_id: str, data: Input) -> str | None:
    """The id of the stage that an application is to be moved to; ``None`` of every other command."""
    if isinstance(data, MoveToStage):
        return _as_id(integration_id, Model.APPLICATION_STAGE, data.stage_id)
    return None


def _as_id(integration_id: str, model: Model, reference: str) -> str:
    remote_id = reference.removeprefix(ids.REMOTE_PREFIX)
    if remote_id == reference:
        return reference
    # 007 and 7 are one record.
    return ids.entity_id(integration_id, model, remote_id.lstrip("0") or remote_id)


def _head(value: bytes) -> dict[str, Any]:
    """What can be read of a message whatever is wrong with the rest; empty where it is no JSON object."""
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
    """A text that is fit to be an id of something; control characters and lone surrogates are not."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID or not value.isprintable():
        return None
    return value
