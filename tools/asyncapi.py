"""Generate the AsyncAPI 3 document: every topic, with its key, headers, messages and examples.

``make generate`` writes ``asyncapi.json`` of the contracts, and ``docs/messages.md``. Tests compare both with
the structs. The document takes the bridge's point of view: it sends events, results and dead letters, and
receives commands. The payloads are the committed JSON Schemas.
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
    "The messages that TrackerRMS Bridge exchanges through Kafka, from the bridge's point of view: it sends "
    "events, results and dead letters, and receives commands. Every value is a CloudEvent 1.0 in structured "
    "JSON. The prefix of the topics, here `trackerrms`, is `kafka.topic_prefix` in the bridge's "
    "configuration. Consumers must ignore unknown fields and types, because later versions add some. "
    "Messages are delivered at least once; a repeated message has the same `id`."
)
_DEAD_LETTER = "A report about a record or message that could not be processed."
_KINDS: dict[Model, str] = {model: struct.__name__ for model, struct in STRUCTS.items()}


def document(prefix: str = topics.DEFAULT_PREFIX) -> dict[str, Any]:
    """Return the document for topics with this prefix."""
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
    """Return the text of the document's file."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Write the document and its page."""
    made = document()
    FILE.write_text(render(made), encoding="utf-8")
    PAGE.write_text(asyncapi_page.render(made), encoding="utf-8")


# --- servers, channels and operations ---------------------------------------------------------------------


def _servers() -> dict[str, Any]:
    broker = {
        "host": "{host}:{port}",
        "variables": {
            "host": {"default": "kafka.example", "description": "a host of `kafka.bootstrap_servers`"},
            "port": {"default": "9092", "description": "the port of that host"},
        },
    }
    logins = [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("plain", "scram256", "scram512")]
    return {
        "plaintext": {
            **broker,
            "protocol": "kafka",
            "description": "Your Kafka, in a private network.",
        },
        "tls": {
            **broker,
            "protocol": "kafka-secure",
            "description": "Your Kafka, over TLS with authentication.",
            "security": logins,
        },
    }


def _channels(prefix: str) -> Iterable[tuple[str, dict[str, Any]]]:
    for model, kind in _KINDS.items():
        plural = topics.events(model).split(".")[1]
        description = (
            f"{schemas.described(STRUCTS[model])} The key is the entity's `id`; the events of one key are in "
            "the order of `sequence`. If `kafka.compacted` is on, a tombstone follows each `deleted`."
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
            "Requests of services to change TrackerRMS. Commands with the same key are carried out in order. "
            "Use the candidate's e-mail address as the key to create, and the application's id to move or "
            "reject. Passthroughs have no order; use any key.",
            [f"{struct.__name__}Command" for struct in commands.INPUTS.values()],
        ),
    )
    yield (
        "commandResults",
        _channel(
            topics.command_results(prefix),
            "Results of commands",
            "One result for each command. The key is the command's id.",
            ["CommandResult"],
        ),
    )
    yield (
        "deadLetters",
        _channel(
            topics.dead_letter(prefix),
            "Dead letters",
            "Reports about records and messages that could not be processed, with the reason and the "
            "location of the original, but without its content.",
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
            _operation("send", _name_of(kind), f"Publish every change of {kind} records."),
        )
    received = _operation("receive", "commands", "Carry out a command in TrackerRMS once.")
    result = "#/channels/commandResults"
    received["reply"] = {
        "channel": {"$ref": result},
        "messages": [{"$ref": f"{result}/messages/CommandResult"}],
    }
    yield "receiveCommands", received
    yield "sendCommandResults", _operation("send", "commandResults", "Publish the result of a command.")
    summary = "Report a record or message that could not be processed."
    yield "sendDeadLetters", _operation("send", "deadLetters", summary)


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
        keyed = {
            "type": "string",
            "description": "commands with the same key are carried out in order",
            "examples": [asked.key.decode()],
        }
        yield (
            name,
            _message(command, schemas.described(struct), name, keyed, [asked])
            | {"correlationId": {"location": "$message.payload#/id", "description": "The command's id."}},
        )
    key = {"type": "string", "description": "the command's id"}
    result = _message(
        "Command result", "The result of a command.", "Result", key, examples.of_results(), _endings()
    )
    location = {"location": "$message.payload#/data/command_id", "description": "The command's id."}
    yield "CommandResult", result | {"correlationId": location}
    key = {"type": "string", "description": "the integration and the record, or the message's place on Kafka"}
    letters = examples.of_dead_letters()
    yield (
        "DeadLetter",
        _message("Dead letter", _DEAD_LETTER, "DeadLetter", key, letters,
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
    """Return a message. Messages of the bridge have headers; commands (``types`` is empty) need none."""
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
        "summary": "Removes a deleted entity from a compacted topic: a key without a value and headers.",
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
    """Return the definitions of all JSON Schemas, each under a unique name."""
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
    """Return the unique name of a definition: ``UserEvent`` for ``Event_User_``. The envelope of a command
    gets its input's name."""
    kind, _, record = name.partition("_")
    if record:
        return f"{record.removesuffix('_')}{kind}"
    if name == commands.Command.__name__:
        return next(f"{s.__name__}Command" for s in commands.INPUTS.values() if s.__name__ in siblings)
    return name


def _moved(value: Any, renamed: dict[str, str]) -> Any:
    """Return the value with updated references. AsyncAPI's discriminator is only a name."""
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
