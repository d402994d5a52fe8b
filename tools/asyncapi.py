"""The AsyncAPI 3 document: every topic, with its key, headers, messages and examples.

``make generate`` writes ``asyncapi.json`` of the contracts, and ``docs/messages.md``. Tests hold both
against the structs. Seen from the bridge: it sends events, results and dead letters, and receives commands.
The payloads are the committed JSON Schemas.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trackerrms_contracts import commands, events, topics
from trackerrms_contracts.entities import STRUCTS, Model

from tools import asyncapi_page, examples, schemas
from tools.examples import Example

ROOT = Path(__file__).parents[1]
FILE = ROOT / "contracts" / "trackerrms_contracts" / "asyncapi.json"
PAGE = ROOT / "docs" / "messages.md"
VERSION = "3.0.0"
_BINDING = "0.5.0"
_TOMBSTONE = "Tombstone"
_INFO = (
    "What TrackerRMS Bridge publishes to Kafka and takes from it, seen from the bridge: it sends events, "
    "results and dead letters, and receives commands. Every value is a CloudEvent 1.0 in structured JSON. "
    "The topics' prefix, here `trackerrms`, is `kafka.topic_prefix` in the bridge's configuration. A reader "
    "ignores fields and types that it does not know: later versions add some. Messages come at least once; a "
    "repeat has the same `id`."
)
_KINDS: dict[Model, str] = {model: struct.__name__ for model, struct in STRUCTS.items()}


def document(prefix: str = topics.DEFAULT_PREFIX) -> dict[str, Any]:
    """The document, for topics with this prefix."""
    return {
        "asyncapi": VERSION,
        "id": "urn:trackerrms-bridge",
        "info": {
            "title": "TrackerRMS Bridge",
            "version": "1",
            "description": _INFO,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": dict(_channels(prefix)),
        "operations": dict(_operations()),
        "components": {
            "messages": dict(_messages()),
            "schemas": _definitions(),
            "securitySchemes": {
                name: {"type": kind}
                for name, kind in (
                    ("plain", "plain"),
                    ("scram256", "scramSha256"),
                    ("scram512", "scramSha512"),
                )
            },
        },
    }


def render(made: dict[str, Any]) -> str:
    """The document as it stands in its file."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Write the document and its page."""
    made = document()
    FILE.write_text(render(made), encoding="utf-8")
    PAGE.write_text(asyncapi_page.render(made), encoding="utf-8")


# --- where, and which way ---------------------------------------------------------------------------------


def _servers() -> dict[str, Any]:
    broker = {
        "host": "{host}:{port}",
        "variables": {
            "host": {"default": "kafka.example", "description": "one of `kafka.bootstrap_servers`"},
            "port": {"default": "9092", "description": "its port"},
        },
    }
    logins = [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("plain", "scram256", "scram512")]
    return {
        "plaintext": {
            **broker,
            "protocol": "kafka",
            "description": "Your Kafka, inside a network of its own.",
        },
        "tls": {
            **broker,
            "protocol": "kafka-secure",
            "description": "Your Kafka, over TLS with a login.",
            "security": logins,
        },
    }


def _channels(prefix: str) -> Iterable[tuple[str, dict[str, Any]]]:
    for model, kind in _KINDS.items():
        plural = topics.events(model).split(".")[1]
        description = (
            f"{schemas.described(STRUCTS[model])} Keyed by its `id`, in the order of `sequence`. Where "
            "`kafka.compacted` is on, a tombstone follows each `deleted`."
        )
        yield (
            _name_of(kind),
            _channel(
                topics.events(model, prefix),
                plural.replace("-", " ").capitalize(),
                description,
                [f"{kind}Event", _TOMBSTONE],
            ),
        )
    yield (
        "commands",
        _channel(
            topics.commands(prefix),
            "Commands",
            "What services ask the bridge to do in TrackerRMS. Messages of one key are carried out in their "
            "order: use the candidate's e-mail address for those that create, the application's id for those "
            "that move and reject; a passthrough has no order, and any key will do.",
            [f"{struct.__name__}Command" for struct in commands.INPUTS.values()],
        ),
    )
    yield (
        "commandResults",
        _channel(
            topics.command_results(prefix),
            "Results of commands",
            "One for each command, keyed by the command's id.",
            ["CommandResult"],
        ),
    )
    yield (
        "deadLetters",
        _channel(
            topics.dead_letter(prefix),
            "Dead letters",
            "What could not be processed, with the reason and where to find it; never the thing itself.",
            ["DeadLetter"],
        ),
    )


def _channel(address: str, title: str, description: str, messages: Sequence[str]) -> dict[str, Any]:
    return {
        "address": address,
        "title": title,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operations() -> Iterable[tuple[str, dict[str, Any]]]:
    for kind in _KINDS.values():
        yield (
            f"send{kind}Events",
            _operation("send", _name_of(kind), f"Tell of every change of its {kind} records."),
        )
    received = _operation("receive", "commands", "Carry out a command in TrackerRMS, once.")
    result = "#/channels/commandResults"
    received["reply"] = {
        "channel": {"$ref": result},
        "messages": [{"$ref": f"{result}/messages/CommandResult"}],
    }
    yield "receiveCommands", received
    yield "sendCommandResults", _operation("send", "commandResults", "Tell how a command ended.")
    yield "sendDeadLetters", _operation("send", "deadLetters", "Report what could not be processed.")


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _name_of(kind: str) -> str:
    return f"{kind[0].lower()}{kind[1:]}Events"


# --- messages ---------------------------------------------------------------------------------------------


def _messages() -> Iterable[tuple[str, dict[str, Any]]]:
    for model, kind in _KINDS.items():
        key = {"type": "string", "description": "the entity's id", "examples": [examples.RECORDS[model].id]}
        types = [events.event_type(model, operation) for operation in events.OPERATIONS]
        yield (
            f"{kind}Event",
            _message(f"{kind} event", f"A {kind} was created, updated or deleted.", f"{kind}Event", key,
                     examples.of_events(model), types),
        )  # fmt: skip
    yield _TOMBSTONE, _tombstone()
    for command, struct in commands.INPUTS.items():
        name = f"{struct.__name__}Command"
        asked = examples.of_command(command)
        keyed = {"type": "string", "description": "what keeps the order", "examples": [asked.key.decode()]}
        yield (
            name,
            _message(command, schemas.described(struct), name, keyed, [asked])
            | {"correlationId": {"location": "$message.payload#/id", "description": "The command's id."}},
        )
    key = {"type": "string", "description": "the command's id"}
    told = _message(
        "Command result", "How a command ended.", "Result", key, examples.of_results(), _endings()
    )
    location = {"location": "$message.payload#/data/command_id", "description": "The command's id."}
    yield "CommandResult", told | {"correlationId": location}
    key = {"type": "string", "description": "the integration and the record, or the message's place on Kafka"}
    letters = examples.of_dead_letters()
    yield (
        "DeadLetter",
        _message("Dead letter", "What could not be processed.", "DeadLetter", key, letters,
                 [letter.name for letter in letters]),
    )  # fmt: skip


def _endings() -> list[str]:
    kinds = [f"{kind}.{ending}" for kind in commands.INPUTS for ending in commands.ENDINGS]
    return [*kinds, f"{commands.UNKNOWN_TYPE}.failed"]


def _message(
    title: str,
    summary: str,
    payload: str,
    key: dict[str, Any],
    shown: Sequence[Example],
    types: Sequence[str] = (),
) -> dict[str, Any]:
    """A message of the bridge has headers; a command (``types`` is empty) needs none."""
    return {
        "name": payload,
        "title": title,
        "summary": summary,
        "contentType": events.CONTENT_TYPE.decode(),
        **({"headers": _headers(types)} if types else {}),
        "payload": {"$ref": f"#/components/schemas/{payload}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
        "examples": [_shown(example) for example in shown],
    }


def _headers(types: Sequence[str]) -> dict[str, Any]:
    said: dict[str, dict[str, Any]] = {
        "content-type": {"const": events.CONTENT_TYPE.decode(), "description": "the mode of CloudEvents"},
        "ce_id": {"description": "the same as `id`"},
        "ce_type": {"enum": list(types), "description": "the same as `type`"},
        "ce_integrationid": {"description": "the same as `integrationid`"},
    }
    properties = {name: {"type": "string", **schema} for name, schema in said.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _tombstone() -> dict[str, Any]:
    return {
        "name": _TOMBSTONE,
        "title": "Tombstone",
        "summary": "Lets a compacted topic forget a deleted entity: a key without a value, and no headers.",
        "payload": {"type": "null"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _BINDING}},
    }


def _shown(example: Example) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in example.headers}
    return {
        "name": example.name,
        **({"headers": headers} if headers else {}),
        "payload": json.loads(example.value),
    }


# --- payloads ---------------------------------------------------------------------------------------------


def _definitions() -> dict[str, Any]:
    """The definitions of all JSON Schemas side by side, each under a name of its own."""
    made: dict[str, Any] = {}
    for schema in schemas.generate().values():
        renamed = {name: _renamed(name, schema["$defs"]) for name in schema["$defs"]}
        for name, definition in schema["$defs"].items():
            own = renamed[name]
            found = _moved(definition, renamed)
            if made.setdefault(own, found) != found:
                raise AssertionError(f"two definitions of {own}")
    return dict(sorted(made.items()))


def _renamed(name: str, siblings: Iterable[str]) -> str:
    """``Event_User_`` is ``UserEvent``; each command's envelope bears its input's name."""
    kind, _, record = name.partition("_")
    if record:
        return f"{record.removesuffix('_')}{kind}"
    if name == commands.Command.__name__:
        return next(f"{s.__name__}Command" for s in commands.INPUTS.values() if s.__name__ in siblings)
    return name


def _moved(value: Any, renamed: dict[str, str]) -> Any:
    """With references to where the definitions are now; AsyncAPI's discriminator is a name alone."""
    match value:
        case {"$ref": str(reference)}:
            return {"$ref": f"#/components/schemas/{renamed[reference.removeprefix('#/$defs/')]}"}
        case {"discriminator": {"propertyName": name}, **rest}:
            return {**_moved(rest, renamed), "discriminator": name}
        case dict():
            return {key: _moved(one, renamed) for key, one in value.items()}
        case list():
            return [_moved(one, renamed) for one in value]
        case str():
            return value.replace("``", "`").replace("`None`", "`null`")
        case _:
            return value
